-- The seats of the row work.
INSERT INTO seats (seat_id, event_id, category, row_number, seat_number)
SELECT ('50000000-0000-4000-8000-' || lpad(to_hex(client * %(most)s + turn), 12, '0'))::uuid,
       '53000000-0000-4000-8000-000000000000', 'CAT1', client::text, turn
  FROM generate_series(0, %(clients)s - 1) AS client, generate_series(1, %(turns)s) AS turn
