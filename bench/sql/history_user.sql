-- The buyers of the seats that were sold, each with nothing left of what he was given.
INSERT INTO users (user_id, email, credit_balance, password_hash)
SELECT md5('user' || n)::uuid, 'history-' || n || '@example.com', 0, 'none: they never log in'
  FROM generate_series(%(sold_from)s, %(sold_to)s - 1) AS n;

INSERT INTO credit_ledger (user_id, kind, amount, balance_after, reference_id, reason)
SELECT md5('user' || n)::uuid, 'GRANT', %(price)s, %(price)s, md5('user' || n)::uuid, 'for the bench'
  FROM generate_series(%(sold_from)s, %(sold_to)s - 1) AS n;

INSERT INTO credit_ledger (user_id, kind, amount, balance_after, reference_id)
SELECT md5('user' || n)::uuid, 'CHARGE', -%(price)s, 0, md5('order' || n)::uuid
  FROM generate_series(%(sold_from)s, %(sold_to)s - 1) AS n
