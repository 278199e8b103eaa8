-- Demo users; each has the password password123. Running this again changes nothing: a balance and
-- its ledger entry come with the user, in one statement, or not at all.

WITH new_users AS (
    INSERT INTO users
        (user_id, email, full_name, phone, role, credit_balance, is_flagged, password_hash)
    VALUES
        ('30000000-0000-4000-8000-000000000001', 'user1@example.com', 'Aisha Rahman', '+6591230001',
         'customer', 1000.00, FALSE, '$2b$12$nekqX/qBCMsW/o/uiXvq9ecQkgkSuHE1Xlk.gI8kiUKqqLe9lHoJa'),
        ('30000000-0000-4000-8000-000000000002', 'user2@example.com', 'Ben Tan', '+6591230002',
         'customer', 500.00, TRUE, '$2b$12$YzYySwwbrgT39k73DfQ3mOfkoF9aU3pInFZSMPhQP.og0fQtp.pPu'),
        ('30000000-0000-4000-8000-000000000003', 'user3@example.com', 'Chitra Devi', '+6591230003',
         'customer', 1000.00, FALSE, '$2b$12$Fvmelx6ro49xHL5Gbe6Eie26SDq66eAbaK7NDreTP74eV/FJqThT6'),
        ('30000000-0000-4000-8000-000000000004', 'staff@example.com', 'Daniel Lim', '+6591230004',
         'staff', 0.00, FALSE, '$2b$12$pXcQfnbwQmmhk9eK0JZ6MeKR0yklfRSulCGrdUKhrsEfisgYCrB.m'),
        ('30000000-0000-4000-8000-000000000005', 'admin@example.com', 'Esther Ng', '+6591230005',
         'admin', 0.00, FALSE, '$2b$12$exnCAYcfKU/MKUP4j3nyguAdU4H2CXVCx9TMvk63FkBwe8mhwbyOe')
    ON CONFLICT DO NOTHING
    RETURNING user_id, credit_balance
)
INSERT INTO credit_ledger (user_id, kind, amount, balance_after, reference_id, reason)
SELECT user_id, 'GRANT', credit_balance, credit_balance, user_id, 'Opening balance of the demo'
FROM new_users
WHERE credit_balance > 0
ON CONFLICT DO NOTHING;
