-- orders_db: orders and transfers, each with the journal of the saga at work on it (design.md).

-- Locks are taken in this order: the initiator's advisory lock (initiate), the seat's CONFIRMED order, the
-- transfers of that order by transfer_id. Whoever decides about a sale as a whole (initiate, the claims
-- of transfers and of the refund) holds its order's row; a change that looks at one transfer alone
-- guards itself and needs no other lock.

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

-- Columns and checks apart from their table are for one that is older.
ALTER TABLE orders
    ADD COLUMN IF NOT EXISTS refund_to_user_id UUID,    -- the seat's owner when the refund was claimed
    ADD COLUMN IF NOT EXISTS refund_reason     TEXT;

DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'order_refund_to') THEN
        ALTER TABLE orders
            ADD CONSTRAINT order_refund_to CHECK (
                (status = 'REFUNDED' OR saga IS NOT DISTINCT FROM 'refund') = (refund_to_user_id IS NOT NULL)
            ),
            ADD CONSTRAINT order_refund_reason CHECK (refund_reason IS NULL OR refund_to_user_id IS NOT NULL);
    END IF;
END $$;

-- undoing is never taken back: what was once being undone cannot come true
CREATE OR REPLACE FUNCTION refuse_while_undoing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a row of % is being undone', TG_TABLE_NAME
        USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
END $$;

CREATE OR REPLACE TRIGGER order_not_confirmed_while_undoing BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (NEW.status = 'CONFIRMED' AND (OLD.saga_undoing OR NEW.saga_undoing))
    EXECUTE FUNCTION refuse_while_undoing();
DROP FUNCTION IF EXISTS refuse_to_confirm_while_undoing();

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

ALTER TABLE transfers
    ADD COLUMN IF NOT EXISTS failure_reason TEXT,
    ADD COLUMN IF NOT EXISTS dispute_id     UUID,       -- key of what a dispute freezes, new for each
    ADD COLUMN IF NOT EXISTS reversal_id    UUID,       -- key of what a reverse moves, new for each attempt
    ADD COLUMN IF NOT EXISTS dismiss_reason TEXT;

-- A dispute that was dismissed keeps its columns (the ledger has its key), until the next one.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'transfer_failure_reason') THEN
        ALTER TABLE transfers
            ADD CONSTRAINT transfer_failure_reason CHECK ((status = 'FAILED') = (failure_reason IS NOT NULL)),
            ADD CONSTRAINT transfer_completed_at CHECK (
                (status IN ('COMPLETED', 'DISPUTED', 'REVERSED')) = (completed_at IS NOT NULL)
            ),
            ADD CONSTRAINT transfer_completed_by_both CHECK (
                completed_at IS NULL OR (seller_otp_verified AND buyer_otp_verified)
            ),
            ADD CONSTRAINT transfer_verified_codes_cleared CHECK (
                NOT (seller_otp_verified AND seller_verification_sid IS NOT NULL)
                AND NOT (buyer_otp_verified AND buyer_verification_sid IS NOT NULL)
            ),
            ADD CONSTRAINT transfer_dispute CHECK (num_nulls(dispute_id, disputed_by, dispute_reason) IN (0, 3)),
            ADD CONSTRAINT transfer_disputed CHECK (
                status NOT IN ('DISPUTED', 'REVERSED') OR dispute_id IS NOT NULL
            ),
            ADD CONSTRAINT transfer_reversed CHECK (status <> 'REVERSED' OR reversal_id IS NOT NULL),
            ADD CONSTRAINT transfer_dismissed CHECK (
                dismiss_reason IS NULL OR status = 'COMPLETED' OR saga IS NOT DISTINCT FROM 'dismiss'
            ),
            ADD CONSTRAINT transfer_saga_status CHECK (
                saga IS NULL
                OR saga = 'confirm' AND status = 'PENDING_OTP' AND seller_otp_verified AND buyer_otp_verified
                OR saga IN ('dispute', 'reverse', 'dismiss') AND status = 'DISPUTED'
            );
    END IF;
END $$;

-- not of confirm and reverse: whether their seat has moved, and can be taken back, seats_db decides, once
-- and for all (seat_moves); where it stands they go forward after all
CREATE OR REPLACE TRIGGER transfer_not_done_while_undoing BEFORE UPDATE ON transfers FOR EACH ROW
    WHEN (
        (OLD.saga_undoing OR NEW.saga_undoing)
        AND (
            NEW.status = 'COMPLETED' AND OLD.saga = 'dismiss'
            OR NEW.status = 'DISPUTED' AND OLD.saga = 'dispute' AND NEW.saga IS NULL
        )
    )
    EXECUTE FUNCTION refuse_while_undoing();

CREATE UNIQUE INDEX IF NOT EXISTS idx_one_active_transfer_per_seat
    ON transfers (seat_id) WHERE status IN ('INITIATED', 'PENDING_OTP');
-- rule 5: of one sale, one transfer at a time is disputed, and one is at work
CREATE UNIQUE INDEX IF NOT EXISTS idx_one_disputed_transfer_per_order ON transfers (order_id) WHERE status = 'DISPUTED';
CREATE UNIQUE INDEX IF NOT EXISTS idx_one_transfer_at_work_per_order ON transfers (order_id) WHERE saga IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_transfers_by_order ON transfers (order_id, created_at DESC);
CREATE INDEX IF NOT EXISTS idx_transfers_by_seat ON transfers (seat_id, created_at DESC);
CREATE INDEX IF NOT EXISTS idx_transfers_by_seller ON transfers (seller_user_id, created_at DESC);
CREATE INDEX IF NOT EXISTS idx_transfers_by_buyer ON transfers (buyer_user_id, created_at DESC);
CREATE INDEX IF NOT EXISTS idx_transfers_saga_at_work ON transfers (saga_touched_at) WHERE saga IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_transfers_active
    ON transfers (saga_touched_at) WHERE status IN ('INITIATED', 'PENDING_OTP') AND saga IS NULL;
