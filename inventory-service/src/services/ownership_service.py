"""Selling a held seat, and who owns what."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from common.database import Database
from common.errors import AppError, ErrorCode
from common.prepared import Prepared

from ..models.hold import HoldStatus

# The lock is waited for first: the sale reads the seat as it is then, and its guard is the rule.
_WAIT_AND_SELL = Prepared("""
    SELECT FROM seats WHERE seat_id = :seat_id FOR UPDATE;
    WITH sold AS (
        UPDATE seats
           SET status = 'SOLD', owner_user_id = held_by_user_id, price_paid = :price_paid,
               qr_code_hash = :qr_code_hash, held_by_user_id = NULL, held_until = NULL,
               updated_at = clock_timestamp()
         WHERE seat_id = :seat_id AND status = 'HELD' AND hold_id = :hold_id
           AND held_by_user_id = :user_id AND held_until > clock_timestamp()
           AND EXISTS (SELECT FROM holds WHERE hold_id = :hold_id AND status = 'HELD')
        RETURNING hold_id
    )
    UPDATE holds SET status = 'SOLD', settled_at = clock_timestamp()
      FROM sold WHERE holds.hold_id = sold.hold_id AND holds.status = 'HELD'
    RETURNING holds.hold_id
    """)

# A hold lapsed by time if it was over before anything else ended it.
_WHAT_BECAME_OF_THE_HOLD = text("""
    SELECT hold.status, hold.user_id,
           hold.held_until <= coalesce(hold.settled_at, clock_timestamp()) AS lapsed
      FROM seats AS seat
      LEFT JOIN holds AS hold ON hold.seat_id = seat.seat_id AND hold.hold_id = :hold_id
     WHERE seat.seat_id = :seat_id
    """)

_SEAT = """
    SELECT seat.seat_id, seat.event_id, seat.category, seat.row_number, seat.seat_number,
           CASE WHEN lapsed THEN 'AVAILABLE' ELSE seat.status::text END AS status,
           seat.owner_user_id, CASE WHEN lapsed THEN NULL ELSE seat.hold_id END AS hold_id,
           seat.price_paid, sale.settled_at AS purchased_at
      FROM seats AS seat
      LEFT JOIN holds AS sale ON sale.hold_id = seat.hold_id AND sale.status = 'SOLD'
     CROSS JOIN LATERAL
           (SELECT seat.status = 'HELD' AND seat.held_until <= clock_timestamp()) AS hold (lapsed)
    """
ONE_SEAT = _SEAT + "WHERE seat.seat_id = :seat_id"
_ONE_SEAT = Prepared(ONE_SEAT)
_SEATS_OF_OWNER = text(
    _SEAT + "WHERE seat.owner_user_id = :user_id ORDER BY sale.settled_at DESC, seat.seat_id"
)


@dataclass(frozen=True)
class Sale:
    """What ConfirmSeat books; `qr_code_hash` is the SHA-256, in hex, of the buyer's code."""

    seat_id: UUID
    user_id: UUID
    hold_id: UUID
    price_paid: Decimal
    qr_code_hash: str


@dataclass(frozen=True)
class OwnedSeat:
    """A seat as it stands; an expired hold is AVAILABLE."""

    seat_id: UUID
    event_id: UUID
    category: str
    row_number: str
    seat_number: int
    status: str
    owner_user_id: UUID | None
    hold_id: UUID | None
    price_paid: Decimal | None
    purchased_at: datetime | None


class OwnershipService:
    """ConfirmSeat, GetSeatOwner and ListSeatsByOwner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def confirm(self, sale: Sale) -> None:
        """Sell the seat to the user whose live hold it is; a repeat is judged by the hold.

        Waits for the seat's row. Raises SEAT_NOT_FOUND; HOLD_EXPIRED where the hold lapsed by time,
        SEAT_NOT_HELD where it ended otherwise, is another's or never was.
        """
        ids = {"seat_id": sale.seat_id, "hold_id": sale.hold_id}
        booking = {"price_paid": sale.price_paid, "qr_code_hash": sale.qr_code_hash}
        if self._database.run(_WAIT_AND_SELL, **ids, user_id=sale.user_id, **booking):
            return
        with self._database.transaction() as session:
            _refuse_unless_sold_before(session, ids, sale.user_id)

    def seat(self, seat_id: UUID) -> OwnedSeat:
        """The seat as it stands; raises SEAT_NOT_FOUND."""
        for seat in self._database.run(_ONE_SEAT, seat_id=seat_id):
            return OwnedSeat(*seat)
        raise AppError(ErrorCode.SEAT_NOT_FOUND, "There is no such seat.")

    def seats_of(self, user_id: UUID) -> list[OwnedSeat]:
        """Every seat the user owns, newest purchase first."""
        with self._database.transaction() as session:
            return [OwnedSeat(*s) for s in session.execute(_SEATS_OF_OWNER, {"user_id": user_id})]


def _refuse_unless_sold_before(session: Session, ids: dict[str, UUID], user_id: UUID) -> None:
    hold: Row[Any] | None = session.execute(_WHAT_BECAME_OF_THE_HOLD, ids).one_or_none()
    if hold is None:
        raise AppError(ErrorCode.SEAT_NOT_FOUND, "There is no such seat.")
    if hold.user_id != user_id:
        raise AppError(ErrorCode.SEAT_NOT_HELD, "The seat is not held by this user.")
    if hold.status == HoldStatus.SOLD:
        return
    if hold.lapsed:
        raise AppError(ErrorCode.HOLD_EXPIRED, "The hold of this seat has run out.")
    raise AppError(ErrorCode.SEAT_NOT_HELD, "The hold of this seat has ended.")
