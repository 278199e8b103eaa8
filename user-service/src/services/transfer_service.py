"""Credits handed from one user to another: at once, or held back until that is completed or undone.

What is held back has left the payer's balance and waits in his frozen_credits; the payee has
nothing yet and so can have spent nothing, which is why undoing never fails for want of credits.
"""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from common.database import Database
from common.errors import AppError, ErrorCode

from ..credit_values import Booking, TransferCall, TransferStart
from ..models.credit_freeze import CreditFreeze
from ..models.credit_ledger import LedgerEntry, LedgerKind
from . import freezes
from .ledger import (
    book,
    booking_of,
    bury,
    entries,
    insufficient_credits,
    lock,
    refuse_without_room,
)


class TransferService:
    """The use cases of transfers; all raise USER_NOT_FOUND.

    And TRANSFER_INVALID_STATE where the reference moved something else: another amount, between
    others, out of another freeze, held back or not.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def transfer(self, call: TransferStart) -> Booking:
        """Take credits from the payer, once per reference, for the payee; the payer's booking.

        Raises INSUFFICIENT_CREDITS, SELF_TRANSFER, and TRANSFER_INVALID_STATE where it was undone,
        be it before it came, or there is no such open freeze.
        """
        if call.from_user_id == call.to_user_id:
            raise AppError(ErrorCode.SELF_TRANSFER, "Nobody can pay himself.")
        with self._database.transaction() as session:
            balances = lock(session, call.from_user_id, call.to_user_id)
            known = _find(session, call)
            if known is None:
                return _hold_back(session, call) if call.hold_back else _hand_over(session, call)
            if known.is_undone or known.is_held_back != call.hold_back:
                raise _refused()
            return booking_of(known.paid, balances[call.from_user_id])

    def complete(self, call: TransferCall) -> Booking:
        """Give the payee what was held back for him, once; the payee's booking.

        Raises TRANSFER_INVALID_STATE where it was undone or never came.
        """
        with self._database.transaction() as session:
            balances = lock(session, call.from_user_id, call.to_user_id)
            known = _find(session, call)
            if known is None or known.is_undone:
                raise _refused()
            if known.received is not None:
                return booking_of(known.received, balances[call.to_user_id])
            paid_out = [one for one in (call.reference_id, call.freeze_id) if one is not None]
            received = _give(session, call.to_user_id, call.amount, call.reference_id)
            if not freezes.end(session, *paid_out):
                raise _refused()
            return received

    def undo(self, call: TransferCall) -> Booking:
        """Give the payer back what was held back, once; one that has not come yet never will.

        What is frozen under `freeze_id` stays frozen. Raises TRANSFER_INVALID_STATE where the
        transfer was completed, which one that is not held back is at once.
        """
        payer = call.from_user_id
        with self._database.transaction() as session:
            balances = lock(session, payer, call.to_user_id)
            known = _find(session, call)
            if known is None:
                return bury(session, payer, LedgerKind.TRANSFER_OUT, call.reference_id)
            if known.is_undone:
                return booking_of(known.returned or known.paid, balances[payer])
            if known.received is not None or not freezes.end(session, call.reference_id):
                raise _refused()
            return _give(session, payer, -known.paid.amount, call.reference_id)


@dataclass(frozen=True)
class _Transfer:
    """What stands under a reference; `paid` may be the tombstone."""

    is_held_back: bool
    paid: LedgerEntry
    received: LedgerEntry | None
    returned: LedgerEntry | None

    @property
    def is_undone(self) -> bool:
        return self.paid.tombstone or self.returned is not None


def _find(session: Session, call: TransferCall) -> _Transfer | None:
    """The transfer that the call means; None where nothing moved under its reference."""
    held = freezes.find(session, call.reference_id)
    if held is not None and held.to_user_id is None:
        held = None  # credits that are frozen, no transfer
    booked = entries(session, call.reference_id)
    moves = {kind for kind, _ in booked} & {LedgerKind.TRANSFER_OUT, LedgerKind.TRANSFER_IN}
    if held is None and not moves:
        return None
    paid = booked.get((LedgerKind.TRANSFER_OUT, call.from_user_id))
    received = booked.get((LedgerKind.TRANSFER_IN, call.to_user_id))
    if paid is None or not (paid.tombstone or _is_the_same(call, held, paid, received)):
        raise _refused()
    returned = booked.get((LedgerKind.TRANSFER_IN, call.from_user_id))
    return _Transfer(held is not None, paid, received, returned)


def _is_the_same(
    call: TransferCall,
    held: CreditFreeze | None,
    paid: LedgerEntry,
    received: LedgerEntry | None,
) -> bool:
    if held is None:  # it was completed at once
        amount, freeze_id = -paid.amount, None
        to_user_id = received.user_id if received else None
    else:
        amount, freeze_id, to_user_id = held.wanted, held.freeze_id, held.to_user_id
    wanted = call.to_user_id, call.amount, call.freeze_id
    return (to_user_id, amount, freeze_id) == wanted


def _hand_over(session: Session, call: TransferCall) -> Booking:
    paid = _pay(session, call, call.amount)
    _give(session, call.to_user_id, call.amount, call.reference_id)
    return paid


def _hold_back(session: Session, call: TransferCall) -> Booking:
    payer, frozen = call.from_user_id, _frozen(session, call)
    refuse_without_room(session, call.to_user_id, call.amount)
    paid = _pay(session, call, call.amount - frozen)
    if not freezes.begin(
        session,
        call.reference_id,
        payer,
        call.amount,
        call.amount - frozen,
        to_user_id=call.to_user_id,
        freeze_id=call.freeze_id,
    ):
        raise _not_payable()
    return paid


def _frozen(session: Session, call: TransferCall) -> Decimal:
    """What the payer's open freeze has for this transfer; all of it goes, so it cannot be more."""
    if call.freeze_id is None:
        return Decimal("0.00")
    freeze = freezes.find(session, call.freeze_id)
    if freeze is None or freeze.ended_at is not None or freeze.amount > call.amount:
        raise _not_payable()
    if (freeze.user_id, freeze.to_user_id) != (call.from_user_id, None):
        raise _not_payable()
    return freeze.amount


def _pay(session: Session, call: TransferCall, amount: Decimal) -> Booking:
    kind = LedgerKind.TRANSFER_OUT
    paid = book(session, call.from_user_id, kind, -amount, call.reference_id)
    if paid is None:
        raise insufficient_credits()
    return paid


def _give(session: Session, user_id: UUID, amount: Decimal, reference_id: UUID) -> Booking:
    given = book(session, user_id, LedgerKind.TRANSFER_IN, amount, reference_id)
    if given is None:
        raise _refused()
    return given


def _refused() -> AppError:
    return AppError(
        ErrorCode.TRANSFER_INVALID_STATE,
        "This transfer moved something else, or was completed or undone already.",
    )


def _not_payable() -> AppError:
    return AppError(
        ErrorCode.TRANSFER_INVALID_STATE, "The payer has no freeze that could be paid out so."
    )
