"""The only place where credits move: a balance and its ledger entry are one statement."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Session

from common.database import Database, violated_constraint
from common.errors import AppError, ErrorCode
from common.prepared import Prepared

from ..credit_values import Booking
from ..models.credit_ledger import LedgerEntry, LedgerKind
from ..models.user import User
from .user_service import user_not_found

_MOST_CREDITS = Decimal("99999999.99")  # NUMERIC(10, 2)

# Lock, rule and guarded write in one round trip. The row that FOR UPDATE gives is the newest one
# also where the lock had to be waited for, and ON CONFLICT sees what was committed meanwhile, so
# this holds for a caller that locked nothing.
_BOOK = """
    WITH account AS MATERIALIZED (
        SELECT user_id, credit_balance FROM users WHERE user_id = :user_id FOR UPDATE
    ), entry AS (
        INSERT INTO credit_ledger
            (user_id, kind, amount, balance_after, reference_id, tombstone, reason)
        SELECT user_id, CAST(:kind AS ledger_kind), CAST(:amount AS numeric),
            credit_balance + CAST(:amount AS numeric), CAST(:reference_id AS uuid),
            CAST(:tombstone AS boolean), CAST(:reason AS text)
        FROM account
        WHERE credit_balance + CAST(:amount AS numeric) >= 0
        ON CONFLICT DO NOTHING
        RETURNING entry_id, user_id, balance_after
    )
    UPDATE users SET credit_balance = entry.balance_after
    FROM entry WHERE users.user_id = entry.user_id
    RETURNING users.user_id, users.credit_balance, entry.entry_id
    """
_BOOK_WITHIN = text(_BOOK)
_BOOK_ALONE = Prepared(_BOOK)


def book(
    session: Session,
    user_id: UUID,
    kind: LedgerKind,
    amount: Decimal,
    reference_id: UUID,
    *,
    tombstone: bool = False,
    reason: str | None = None,
) -> Booking | None:
    """Move `amount` (signed) and write it down; the user's row is locked from here on.

    None, and nothing booked, where the key (reference_id, kind, user_id) is taken (of a REFUND: the
    reference), the balance does not reach, or there is no such user.
    """
    values = _values(user_id, kind, amount, reference_id, tombstone, reason)
    try:
        row = session.execute(_BOOK_WITHIN, values).one_or_none()
    except DataError as error:
        raise _too_rich() from error
    except IntegrityError as error:
        if violated_constraint(error) != "user_credits_fit_a_balance":
            raise
        raise _too_rich() from error
    return Booking.model_validate(row) if row else None


def charge(
    database: Database, user_id: UUID, amount: Decimal, reference_id: UUID
) -> Booking | None:
    """Book a charge as `book` does, as a transaction of its own."""
    values = _values(user_id, LedgerKind.CHARGE, -amount, reference_id)
    return next(map(Booking.model_validate, database.run(_BOOK_ALONE, **values)), None)


def _values(
    user_id: UUID,
    kind: LedgerKind,
    amount: Decimal,
    reference_id: UUID,
    tombstone: bool = False,
    reason: str | None = None,
) -> dict[str, object]:
    return {
        "user_id": user_id,
        "kind": kind.value,
        "amount": amount,
        "reference_id": reference_id,
        "tombstone": tombstone,
        "reason": reason,
    }


def lock(session: Session, *user_ids: UUID) -> dict[UUID, Decimal]:
    """Lock these users' rows, smaller UUID first; their balances. Raises USER_NOT_FOUND."""
    rows = session.execute(
        select(User.user_id, User.credit_balance)
        .where(User.user_id.in_(user_ids))
        .order_by(User.user_id)
        .with_for_update()
    ).all()
    if len(rows) < len(set(user_ids)):
        raise user_not_found()
    return {row.user_id: row.credit_balance for row in rows}


def entries(session: Session, reference_id: UUID) -> dict[tuple[LedgerKind, UUID], LedgerEntry]:
    """Everything booked under a reference; certain only with the users' rows locked before."""
    found = session.scalars(select(LedgerEntry).where(LedgerEntry.reference_id == reference_id))
    return {(entry.kind, entry.user_id): entry for entry in found}


def bury(session: Session, user_id: UUID, kind: LedgerKind, reference_id: UUID) -> Booking:
    """The tombstone of what has not come (design.md, Sagas: Tombstones)."""
    return book(session, user_id, kind, Decimal("0.00"), reference_id, tombstone=True)


def booking_of(entry: LedgerEntry, balance: Decimal) -> Booking:
    """An entry as it was answered when it was booked, with the balance there is now."""
    return Booking(user_id=entry.user_id, credit_balance=balance, entry_id=entry.entry_id)


def insufficient_credits() -> AppError:
    """INSUFFICIENT_CREDITS."""
    return AppError(ErrorCode.INSUFFICIENT_CREDITS, "There are not enough credits.")


def refuse_without_room(session: Session, user_id: UUID, amount: Decimal) -> None:
    """Raise where the user could not have so much more: what is held back for him must get there.

    The user's row is locked already.
    """
    has = session.scalar(
        select(User.credit_balance + User.frozen_credits).where(User.user_id == user_id)
    )
    if has + amount > _MOST_CREDITS:
        raise _too_rich()


def _too_rich() -> AppError:
    return AppError(ErrorCode.VALIDATION_ERROR, "Nobody can have more than 99,999,999.99 credits.")
