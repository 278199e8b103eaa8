-- Seats, and those that were sold with their holds.
INSERT INTO seats (seat_id, event_id, category, row_number, seat_number)
SELECT md5('seat' || n)::uuid, md5('event' || n / 5000)::uuid, 'CAT1',
       upper(lpad(to_hex(n %% 5000 / 100), 4, '0')), n %% 100 + 1
  FROM generate_series(%(seats_from)s, %(seats_to)s - 1) AS n;

WITH sold AS (
    SELECT md5('seat' || n)::uuid AS seat_id, md5('order' || n)::uuid AS hold_id,
           md5('user' || n)::uuid AS user_id
      FROM generate_series(%(sold_from)s, %(sold_to)s - 1) AS n
), held AS (
    INSERT INTO holds (hold_id, seat_id, user_id, status, held_until, settled_at)
    SELECT hold_id, seat_id, user_id, 'SOLD', now(), now() FROM sold
)
UPDATE seats
   SET status = 'SOLD', hold_id = sold.hold_id, owner_user_id = sold.user_id,
       price_paid = %(price)s, qr_code_hash = repeat('0', 64)
  FROM sold
 WHERE seats.seat_id = sold.seat_id
