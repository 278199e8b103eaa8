"""Initiating a transfer: one active one of a seat, and who may take another's place."""

import math

from sqlalchemy import and_, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from common.database import Database, violated_constraint
from common.errors import AppError, ErrorCode

from ..models.order import Order, OrderStatus
from ..models.transfer import ACTIVE, Transfer, TransferParty
from ..transfer_values import NewTransfer, TransferRecord
from .sale import Sale, fail_active, lock_sale
from .transfer_service import TransferService, invalid_state

MOST_UNANSWERED_BY_BUYER = 3
# Each sends a text message to somebody who has not asked for it.
MOST_INITIATED = 10
_WINDOW = text("interval '10 minutes'")


class TransferInitiation:
    """The use case that begins a transfer."""

    def __init__(self, database: Database, transfers: TransferService) -> None:
        self._database = database
        self._transfers = transfers

    def initiate(self, new: NewTransfer) -> TransferRecord:
        """Book an INITIATED transfer of the seat's sale; a repeat is answered as it stands.

        Raises SELF_TRANSFER, SEAT_UNAVAILABLE, NOT_SEAT_OWNER, TRANSFER_IN_PROGRESS (with
        `details.transfer_id` where the initiator is a party to the other one), RATE_LIMITED (with
        `details.retry_after_seconds`), and TRANSFER_INVALID_STATE where the ID is taken by another
        transfer.
        """
        if new.seller_user_id == new.buyer_user_id:
            raise AppError(ErrorCode.SELF_TRANSFER, "A ticket cannot be transferred to its owner.")
        self._transfers.expire(
            (Transfer.seat_id == new.seat_id) | (Transfer.buyer_user_id == new.buyer_user_id)
        )
        try:
            with self._database.transaction() as session:
                return TransferRecord.model_validate(_initiated(session, new))
        except IntegrityError as error:
            if violated_constraint(error) != "idx_one_active_transfer_per_seat":
                raise
            raise _in_progress() from error


def _initiated(session: Session, new: NewTransfer) -> Transfer:
    _lock_initiator(session, new)
    is_sold = Order.status == OrderStatus.CONFIRMED
    sale = lock_sale(session, Order.seat_id == new.seat_id, is_sold)
    known = session.get(Transfer, new.transfer_id)
    if known is not None:
        return _same(known, new)
    if sale is None or not sale.is_open or sale.disputed is not None:
        raise AppError(ErrorCode.SEAT_UNAVAILABLE, "This seat cannot be transferred now.")
    _make_way(session, sale, new)
    if new.seller_user_id != sale.owner_user_id:
        raise AppError(ErrorCode.NOT_SEAT_OWNER, "This seat belongs to somebody else.")
    if new.initiated_by is TransferParty.BUYER:
        _check_buyers_limit(session, new)
    _check_initiators_limit(session, new)
    values = new.model_dump() | {"order_id": sale.order.order_id}
    return session.scalars(insert(Transfer).values(**values).returning(Transfer)).one()


def _lock_initiator(session: Session, new: NewTransfer) -> None:
    """His transfers are of several seats, so their orders' locks do not keep him to his limits."""
    key = func.hashtextextended(str(new.initiator_user_id), 0)
    session.execute(select(func.pg_advisory_xact_lock(key)))


def _same(known: Transfer, new: NewTransfer) -> Transfer:
    if any(getattr(known, name) != value for name, value in new.model_dump().items()):
        raise invalid_state(known, "Its ID cannot be another transfer's.")
    return known


def _make_way(session: Session, sale: Sale, new: NewTransfer) -> None:
    """End the active transfer where the new one may take its place; raises TRANSFER_IN_PROGRESS."""
    active = sale.active
    if active is None:
        return
    is_sellers_own = (
        new.initiated_by is TransferParty.SELLER and new.seller_user_id == active.seller_user_id
    )
    if not is_sellers_own or active.seller_otp_verified or active.saga is not None:
        raise _in_progress(active, new)
    fail_active(session, "REPLACED", Transfer.transfer_id == active.transfer_id)


def _in_progress(active: Transfer | None = None, new: NewTransfer | None = None) -> AppError:
    parties = (active.seller_user_id, active.buyer_user_id) if active else ()
    is_party = new is not None and new.initiator_user_id in parties
    return AppError(
        ErrorCode.TRANSFER_IN_PROGRESS,
        "This seat is being transferred already.",
        **({"transfer_id": str(active.transfer_id)} if is_party else {}),
    )


def _check_buyers_limit(session: Session, new: NewTransfer) -> None:
    unanswered = session.scalar(
        select(func.count()).where(
            Transfer.buyer_user_id == new.buyer_user_id,
            Transfer.initiated_by == TransferParty.BUYER,
            Transfer.status.in_(ACTIVE),
            Transfer.seller_otp_verified.is_(False),
        )
    )
    if unanswered >= MOST_UNANSWERED_BY_BUYER:
        raise AppError(
            ErrorCode.TRANSFER_IN_PROGRESS,
            f"You have asked {MOST_UNANSWERED_BY_BUYER} sellers who have not confirmed yet:"
            " wait for one of them, or cancel one of these transfers.",
        )


def _check_initiators_limit(session: Session, new: NewTransfer) -> None:
    initiator, earliest = new.initiator_user_id, func.now() - _WINDOW
    by_seller = Transfer.initiated_by == TransferParty.SELLER
    wait = session.scalar(
        select(func.extract("epoch", Transfer.created_at - earliest))
        .where(
            or_(
                and_(Transfer.seller_user_id == initiator, by_seller),
                and_(Transfer.buyer_user_id == initiator, ~by_seller),
            ),
            Transfer.created_at > earliest,
        )
        .order_by(Transfer.created_at.desc())
        .offset(MOST_INITIATED - 1)
        .limit(1)
    )
    if wait is not None:
        raise AppError(
            ErrorCode.RATE_LIMITED,
            f"You have begun {MOST_INITIATED} transfers within 10 minutes: wait a while.",
            retry_after_seconds=max(1, math.ceil(wait)),
        )
