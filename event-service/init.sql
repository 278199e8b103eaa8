-- events_db: what is on, where and when, and what its seats cost.

CREATE TABLE IF NOT EXISTS venues (
    venue_id    UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name        TEXT NOT NULL,
    address     TEXT NOT NULL,
    total_halls INTEGER NOT NULL CHECK (total_halls > 0),
    created_at  TIMESTAMPTZ NOT NULL DEFAULT now()
);

CREATE TABLE IF NOT EXISTS events (
    event_id      UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    name          TEXT NOT NULL,
    venue_id      UUID NOT NULL REFERENCES venues (venue_id),
    hall_id       VARCHAR(20) NOT NULL,
    event_date    TIMESTAMPTZ NOT NULL,
    total_seats   INTEGER NOT NULL CHECK (total_seats > 0),
    pricing_tiers JSONB NOT NULL,                -- credits by seat category: {"CAT1": 350.00}
    -- every price is an amount of money: a number, not negative, within NUMERIC(10,2)
    CONSTRAINT event_prices CHECK (
        CASE jsonb_typeof(pricing_tiers) WHEN 'object' THEN NOT jsonb_path_exists(
            pricing_tiers,
            'strict $.* ? (@.type() != "number" || @ < 0 || @ > 99999999.99 || @ * 100 != (@ * 100).floor())'
        ) ELSE false END
    )
);

-- the order in which they are listed
CREATE INDEX IF NOT EXISTS idx_events_by_date ON events (event_date, event_id);
