-- users_db: who may log in, what they have, and every movement of it.

DO $$ BEGIN
    CREATE TYPE user_role AS ENUM ('customer', 'staff', 'admin');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

DO $$ BEGIN
    CREATE TYPE ledger_kind AS ENUM ('GRANT', 'CHARGE', 'REFUND', 'TRANSFER_OUT', 'TRANSFER_IN');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

-- Several users' rows are locked in ascending user_id.
CREATE TABLE IF NOT EXISTS users (
    user_id        UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    email          TEXT NOT NULL CHECK (length(email) <= 320),
    full_name      TEXT,
    phone          TEXT CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),    -- E.164
    password_hash  TEXT NOT NULL,                                  -- bcrypt
    role           user_role NOT NULL DEFAULT 'customer',
    credit_balance NUMERIC(10, 2) NOT NULL DEFAULT 0,              -- what can be spent
    frozen_credits NUMERIC(10, 2) NOT NULL DEFAULT 0,
    two_fa_secret  TEXT,
    is_flagged     BOOLEAN NOT NULL DEFAULT FALSE,
    created_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT user_balance_not_negative CHECK (credit_balance >= 0),
    CONSTRAINT user_frozen_not_negative CHECK (frozen_credits >= 0)
);

CREATE UNIQUE INDEX IF NOT EXISTS idx_users_email ON users (lower(email));

-- rule 2: a user's amounts sum to his credit_balance; both are written by one statement
CREATE TABLE IF NOT EXISTS credit_ledger (
    entry_id      UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id       UUID NOT NULL REFERENCES users (user_id),
    kind          ledger_kind NOT NULL,
    amount        NUMERIC(10, 2) NOT NULL,      -- signed: what it adds to credit_balance
    balance_after NUMERIC(10, 2) NOT NULL CHECK (balance_after >= 0),
    reference_id  UUID NOT NULL,                -- the order, the transfer, the grant
    tombstone     BOOLEAN NOT NULL DEFAULT FALSE,  -- undone before it came: nothing may come any more
    reason        TEXT,
    -- taken while the user's row is locked, so that it orders his entries
    created_at    TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ledger_key UNIQUE (reference_id, kind, user_id),
    CONSTRAINT ledger_tombstone CHECK (amount = 0 OR NOT tombstone),
    CONSTRAINT ledger_takes CHECK (amount <= 0 OR kind NOT IN ('CHARGE', 'TRANSFER_OUT')),
    CONSTRAINT ledger_gives CHECK (amount >= 0 OR kind NOT IN ('GRANT', 'REFUND', 'TRANSFER_IN'))
);

CREATE INDEX IF NOT EXISTS idx_credit_ledger_by_user ON credit_ledger (user_id, created_at DESC, entry_id);

CREATE OR REPLACE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'credit_ledger is append-only: book another entry' USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE TRIGGER credit_ledger_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- Tries to log in that failed, are under way, or whose process died; one that succeeds is removed.
CREATE TABLE IF NOT EXISTS login_attempts (
    attempt_id   UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    email        TEXT NOT NULL,                 -- lower case; of an account or not
    attempted_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX IF NOT EXISTS idx_login_attempts_by_email ON login_attempts (email, attempted_at DESC);
CREATE INDEX IF NOT EXISTS idx_login_attempts_by_age ON login_attempts (attempted_at);

-- Tokens that no longer count: those of one login (sid), or all issued to a user until a moment.
CREATE TABLE IF NOT EXISTS revocations (
    revocation_id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    sid           TEXT UNIQUE,
    user_id       UUID REFERENCES users (user_id),
    issued_until  TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    expires_at    TIMESTAMPTZ NOT NULL,         -- when the last of those tokens has expired by itself
    created_at    TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT revocation_of_login_or_user CHECK ((sid IS NULL) <> (user_id IS NULL))
);

CREATE INDEX IF NOT EXISTS idx_revocations_by_user ON revocations (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_revocations_by_age ON revocations (created_at);
CREATE INDEX IF NOT EXISTS idx_revocations_by_end ON revocations (expires_at);
