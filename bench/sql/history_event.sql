-- The events of the history: 5,000 seats each.
INSERT INTO events (event_id, name, venue_id, hall_id, event_date, total_seats, pricing_tiers)
SELECT md5('event' || n)::uuid, 'An Earlier Night', venue_id, 'BENCH', now() - interval '30 days',
       5000, jsonb_build_object('CAT1', %(price)s)
  FROM generate_series(%(seats_from)s / 5000, (%(seats_to)s - 1) / 5000) AS n,
       (SELECT venue_id FROM venues LIMIT 1) AS somewhere
