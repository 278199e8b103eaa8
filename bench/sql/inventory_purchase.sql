\set turn :turn + 1
\set n :client_id * :most + :turn
BEGIN;
SELECT set_config('lock_timeout', '0', true);
SELECT pg_advisory_xact_lock(hashtextextended(:n::text, 0));
SELECT FROM seats
 WHERE seat_id = ('50000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid FOR UPDATE NOWAIT;
WITH clock AS MATERIALIZED (
    SELECT clock_timestamp() AS at
), seen AS (
    SELECT seat.event_id, seat.category, seat.status, seat.held_by_user_id, seat.hold_id,
           seat.held_until, clock.at, coalesce(seat.held_until > clock.at, false) AS live,
           floor(extract(epoch FROM seat.held_until - clock.at))::int AS seconds_left,
           named.status AS named_status,
           (SELECT count(*) FROM seats AS own
             WHERE own.held_by_user_id = ('52000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid
               AND own.event_id = seat.event_id
               AND own.status = 'HELD' AND own.held_until > clock.at) AS live_holds
      FROM clock, seats AS seat
      LEFT JOIN holds AS named
        ON named.hold_id = ('51000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid
     WHERE seat.seat_id = ('50000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid
), granted AS (
    SELECT hold_id AS before, at, at + interval '5 minutes' AS until
      FROM seen
     WHERE status IN ('AVAILABLE', 'HELD') AND NOT live AND named_status IS NULL AND live_holds < 4
), held AS (
    UPDATE seats
       SET status = 'HELD',
           hold_id = ('51000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid,
           held_by_user_id = ('52000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid,
           held_until = granted.until, updated_at = granted.at
      FROM granted
     WHERE seats.seat_id = ('50000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid
       AND (seats.status = 'AVAILABLE'
            OR seats.status = 'HELD' AND seats.held_until <= granted.at)
    RETURNING seats.seat_id, seats.held_until, granted.at, granted.before
), lapsed AS (
    UPDATE holds SET status = 'RELEASED', settled_at = held.at
      FROM held WHERE holds.hold_id = held.before AND holds.status = 'HELD'
    RETURNING holds.hold_id
), booked AS (
    INSERT INTO holds (hold_id, seat_id, user_id, status, held_until, created_at)
    SELECT ('51000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid, held.seat_id,
           ('52000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid,
           'HELD', held.held_until, held.at
      FROM held, (SELECT count(*) FROM lapsed) AS after_the_lapsed
    RETURNING held_until
)
SELECT seen.*, booked.held_until AS booked_until FROM seen LEFT JOIN booked ON true;
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
       AND EXISTS (SELECT FROM holds
                    WHERE hold_id = ('51000000-0000-4000-8000-' || lpad(to_hex(:n::int), 12, '0'))::uuid
                      AND status = 'HELD')
    RETURNING hold_id
)
UPDATE holds SET status = 'SOLD', settled_at = clock_timestamp()
  FROM sold WHERE holds.hold_id = sold.hold_id AND holds.status = 'HELD'
RETURNING holds.hold_id;
COMMIT;
