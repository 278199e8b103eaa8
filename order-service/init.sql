-- orders_db: orders and transfers, each with the journal of the saga at work on it (design.md).

DO $$ BEGIN
    CREATE TYPE order_status AS ENUM ('PENDING', 'CONFIRMED', 'FAILED', 'REFUNDED');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

DO $$ BEGIN
    CREATE TYPE transfer_status AS ENUM
        ('INITIATED', 'PENDING_OTP', 'COMPLETED', 'DISPUTED', 'REVERSED', 'FAILED');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

DO $$ BEGIN
    CREATE TYPE transfer_party AS ENUM ('SELLER', 'BUYER');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

CREATE TABLE IF NOT EXISTS orders (
    order_id         UUID PRIMARY KEY,          -- also the ID of the seat's hold
    user_id          UUID NOT NULL,
    seat_id          UUID NOT NULL,
    event_id         UUID NOT NULL,
    status           order_status NOT NULL DEFAULT 'PENDING',
    failure_reason   TEXT,                      -- the error code that a FAILED order answers with
    credits_charged  NUMERIC(10, 2) NOT NULL CHECK (credits_charged >= 0),
    held_until       TIMESTAMPTZ NOT NULL,      -- of the hold; seats_db decides, this only spares a call
    verification_sid TEXT,
    otp_verified_at  TIMESTAMPTZ,
    saga             TEXT,                      -- the saga at work, NULL when none is
    saga_step        TEXT,                      -- the step that has begun last
    saga_undoing     BOOLEAN NOT NULL DEFAULT FALSE,
    saga_version     INTEGER NOT NULL DEFAULT 0,
    saga_driver      UUID,                      -- who claimed it last, so that his repeat is known
    saga_touched_at  TIMESTAMPTZ NOT NULL DEFAULT now(),
    created_at       TIMESTAMPTZ NOT NULL DEFAULT now(),
    confirmed_at     TIMESTAMPTZ,
    CONSTRAINT order_confirmed_at CHECK ((status IN ('CONFIRMED', 'REFUNDED')) = (confirmed_at IS NOT NULL)),
    CONSTRAINT order_failure_reason CHECK ((status = 'FAILED') = (failure_reason IS NOT NULL)),
    CONSTRAINT order_saga_step CHECK ((saga IS NULL) = (saga_step IS NULL)),
    CONSTRAINT order_undoing_needs_saga CHECK (saga IS NOT NULL OR NOT saga_undoing)
);

-- undoing is never taken back: what was once being undone cannot come true
CREATE OR REPLACE FUNCTION refuse_to_confirm_while_undoing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'order % is being undone', OLD.order_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'order_not_confirmed_while_undoing';
END $$;

CREATE OR REPLACE TRIGGER order_not_confirmed_while_undoing BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (NEW.status = 'CONFIRMED' AND (OLD.saga_undoing OR NEW.saga_undoing))
    EXECUTE FUNCTION refuse_to_confirm_while_undoing();

-- rule 1: a seat is sold to one order
CREATE UNIQUE INDEX IF NOT EXISTS idx_one_confirmed_order_per_seat ON orders (seat_id) WHERE status = 'CONFIRMED';
CREATE INDEX IF NOT EXISTS idx_orders_by_seat ON orders (seat_id);
CREATE INDEX IF NOT EXISTS idx_orders_by_user ON orders (user_id, created_at DESC, order_id);
CREATE INDEX IF NOT EXISTS idx_orders_saga_at_work ON orders (saga_touched_at) WHERE saga IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_orders_pending ON orders (held_until) WHERE status = 'PENDING' AND saga IS NULL;

CREATE TABLE IF NOT EXISTS transfers (
    transfer_id             UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    order_id                UUID NOT NULL REFERENCES orders (order_id),
    seat_id                 UUID NOT NULL,
    seller_user_id          UUID NOT NULL,
    buyer_user_id           UUID NOT NULL,
    initiated_by            transfer_party NOT NULL,
    status                  transfer_status NOT NULL DEFAULT 'INITIATED',
    seller_otp_verified     BOOLEAN NOT NULL DEFAULT FALSE,
    buyer_otp_verified      BOOLEAN NOT NULL DEFAULT FALSE,
    seller_verification_sid TEXT,
    buyer_verification_sid  TEXT,
    credits_amount          NUMERIC(10, 2) NOT NULL CHECK (credits_amount >= 0),
    dispute_reason          TEXT,
    disputed_by             transfer_party,
    saga                    TEXT,
    saga_step               TEXT,
    saga_undoing            BOOLEAN NOT NULL DEFAULT FALSE,
    saga_version            INTEGER NOT NULL DEFAULT 0,
    saga_driver             UUID,
    saga_touched_at         TIMESTAMPTZ NOT NULL DEFAULT now(),
    created_at              TIMESTAMPTZ NOT NULL DEFAULT now(),
    completed_at            TIMESTAMPTZ,
    CONSTRAINT transfer_between_two CHECK (seller_user_id <> buyer_user_id),
    CONSTRAINT transfer_saga_step CHECK ((saga IS NULL) = (saga_step IS NULL)),
    CONSTRAINT transfer_undoing_needs_saga CHECK (saga IS NOT NULL OR NOT saga_undoing)
);

CREATE UNIQUE INDEX IF NOT EXISTS idx_one_active_transfer_per_seat
    ON transfers (seat_id) WHERE status IN ('INITIATED', 'PENDING_OTP');
CREATE INDEX IF NOT EXISTS idx_transfers_by_seller ON transfers (seller_user_id, created_at DESC);
CREATE INDEX IF NOT EXISTS idx_transfers_by_buyer ON transfers (buyer_user_id, created_at DESC);
CREATE INDEX IF NOT EXISTS idx_transfers_saga_at_work ON transfers (saga_touched_at) WHERE saga IS NOT NULL;
