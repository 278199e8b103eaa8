-- The seats of the two demo events.

-- event A: rows A-D with 6 seats each, numbered through in the seat IDs (01..24)
INSERT INTO seats (seat_id, event_id, category, row_number, seat_number)
SELECT
    ('40000000-0000-4000-8000-' || lpad(((r - 1) * 6 + n)::text, 12, '0'))::uuid,
    '20000000-0000-4000-8000-000000000001',
    CASE WHEN r <= 2 THEN 'CAT1' ELSE 'CAT2' END,
    chr(64 + r),
    n
FROM generate_series(1, 4) AS r, generate_series(1, 6) AS n
ON CONFLICT DO NOTHING;

-- event B: 50 rows (A-Z, AA-AX) of 100; the front 10 are CAT1, the next 15 CAT2, the rest CAT3
INSERT INTO seats (seat_id, event_id, category, row_number, seat_number)
SELECT
    md5('20000000-0000-4000-8000-000000000002/' || label || '/' || n)::uuid,
    '20000000-0000-4000-8000-000000000002',
    CASE WHEN r <= 10 THEN 'CAT1' WHEN r <= 25 THEN 'CAT2' ELSE 'CAT3' END,
    label,
    n
FROM generate_series(1, 50) AS r,
    LATERAL (SELECT CASE WHEN r <= 26 THEN chr(64 + r) ELSE 'A' || chr(38 + r) END) AS named (label),
    generate_series(1, 100) AS n
ON CONFLICT DO NOTHING;
