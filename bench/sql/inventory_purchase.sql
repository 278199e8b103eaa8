\set turn :turn + 1
\set n :client_id * :most + :turn
BEGIN;
SET LOCAL lock_timeout = 0;
SELECT pg_advisory_xact_lock(hashtextextended(:n::text, 0));
SELECT FROM seats
 WHERE seat_id = ('50000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid FOR UPDATE NOWAIT;
SELECT seat.event_id, seat.category, seat.status, seat.held_by_user_id, seat.hold_id,
       seat.held_until, seat.held_until > clock_timestamp() AS live,
       floor(extract(epoch FROM seat.held_until - clock_timestamp()))::int AS seconds_left,
       named.status AS named_status,
       (SELECT count(*) FROM seats AS own
         WHERE own.held_by_user_id = ('52000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid
           AND own.event_id = seat.event_id
           AND own.status = 'HELD' AND own.held_until > clock_timestamp()) AS live_holds
  FROM seats AS seat
  LEFT JOIN holds AS named
    ON named.hold_id = ('51000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid
 WHERE seat.seat_id = ('50000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid;
WITH lapsed AS (
    UPDATE holds SET status = 'RELEASED', settled_at = statement_timestamp()
      FROM seats
     WHERE seats.seat_id = ('50000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid
       AND holds.hold_id = seats.hold_id AND holds.status = 'HELD'
       AND seats.held_until <= statement_timestamp()
    RETURNING holds.hold_id
), booked AS (
    INSERT INTO holds (hold_id, seat_id, user_id, status, held_until, created_at)
    SELECT ('51000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid,
           ('50000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid,
           ('52000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid,
           'HELD', statement_timestamp() + interval '5 minutes', statement_timestamp()
      FROM (SELECT count(*) FROM lapsed) AS after_the_lapsed
    ON CONFLICT DO NOTHING
    RETURNING hold_id, user_id, seat_id, held_until
)
UPDATE seats
   SET status = 'HELD', hold_id = booked.hold_id, held_by_user_id = booked.user_id,
       held_until = booked.held_until, updated_at = statement_timestamp()
  FROM booked
 WHERE seats.seat_id = booked.seat_id
   AND (seats.status = 'AVAILABLE'
        OR seats.status = 'HELD' AND seats.held_until <= statement_timestamp())
RETURNING seats.held_until;
COMMIT;
BEGIN;
SELECT FROM seats
 WHERE seat_id = ('50000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid FOR UPDATE;
WITH sold AS (
    UPDATE seats
       SET status = 'SOLD', owner_user_id = held_by_user_id, price_paid = :price::numeric,
           qr_code_hash = repeat('0', 64), held_by_user_id = NULL, held_until = NULL,
           updated_at = clock_timestamp()
     WHERE seat_id = ('50000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid
       AND status = 'HELD'
       AND hold_id = ('51000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid
       AND held_by_user_id = ('52000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid
       AND held_until > clock_timestamp()
    RETURNING hold_id
)
UPDATE holds SET status = 'SOLD', settled_at = clock_timestamp()
  FROM sold WHERE holds.hold_id = sold.hold_id AND holds.status = 'HELD'
RETURNING holds.hold_id;
COMMIT;
