"""Credits: charged, given back, granted; each key once, whoever asks however often."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from common.database import Database
from common.errors import AppError, ErrorCode
from common.fields import Page

from ..credit_values import Booking, CreditCall, GrantCall, LedgerLine, LedgerQuery, RefundCall
from ..models.credit_ledger import LedgerEntry, LedgerKind
from ..models.user import User
from .ledger import book, booking_of, bury, charge, entries, insufficient_credits, lock


class CreditService:
    """The use cases of credits; those that move any raise USER_NOT_FOUND."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def deduct(self, call: CreditCall) -> Booking:
        """Charge a user, once per reference.

        Raises INSUFFICIENT_CREDITS, and ORDER_INVALID_STATE where the reference was charged another
        amount or its charge has been undone, be it before it came.
        """
        booked = charge(self._database, call.user_id, call.amount, call.reference_id)
        if booked is not None:
            return booked
        with self._database.transaction() as session:
            return _charged_before(session, call)

    def refund(self, call: RefundCall) -> Booking:
        """Undo the charge of a reference, once, whoever gets it; one that has not come never will.

        Raises ORDER_INVALID_STATE where another amount was charged.
        """
        receiver = call.to_user_id or call.user_id
        with self._database.transaction() as session:
            balances = lock(session, call.user_id, receiver)
            booked = entries(session, call.reference_id)
            charged = booked.get((LedgerKind.CHARGE, call.user_id))
            if charged is None:
                return bury(session, call.user_id, LedgerKind.CHARGE, call.reference_id)
            if charged.tombstone:
                return booking_of(charged, balances[call.user_id])
            if -charged.amount != call.amount:
                raise _other_amount()
            given = book(session, receiver, LedgerKind.REFUND, call.amount, call.reference_id)
            return given or _given_before(session, call.reference_id)

    def grant(self, call: GrantCall) -> Booking:
        """Give credits; raises ORDER_INVALID_STATE where `grant_id` gave another amount."""
        with self._database.transaction() as session:
            booked = book(
                session,
                call.user_id,
                LedgerKind.GRANT,
                call.amount,
                call.grant_id,
                reason=call.reason,
            )
            if booked is not None:
                return booked
            balance = lock(session, call.user_id)[call.user_id]
            granted = entries(session, call.grant_id)[LedgerKind.GRANT, call.user_id]
            if granted.amount != call.amount:
                raise _other_amount()
            return booking_of(granted, balance)

    def ledger(self, query: LedgerQuery) -> Page[LedgerLine]:
        """A user's movements, newest first; tombstones are none."""
        own = (LedgerEntry.user_id == query.user_id, LedgerEntry.tombstone.is_(False))
        with self._database.transaction() as session:
            total = session.scalar(select(func.count()).select_from(LedgerEntry).where(*own))
            found = session.scalars(
                select(LedgerEntry)
                .where(*own)
                .order_by(LedgerEntry.created_at.desc(), LedgerEntry.entry_id)
                .offset(query.offset)
                .limit(query.per_page)
            )
            return Page([LedgerLine.model_validate(entry) for entry in found], total, query)


def _charged_before(session: Session, call: CreditCall) -> Booking:
    """Nothing could be booked: the charge as it stands, or why there can be none."""
    balance = lock(session, call.user_id)[call.user_id]
    booked = entries(session, call.reference_id)
    charged = booked.get((LedgerKind.CHARGE, call.user_id))
    if charged is None:
        raise insufficient_credits()
    if charged.tombstone or any(kind is LedgerKind.REFUND for kind, _ in booked):
        raise AppError(ErrorCode.ORDER_INVALID_STATE, "This charge was already undone.")
    if -charged.amount != call.amount:
        raise _other_amount()
    return booking_of(charged, balance)


def _given_before(session: Session, reference_id: UUID) -> Booking:
    """The refund as it stands; whoever has it need not be one of those whose rows are locked."""
    refund, balance = session.execute(
        select(LedgerEntry, User.credit_balance)
        .join(User, User.user_id == LedgerEntry.user_id)
        .where(LedgerEntry.reference_id == reference_id, LedgerEntry.kind == LedgerKind.REFUND)
    ).one()
    return booking_of(refund, balance)


def _other_amount() -> AppError:
    return AppError(
        ErrorCode.ORDER_INVALID_STATE, "Another amount was booked under this reference."
    )
