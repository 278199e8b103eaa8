"""Freezes: credits that a user keeps and cannot spend until they are freed or paid out."""

from decimal import Decimal

from sqlalchemy.orm import Session

from common.database import Database
from common.errors import AppError, ErrorCode

from ..credit_values import Booking, CreditCall, Frozen
from ..models.credit_freeze import CreditFreeze
from ..models.credit_ledger import LedgerKind
from . import freezes
from .ledger import book, booking_of, bury, entries, lock


class FreezeService:
    """The use cases of freezes; both raise USER_NOT_FOUND."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def freeze(self, call: CreditCall) -> Frozen:
        """Freeze what the user has, up to the amount, once per reference.

        Raises TRANSFER_INVALID_STATE where the reference froze something else, or was ended, be it
        before this came.
        """
        with self._database.transaction() as session:
            balance = lock(session, call.user_id)[call.user_id]
            known = _find(session, call)
            if known is not None:
                if known.ended_at is not None:
                    raise _refused("This freeze has ended already.")
                booked = entries(session, call.reference_id)[LedgerKind.FREEZE, call.user_id]
                return _answer(booking_of(booked, balance), known.amount)
            amount = min(balance, call.amount)
            booked = book(session, call.user_id, LedgerKind.FREEZE, -amount, call.reference_id)
            if booked is None or not freezes.begin(
                session, call.reference_id, call.user_id, call.amount, amount
            ):
                raise _refused("This freeze was undone before it came.")
            return _answer(booked, amount)

    def unfreeze(self, call: CreditCall) -> Frozen:
        """Free what is frozen under the reference, once; a freeze that has not come never will.

        Raises TRANSFER_INVALID_STATE where it froze something else, was paid out, or a transfer
        that is held back is to be paid out of it.
        """
        with self._database.transaction() as session:
            balance = lock(session, call.user_id)[call.user_id]
            known = _find(session, call)
            booked = entries(session, call.reference_id)
            kind = LedgerKind.FREEZE if known is None else LedgerKind.UNFREEZE
            before = booked.get((kind, call.user_id))
            if before is not None:
                return _answer(booking_of(before, balance))
            if known is None:
                return _answer(bury(session, call.user_id, kind, call.reference_id))
            if not freezes.end(session, call.reference_id):
                raise _refused("These credits go with a transfer.")
            return _answer(book(session, call.user_id, kind, known.amount, call.reference_id))


def _find(session: Session, call: CreditCall) -> CreditFreeze | None:
    """The freeze that the call means, open or ended; None where there was none."""
    known = freezes.find(session, call.reference_id)
    if known is None:
        return None
    if (known.user_id, known.wanted, known.to_user_id) != (call.user_id, call.amount, None):
        raise _refused("Something else is frozen under this reference.")
    return known


def _answer(booking: Booking, frozen: Decimal = Decimal("0.00")) -> Frozen:
    return Frozen(**booking.model_dump(), frozen=frozen)


def _refused(message: str) -> AppError:
    return AppError(ErrorCode.TRANSFER_INVALID_STATE, message)
