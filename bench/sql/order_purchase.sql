\set turn :turn + 1
\set n :client_id * :most + :turn
INSERT INTO orders (order_id, user_id, seat_id, event_id, credits_charged, held_until)
VALUES (('51000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid,
        ('52000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid,
        ('50000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid,
        '53000000-0000-4000-8000-000000000000', :price::numeric, now() + interval '5 minutes')
ON CONFLICT DO NOTHING RETURNING *;
UPDATE orders
   SET saga = 'pay', saga_step = 'pay.charge', saga_version = saga_version + 1,
       saga_driver = gen_random_uuid(), saga_touched_at = now()
 WHERE order_id = ('51000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid
   AND user_id = ('52000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid
   AND saga IS NULL AND status = 'PENDING' AND held_until > now()
RETURNING *;
UPDATE orders SET saga_step = 'pay.confirm_seat', saga_touched_at = now()
 WHERE order_id = ('51000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid
   AND saga IS NOT NULL AND saga_version = 1 AND saga_undoing IS false
RETURNING *;
UPDATE orders
   SET status = 'CONFIRMED', confirmed_at = now(), saga = NULL, saga_step = NULL, saga_undoing = false,
       saga_touched_at = now()
 WHERE order_id = ('51000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid
   AND status = 'PENDING' AND saga IS NOT NULL AND saga_version = 1 AND saga_undoing IS false
RETURNING *;
