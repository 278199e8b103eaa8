-- The event of the row work.
INSERT INTO events (event_id, name, venue_id, hall_id, event_date, total_seats, pricing_tiers)
SELECT '53000000-0000-4000-8000-000000000000', 'The Row Work', venue_id, 'ROWS',
       now() + interval '30 days', %(clients)s * %(turns)s, jsonb_build_object('CAT1', %(price)s)
  FROM venues LIMIT 1
