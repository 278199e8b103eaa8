"""The only place where credits are frozen: a freeze and the user's sum of them are one statement.

Whoever calls has locked that user's row.
"""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import bindparam, select, text
from sqlalchemy.orm import Session

from ..models.credit_freeze import CreditFreeze

_BEGIN = text("""
    WITH begun AS (
        INSERT INTO credit_freezes (reference_id, user_id, wanted, amount, to_user_id, freeze_id)
        VALUES (:reference_id, :user_id, :wanted, :amount, :to_user_id, :freeze_id)
        ON CONFLICT DO NOTHING
        RETURNING user_id, amount
    )
    UPDATE users SET frozen_credits = frozen_credits + begun.amount
    FROM begun WHERE users.user_id = begun.user_id
    RETURNING users.user_id
    """)

# One that an open transfer is to be paid out of ends with that transfer and not before.
_END = text("""
    WITH ended AS (
        UPDATE credit_freezes AS own SET ended_at = clock_timestamp()
        WHERE reference_id IN :reference_ids AND ended_at IS NULL AND NOT EXISTS (
            SELECT FROM credit_freezes AS transfer
            WHERE transfer.freeze_id = own.reference_id AND transfer.ended_at IS NULL
                AND transfer.reference_id NOT IN :reference_ids
        )
        RETURNING user_id, amount
    ), freed AS (
        SELECT user_id, sum(amount) AS amount, count(*) AS freezes FROM ended GROUP BY user_id
    )
    UPDATE users SET frozen_credits = frozen_credits - freed.amount
    FROM freed WHERE users.user_id = freed.user_id
    RETURNING freed.freezes
    """).bindparams(bindparam("reference_ids", expanding=True))


def begin(
    session: Session,
    reference_id: UUID,
    user_id: UUID,
    wanted: Decimal,
    amount: Decimal,
    *,
    to_user_id: UUID | None = None,
    freeze_id: UUID | None = None,
) -> bool:
    """Freeze `amount` of the `wanted` credits; the ledger says where they come from.

    False, and nothing frozen, where the reference is taken, or another open transfer is to be paid
    out of `freeze_id`.
    """
    values = {
        "reference_id": reference_id,
        "user_id": user_id,
        "wanted": wanted,
        "amount": amount,
        "to_user_id": to_user_id,
        "freeze_id": freeze_id,
    }
    return session.execute(_BEGIN, values).one_or_none() is not None


def end(session: Session, *reference_ids: UUID) -> bool:
    """End these freezes of one user; the ledger says where the credits go.

    False where one of them was not to be ended: the caller must not commit then.
    """
    return session.scalar(_END, {"reference_ids": reference_ids}) == len(reference_ids)


def find(session: Session, reference_id: UUID | None) -> CreditFreeze | None:
    """The freeze under a reference, be it a transfer's; its user may be anyone."""
    freeze = CreditFreeze.reference_id == reference_id
    return session.scalar(select(CreditFreeze).where(freeze))
