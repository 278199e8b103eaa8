-- users_db: who may log in, what they have, and every movement of it.

DO $$ BEGIN
    CREATE TYPE user_role AS ENUM ('customer', 'staff', 'admin');
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

DO $$ BEGIN
    CREATE TYPE ledger_kind AS ENUM (
        'GRANT', 'CHARGE', 'REFUND', 'TRANSFER_OUT', 'TRANSFER_IN',
        'TOPUP', 'TOPUP_REVERSAL', 'FREEZE', 'UNFREEZE'
    );
EXCEPTION WHEN duplicate_object THEN NULL; END $$;

-- for a database that is older than these kinds
ALTER TYPE ledger_kind ADD VALUE IF NOT EXISTS 'TOPUP';
ALTER TYPE ledger_kind ADD VALUE IF NOT EXISTS 'TOPUP_REVERSAL';
ALTER TYPE ledger_kind ADD VALUE IF NOT EXISTS 'FREEZE';
ALTER TYPE ledger_kind ADD VALUE IF NOT EXISTS 'UNFREEZE';

-- Several users' rows are locked in ascending user_id.
CREATE TABLE IF NOT EXISTS users (
    user_id        UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    email          TEXT NOT NULL CHECK (length(email) <= 320),
    full_name      TEXT,
    phone          TEXT CHECK (phone ~ '^\+[1-9][0-9]{6,14}$'),    -- E.164
    password_hash  TEXT NOT NULL,                                  -- bcrypt
    role           user_role NOT NULL DEFAULT 'customer',
    credit_balance NUMERIC(10, 2) NOT NULL DEFAULT 0,              -- what can be spent
    frozen_credits NUMERIC(10, 2) NOT NULL DEFAULT 0,              -- the sum of his open freezes
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

-- Apart, for tables that are older; by text, for a kind that was just added cannot be named as one in
-- the same transaction.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'ledger_topups') THEN
        ALTER TABLE credit_ledger ADD CONSTRAINT ledger_topups CHECK (
            (amount >= 0 OR kind::text <> 'TOPUP')
            AND (amount <= 0 OR kind::text <> 'TOPUP_REVERSAL')
        );
    END IF;
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'ledger_freezes') THEN
        ALTER TABLE credit_ledger ADD CONSTRAINT ledger_freezes CHECK (
            (amount <= 0 OR kind::text <> 'FREEZE')
            AND (amount >= 0 OR kind::text <> 'UNFREEZE')
        );
    END IF;
    -- what is frozen must fit the balance when it comes back
    IF NOT EXISTS (SELECT FROM pg_constraint WHERE conname = 'user_credits_fit_a_balance') THEN
        ALTER TABLE users ADD CONSTRAINT user_credits_fit_a_balance CHECK (
            credit_balance + frozen_credits < 100000000
        );
    END IF;
END $$;

-- a charge is given back once, whoever gets it
CREATE UNIQUE INDEX IF NOT EXISTS idx_one_refund_per_reference ON credit_ledger (reference_id)
    WHERE kind = 'REFUND';

CREATE INDEX IF NOT EXISTS idx_credit_ledger_by_user ON credit_ledger (user_id, created_at DESC, entry_id);

CREATE OR REPLACE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'credit_ledger is append-only: book another entry' USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE TRIGGER credit_ledger_append_only
    BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_ledger
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();

-- What is frozen of whom: credits he keeps but cannot spend, or (with a to_user_id) those of a transfer
-- that is held back. The sum of a user's open ones is his frozen_credits; both are written by one
-- statement, under the lock of his row. How one ended, its reference says in the ledger.
CREATE TABLE IF NOT EXISTS credit_freezes (
    reference_id UUID PRIMARY KEY,              -- the dispute, the transfer
    user_id      UUID NOT NULL REFERENCES users (user_id),
    wanted       NUMERIC(10, 2) NOT NULL,       -- what was asked for
    amount       NUMERIC(10, 2) NOT NULL,       -- what is frozen
    to_user_id   UUID REFERENCES users (user_id),  -- who has the credits once it is completed
    freeze_id    UUID,                          -- his freeze that is paid out with it; open until then
    created_at   TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    ended_at     TIMESTAMPTZ,
    CONSTRAINT freeze_key_of_user UNIQUE (reference_id, user_id),
    CONSTRAINT freeze_of_the_same_user FOREIGN KEY (freeze_id, user_id)
        REFERENCES credit_freezes (reference_id, user_id),
    CONSTRAINT freeze_of_no_more_than_wanted CHECK (amount BETWEEN 0 AND wanted),
    CONSTRAINT freeze_pays_another CHECK (to_user_id <> user_id),
    CONSTRAINT freeze_pays_for_a_transfer CHECK (freeze_id IS NULL OR to_user_id IS NOT NULL)
);

-- one transfer at a time can be paid out of a freeze
CREATE UNIQUE INDEX IF NOT EXISTS idx_one_open_transfer_per_freeze ON credit_freezes (freeze_id)
    WHERE ended_at IS NULL;

CREATE OR REPLACE FUNCTION refuse_freeze_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'a freeze only ends, once' USING ERRCODE = 'restrict_violation';
END $$;

