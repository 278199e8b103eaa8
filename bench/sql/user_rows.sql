-- The buyers of the row work: the client's number and its turn make their IDs.
WITH made AS (
    INSERT INTO users (user_id, email, credit_balance, password_hash)
    SELECT ('52000000-0000-4000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'row-' || n || '@example.com',
           %(price)s, 'none: they never log in'
      FROM generate_series(0, %(clients)s - 1) AS client, generate_series(1, %(turns)s) AS turn,
           LATERAL (SELECT client * %(most)s + turn) AS numbered (n)
    RETURNING user_id, credit_balance
)
INSERT INTO credit_ledger (user_id, kind, amount, balance_after, reference_id, reason)
SELECT user_id, 'GRANT', credit_balance, credit_balance, user_id, 'for the bench' FROM made
