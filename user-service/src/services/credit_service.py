"""Credits: charged, given back, handed over, granted; each key once, whoever asks however often."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from common.database import Database
from common.errors import AppError, ErrorCode
from common.fields import Page

from ..models.credit_ledger import LedgerEntry, LedgerKind
from ..values import Booking, CreditCall, GrantCall, LedgerLine, LedgerQuery, TransferCall
from .ledger import book, entries, lock


class CreditService:
    """The use cases of credits; those that move any raise USER_NOT_FOUND."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def deduct(self, call: CreditCall) -> Booking:
        """Charge a user, once per reference.

        Raises INSUFFICIENT_CREDITS, and ORDER_INVALID_STATE where the reference was charged another
        amount or its charge has been undone, be it before it came.
        """
        with self._database.transaction() as session:
            booked = book(session, call.user_id, LedgerKind.CHARGE, -call.amount, call.reference_id)
            return booked or _charged_before(session, call)

    def refund(self, call: CreditCall) -> Booking:
        """Undo the charge of a reference, once; one that has not come yet never will.

        Raises ORDER_INVALID_STATE where another amount was charged.
        """
        with self._database.transaction() as session:
            balance = lock(session, call.user_id)[call.user_id]
            booked = entries(session, call.reference_id)
            charge = booked.get((LedgerKind.CHARGE, call.user_id))
            if charge is None:
                return _bury(session, LedgerKind.CHARGE, call.user_id, call.reference_id)
            if charge.tombstone:
                return _booking(charge, balance)
            if -charge.amount != call.amount:
                raise _other_amount()
            refund = booked.get((LedgerKind.REFUND, call.user_id))
            if refund is not None:
                return _booking(refund, balance)
            return book(session, call.user_id, LedgerKind.REFUND, call.amount, call.reference_id)

    def transfer(self, call: TransferCall) -> Booking:
        """Hand credits from one user to another, once per reference; the payer's booking.

        Raises INSUFFICIENT_CREDITS, SELF_TRANSFER, and TRANSFER_INVALID_STATE where the reference
        moved something else or may not move anything any more.
        """
        payer, payee = call.from_user_id, call.to_user_id
        if payer == payee:
            raise AppError(ErrorCode.SELF_TRANSFER, "Nobody can pay himself.")
        with self._database.transaction() as session:
            balances = lock(session, payer, payee)
            paid = book(session, payer, LedgerKind.TRANSFER_OUT, -call.amount, call.reference_id)
            if paid is None:
                return _transferred_before(session, call, balances[payer])
            if not book(session, payee, LedgerKind.TRANSFER_IN, call.amount, call.reference_id):
                raise _other_transfer()
            return paid

    def undo_transfer(self, call: TransferCall) -> Booking:
        """Hand a transfer's credits back to the payer, once; one that has not come yet never will.

        Raises INSUFFICIENT_CREDITS where the payee has spent them meanwhile, TRANSFER_INVALID_STATE
        where the reference moved something else.
        """
        payer, payee = call.from_user_id, call.to_user_id
        with self._database.transaction() as session:
            balances = lock(session, payer, payee)
            booked = entries(session, call.reference_id)
            paid = booked.get((LedgerKind.TRANSFER_OUT, payer))
            if paid is None:
                return _bury(session, LedgerKind.TRANSFER_OUT, payer, call.reference_id)
            returned = booked.get((LedgerKind.TRANSFER_IN, payer))
            if paid.tombstone or returned is not None:
                return _booking(returned or paid, balances[payer])
            received = booked.get((LedgerKind.TRANSFER_IN, payee))
            if received is None or received.amount != call.amount:
                raise _other_transfer()
            if not book(session, payee, LedgerKind.TRANSFER_OUT, -call.amount, call.reference_id):
                raise _insufficient()
            return book(session, payer, LedgerKind.TRANSFER_IN, call.amount, call.reference_id)

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
            return _booking(granted, balance)

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
    charge = booked.get((LedgerKind.CHARGE, call.user_id))
    if charge is None:
        raise _insufficient()
    if charge.tombstone or any(kind is LedgerKind.REFUND for kind, _ in booked):
        raise AppError(ErrorCode.ORDER_INVALID_STATE, "This charge was already undone.")
    if -charge.amount != call.amount:
        raise _other_amount()
    return _booking(charge, balance)


def _bury(session: Session, kind: LedgerKind, user_id: UUID, reference_id: UUID) -> Booking:
    """The tombstone of what has not come (design.md, Sagas: Tombstones)."""
    return book(session, user_id, kind, Decimal("0.00"), reference_id, tombstone=True)


def _transferred_before(session: Session, call: TransferCall, balance: Decimal) -> Booking:
    booked = entries(session, call.reference_id)
    paid = booked.get((LedgerKind.TRANSFER_OUT, call.from_user_id))
    if paid is None:
        raise _insufficient()
    received = booked.get((LedgerKind.TRANSFER_IN, call.to_user_id))
    undone = paid.tombstone or (LedgerKind.TRANSFER_IN, call.from_user_id) in booked
    if undone or received is None or received.amount != call.amount:
        raise _other_transfer()
    return _booking(paid, balance)


def _booking(entry: LedgerEntry, balance: Decimal) -> Booking:
    return Booking(user_id=entry.user_id, credit_balance=balance, entry_id=entry.entry_id)


def _insufficient() -> AppError:
    return AppError(ErrorCode.INSUFFICIENT_CREDITS, "There are not enough credits.")


def _other_amount() -> AppError:
    return AppError(
        ErrorCode.ORDER_INVALID_STATE, "Another amount was booked under this reference."
    )


def _other_transfer() -> AppError:
    return AppError(
        ErrorCode.TRANSFER_INVALID_STATE,
        "This transfer moved something else, or was already undone.",
    )