CREATE OR REPLACE TRIGGER credit_freezes_only_end
    BEFORE UPDATE ON credit_freezes
    FOR EACH ROW
    WHEN (OLD.ended_at IS NOT NULL
        OR (OLD.reference_id, OLD.user_id, OLD.wanted, OLD.amount, OLD.to_user_id, OLD.freeze_id)
        IS DISTINCT FROM
        (NEW.reference_id, NEW.user_id, NEW.wanted, NEW.amount, NEW.to_user_id, NEW.freeze_id))
    EXECUTE FUNCTION refuse_freeze_change();

CREATE OR REPLACE TRIGGER credit_freezes_stay
    BEFORE DELETE OR TRUNCATE ON credit_freezes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_freeze_change();

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

-- A party is a user with what he proves by a code: (user_id, context, reference_id). One row for each
-- code sent to a party, or being sent; whoever reads or writes them to decide holds the user's lock
-- (services/otp_records.py).
CREATE TABLE IF NOT EXISTS otp_challenges (
    challenge_id     UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id          UUID NOT NULL REFERENCES users (user_id),
    context          TEXT NOT NULL CHECK (context IN ('purchase', 'transfer')),
    reference_id     UUID NOT NULL,             -- the order, the transfer
    verification_sid TEXT,                      -- the provider's name for it; NULL while being sent
    sent_at          TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    ends_at          TIMESTAMPTZ NOT NULL,      -- then it has expired
    verified_at      TIMESTAMPTZ,
    by_another       BOOLEAN NOT NULL DEFAULT FALSE,  -- somebody else had it sent
    CONSTRAINT otp_verified_was_sent CHECK (verified_at IS NULL OR verification_sid IS NOT NULL)
);

-- for a table that is older
ALTER TABLE otp_challenges ADD COLUMN IF NOT EXISTS by_another BOOLEAN NOT NULL DEFAULT FALSE;

CREATE INDEX IF NOT EXISTS idx_otp_challenges_by_others ON otp_challenges (user_id, sent_at DESC) WHERE by_another;
CREATE INDEX IF NOT EXISTS idx_otp_challenges_by_party
    ON otp_challenges (user_id, context, reference_id, sent_at DESC);

-- Codes that a party tried: wrong, being judged, or left by a process that died (those count too).
-- One that was right, expired, or could not be judged is removed.
CREATE TABLE IF NOT EXISTS otp_attempts (
    attempt_id   UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    challenge_id UUID NOT NULL REFERENCES otp_challenges (challenge_id),
    user_id      UUID NOT NULL REFERENCES users (user_id),
    context      TEXT NOT NULL,
    reference_id UUID NOT NULL,
    given_by     UUID NOT NULL,                 -- who typed it: the limit of a day is his
    number       SMALLINT NOT NULL,
    code_hash    TEXT NOT NULL,                 -- keyed; the code itself is nowhere
    attempts_left SMALLINT,                     -- what was answered; NULL while being judged
    attempted_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    -- three tries, however many come at once
    CONSTRAINT otp_attempt_number CHECK (number BETWEEN 1 AND 3),
    CONSTRAINT otp_attempt_key UNIQUE (user_id, context, reference_id, number)
);

-- for a table that is older
ALTER TABLE otp_attempts ADD COLUMN IF NOT EXISTS given_by UUID;
UPDATE otp_attempts SET given_by = user_id WHERE given_by IS NULL;
ALTER TABLE otp_attempts ALTER COLUMN given_by SET NOT NULL;

DROP INDEX IF EXISTS idx_otp_attempts_by_user;
CREATE INDEX IF NOT EXISTS idx_otp_attempts_by_giver ON otp_attempts (given_by, attempted_at);

-- What Stripe told, each event once.
CREATE TABLE IF NOT EXISTS stripe_events (
    event_id      TEXT PRIMARY KEY,
    type          TEXT NOT NULL,
    settlement_id UUID NOT NULL DEFAULT gen_random_uuid() UNIQUE,  -- the reference of what it took back
    received_at   TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
);

-- A payment and what became of it. What Stripe tells only grows, so that the order in which it does
-- makes no difference; a row whose user is known changes only under the lock of that user's row.
CREATE TABLE IF NOT EXISTS stripe_intents (
    intent_id  TEXT PRIMARY KEY,
    topup_id   UUID NOT NULL DEFAULT gen_random_uuid() UNIQUE,     -- the reference of its one TOPUP
    user_id    UUID REFERENCES users (user_id),                    -- NULL until the payment was told
    received   NUMERIC(10, 2) NOT NULL DEFAULT 0,
    refunded   NUMERIC(10, 2) NOT NULL DEFAULT 0,
    disputed   NUMERIC(10, 2) NOT NULL DEFAULT 0,
    taken_back NUMERIC(10, 2) NOT NULL DEFAULT 0,                  -- by TOPUP_REVERSALs
    owed       NUMERIC(10, 2) NOT NULL                             -- the user's debt
        GENERATED ALWAYS AS (least(received, greatest(refunded, disputed)) - taken_back) STORED,
    created_at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT intent_received_for_someone CHECK (received = 0 OR user_id IS NOT NULL),
    CONSTRAINT intent_takes_back_no_more_than_due CHECK (taken_back >= 0 AND owed >= 0)
);

CREATE INDEX IF NOT EXISTS idx_stripe_intents_owed ON stripe_intents (user_id) WHERE owed > 0;
