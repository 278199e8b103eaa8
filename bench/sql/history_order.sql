-- The orders of the seats that were sold, and those that failed, of the same seats and users.
INSERT INTO orders (order_id, user_id, seat_id, event_id, status, credits_charged, held_until,
                    confirmed_at)
SELECT md5('order' || n)::uuid, md5('user' || n)::uuid, md5('seat' || n)::uuid,
       md5('event' || n / 5000)::uuid, 'CONFIRMED', %(price)s, now(), now()
  FROM generate_series(%(sold_from)s, %(sold_to)s - 1) AS n;

INSERT INTO orders (order_id, user_id, seat_id, event_id, status, credits_charged, held_until,
                    failure_reason)
SELECT md5('failed' || n)::uuid, md5('user' || n %% %(sold_to)s)::uuid,
       md5('seat' || n %% %(sold_to)s)::uuid, md5('event' || n %% %(sold_to)s / 5000)::uuid,
       'FAILED', %(price)s, now(), 'HOLD_EXPIRED'
  FROM generate_series(%(failed_from)s, %(failed_to)s - 1) AS n
