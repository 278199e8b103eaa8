-- The demo venue and its two events, at eight in the evening in Singapore, one and two months after
-- the first start.

INSERT INTO venues (venue_id, name, address, total_halls)
VALUES (
    '10000000-0000-4000-8000-000000000001',
    'Singapore Indoor Stadium',
    '2 Stadium Walk, Singapore 397691',
    2
)
ON CONFLICT DO NOTHING;

INSERT INTO events (event_id, name, venue_id, hall_id, event_date, total_seats, pricing_tiers)
SELECT
    event_id::uuid,
    name,
    '10000000-0000-4000-8000-000000000001',
    hall_id,
    (date_trunc('day', now() AT TIME ZONE 'Asia/Singapore') + days_ahead * interval '1 day'
        + interval '20 hours') AT TIME ZONE 'Asia/Singapore',
    total_seats,
    pricing_tiers::jsonb
FROM (VALUES
    ('20000000-0000-4000-8000-000000000001', 'An Evening of Strings', 'HALL-A', 30, 24,
        '{"CAT1": 350.00, "CAT2": 200.00}'),
    ('20000000-0000-4000-8000-000000000002', 'The Big Night Live', 'HALL-B', 60, 5000,
        '{"CAT1": 350.00, "CAT2": 220.00, "CAT3": 120.00}')
) AS demo (event_id, name, hall_id, days_ahead, total_seats, pricing_tiers)
ON CONFLICT DO NOTHING;
