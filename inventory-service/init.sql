-- seats_db: who holds a seat, who owns it, who has gone in.

DO $$ BEGIN
    CREATE TYPE seat_status AS ENUM ('AVAILABLE', 'HELD', 'SOLD', 'CHECKED_IN');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

DO $$ BEGIN
    CREATE TYPE hold_status AS ENUM ('HELD', 'SOLD', 'RELEASED');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

DO $$ BEGIN
    CREATE TYPE move_direction AS ENUM ('FORWARD', 'BACK');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

DO $$ BEGIN
    CREATE TYPE move_status AS ENUM ('MOVED', 'UNDONE');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

DO $$ BEGIN
    CREATE TYPE entry_result AS ENUM
        ('SUCCESS', 'DUPLICATE', 'WRONG_HALL', 'NOT_OWNER', 'UNPAID', 'NOT_FOUND', 'EXPIRED', 'INVALID');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

-- Locks are taken in this order: the user's advisory lock (ReserveSeat), the seat (several: by
-- seat_id), what belongs to that seat: its hold, its move, its entry. A hold or a move is changed
-- only by who has its seat locked. An entry is never changed; a refused one is booked with no lock
-- at all, so whoever waits for the same scan_id waits for one who waits for nothing.
CREATE TABLE IF NOT EXISTS seats (
    seat_id         UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    event_id        UUID NOT NULL,
    category        TEXT NOT NULL,
    owner_user_id   UUID,
    status          seat_status NOT NULL DEFAULT 'AVAILABLE',
    held_by_user_id UUID,
    hold_id         UUID,                       -- the hold it stands under or was sold by
    held_until      TIMESTAMPTZ,
    qr_code_hash    TEXT,                       -- SHA-256, hex, of the owner's code
    price_paid      NUMERIC(10, 2),
    row_number      VARCHAR(4) NOT NULL,
    seat_number     INTEGER NOT NULL CHECK (seat_number > 0),
    created_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at      TIMESTAMPTZ NOT NULL DEFAULT now(),
    -- also the index by event
    CONSTRAINT seat_place UNIQUE (event_id, row_number, seat_number),
    CONSTRAINT seat_held_by CHECK ((status = 'HELD') = (held_by_user_id IS NOT NULL)),
    CONSTRAINT seat_held_until CHECK ((status = 'HELD') = (held_until IS NOT NULL)),
    CONSTRAINT seat_hold CHECK ((status = 'AVAILABLE') = (hold_id IS NULL)),
    CONSTRAINT seat_owner CHECK ((status IN ('SOLD', 'CHECKED_IN')) = (owner_user_id IS NOT NULL)),
    CONSTRAINT seat_price CHECK ((status IN ('SOLD', 'CHECKED_IN')) = (price_paid IS NOT NULL)),
    CONSTRAINT seat_price_not_negative CHECK (price_paid >= 0),
    CONSTRAINT seat_qr_code CHECK ((status IN ('SOLD', 'CHECKED_IN')) = (qr_code_hash IS NOT NULL)),
    CONSTRAINT seat_qr_code_hash CHECK (qr_code_hash ~ '^[0-9a-f]{64}$')
);

CREATE INDEX IF NOT EXISTS idx_seats_by_owner ON seats (owner_user_id) WHERE owner_user_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_seats_by_end_of_hold ON seats (held_until) WHERE status = 'HELD';
CREATE INDEX IF NOT EXISTS idx_seats_held_by_user ON seats (held_by_user_id, event_id) WHERE status = 'HELD';

-- The journal: every hold there ever was, and as tombstones (without a user) those that were
-- released before they came. It makes every call on a hold idempotent.
CREATE TABLE IF NOT EXISTS holds (
    hold_id    UUID PRIMARY KEY,                -- the order's ID
    seat_id    UUID NOT NULL REFERENCES seats (seat_id),
    user_id    UUID,
    status     hold_status NOT NULL,
    held_until TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    settled_at TIMESTAMPTZ,                     -- when it was sold, or the sale or hold released
    CONSTRAINT hold_settled_at CHECK ((status = 'HELD') = (settled_at IS NULL)),
    CONSTRAINT hold_tombstone CHECK ((user_id IS NULL) = (held_until IS NULL)),
    CONSTRAINT hold_of_a_user CHECK (user_id IS NOT NULL OR status = 'RELEASED')
);

-- rule 1: a seat is held by, or sold to, one order at a time
CREATE UNIQUE INDEX IF NOT EXISTS idx_one_open_hold_per_seat ON holds (seat_id) WHERE status IN ('HELD', 'SOLD');

-- The journal of passing sold seats on: every move there ever was, and as tombstones (without a hash)
-- those that were undone before they came. It makes every call on a move idempotent.
CREATE TABLE IF NOT EXISTS seat_moves (
    move_id             UUID PRIMARY KEY,
    seat_id             UUID NOT NULL REFERENCES seats (seat_id),
    hold_id             UUID NOT NULL,          -- the sale it passes on
    transfer_id         UUID NOT NULL,
    direction           move_direction NOT NULL,
    from_user_id        UUID NOT NULL,
    to_user_id          UUID NOT NULL,
    status              move_status NOT NULL,
    qr_code_hash_before TEXT,                   -- of the code of from_user_id
    created_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    settled_at          TIMESTAMPTZ,            -- when it was undone
    CONSTRAINT move_between_two CHECK (from_user_id <> to_user_id),
    CONSTRAINT move_settled_at CHECK ((status = 'MOVED') = (settled_at IS NULL)),
    CONSTRAINT move_tombstone CHECK (status = 'UNDONE' OR qr_code_hash_before IS NOT NULL)
);

-- rule 5: a transfer moves its seat once in each direction
CREATE UNIQUE INDEX IF NOT EXISTS idx_one_move_per_transfer_and_direction
    ON seat_moves (transfer_id, direction) WHERE status = 'MOVED';

CREATE TABLE IF NOT EXISTS entry_logs (
    log_id              UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    scan_id             UUID UNIQUE,            -- the scanner's own, so that it can ask again
    seat_id             UUID,                   -- as the code has it, whether or not there is such a seat
    scanned_at          TIMESTAMPTZ NOT NULL DEFAULT now(),
    scanned_by_staff_id UUID NOT NULL,
    result              entry_result NOT NULL,
    hall_id_presented   VARCHAR(20),
    hall_id_expected    VARCHAR(20),
    CONSTRAINT entry_without_seat CHECK ((result = 'INVALID') = (seat_id IS NULL))
);

-- rule 6: one SUCCESS entry per seat
CREATE UNIQUE INDEX IF NOT EXISTS idx_one_success_per_seat ON entry_logs (seat_id) WHERE result = 'SUCCESS';
CREATE INDEX IF NOT EXISTS idx_entry_logs_by_seat ON entry_logs (seat_id, scanned_at);
