\set turn :turn + 1
\set n :client_id * :most + :turn
SELECT is_flagged FROM users
 WHERE user_id = ('52000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid;
WITH account AS MATERIALIZED (
    SELECT user_id, credit_balance FROM users
     WHERE user_id = ('52000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid FOR UPDATE
), entry AS (
    INSERT INTO credit_ledger (user_id, kind, amount, balance_after, reference_id, tombstone, reason)
    SELECT user_id, 'CHARGE'::ledger_kind, -:price::numeric, credit_balance - :price::numeric,
           ('51000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid, false, NULL
      FROM account WHERE credit_balance - :price::numeric >= 0
    ON CONFLICT DO NOTHING
    RETURNING entry_id, user_id, balance_after
)
UPDATE users SET credit_balance = entry.balance_after
  FROM entry WHERE users.user_id = entry.user_id
RETURNING users.user_id, users.credit_balance, entry.entry_id;
