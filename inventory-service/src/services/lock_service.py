"""Holding a seat for a buyer, and letting it go.

The database decides everything, by its own clock: each call locks, reads what is true now that it
has the lock, applies the rule, and writes under a guard that says the rule again. Statements that
belong together travel as one, which is not one statement, because each reads what was committed
before *it* began: what follows a lock sees what the lock was waiting for.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg2.errors import UniqueViolation
from sqlalchemy import text
from sqlalchemy.orm import Session

from common.database import Database
from common.errors import AppError, ErrorCode, RowLocked
from common.prepared import Prepared

from ..models.hold import HoldStatus
from ..models.seat import SeatStatus

# One user's reserves run one after the other, so that parallel ones cannot outrun the hold limit.
# That lock comes before the seat's, which is never waited for: nobody waits with a seat in hand.
# The wait for it ends by statement_timeout: RowLocked then means the seat (or that
# the table is being altered, while a new connection plans this).
# What was decided by the one look at the clock is guarded again where it is written.
# `booked` reads `lapsed` to come after it: a seat has one open hold at a time, by index.
_LOCK_AND_HOLD = Prepared("""
    SELECT set_config('lock_timeout', '0', true);
    SELECT pg_advisory_xact_lock(hashtextextended(CAST(CAST(:user_id AS uuid) AS text), 0));
    SELECT FROM seats WHERE seat_id = :seat_id FOR UPDATE NOWAIT;
    WITH clock AS MATERIALIZED (
        SELECT clock_timestamp() AS at
    ), seen AS (
        SELECT seat.event_id, seat.category, seat.status, seat.held_by_user_id, seat.hold_id,
               seat.held_until, clock.at, coalesce(seat.held_until > clock.at, false) AS live,
               floor(extract(epoch FROM seat.held_until - clock.at))::int AS seconds_left,
               named.status AS named_status,
               (SELECT count(*) FROM seats AS own
                 WHERE own.held_by_user_id = :user_id AND own.event_id = seat.event_id
                   AND own.status = 'HELD' AND own.held_until > clock.at) AS live_holds
          FROM clock, seats AS seat LEFT JOIN holds AS named ON named.hold_id = :hold_id
         WHERE seat.seat_id = :seat_id
    ), granted AS (
        SELECT hold_id AS before, at, at + CAST(:ttl AS int) * interval '1 second' AS until
          FROM seen
         WHERE status IN ('AVAILABLE', 'HELD') AND NOT live AND named_status IS NULL
           AND live_holds < CAST(:most_holds AS int)
    ), held AS (
        UPDATE seats
           SET status = 'HELD', hold_id = :hold_id, held_by_user_id = :user_id,
               held_until = granted.until, updated_at = granted.at
          FROM granted
         WHERE seats.seat_id = :seat_id
           AND (seats.status = 'AVAILABLE'
                OR seats.status = 'HELD' AND seats.held_until <= granted.at)
        RETURNING seats.seat_id, seats.held_until, granted.at, granted.before
    ), lapsed AS (
        UPDATE holds SET status = 'RELEASED', settled_at = held.at
          FROM held WHERE holds.hold_id = held.before AND holds.status = 'HELD'
        RETURNING holds.hold_id
    ), booked AS (
        INSERT INTO holds (hold_id, seat_id, user_id, status, held_until, created_at)
        SELECT :hold_id, held.seat_id, :user_id, 'HELD', held.held_until, held.at
          FROM held, (SELECT count(*) FROM lapsed) AS after_the_lapsed
        RETURNING held_until
    )
    SELECT seen.*, booked.held_until AS booked_until FROM seen LEFT JOIN booked ON true
    """)

_WAIT_AND_READ = text("""
    SELECT FROM seats WHERE seat_id = :seat_id FOR UPDATE;
    SELECT named.status AS named_status, named.seat_id = seat.seat_id AS named_is_of_seat
      FROM seats AS seat LEFT JOIN holds AS named ON named.hold_id = :hold_id
     WHERE seat.seat_id = :seat_id
    """)

_TOMBSTONE = text("""
    INSERT INTO holds (hold_id, seat_id, status, settled_at)
    VALUES (:hold_id, :seat_id, 'RELEASED', clock_timestamp())
    ON CONFLICT DO NOTHING
    """)

_FREE = """
    WITH freed AS (
        UPDATE seats
           SET status = 'AVAILABLE', hold_id = NULL, held_by_user_id = NULL, held_until = NULL,
               owner_user_id = NULL, price_paid = NULL, qr_code_hash = NULL,
               updated_at = clock_timestamp()
          FROM holds AS named
         WHERE seats.seat_id = :seat_id AND seats.hold_id = :hold_id AND named.hold_id = :hold_id
           AND {condition}
        RETURNING named.hold_id
    )
    UPDATE holds SET status = 'RELEASED', settled_at = clock_timestamp()
      FROM freed WHERE holds.hold_id = freed.hold_id
    RETURNING holds.hold_id
    """
_FREE_HELD = text(_FREE.format(condition="seats.status = 'HELD'"))
_FREE_SOLD = text(_FREE.format(condition="""seats.status = 'SOLD'
           AND seats.owner_user_id = coalesce(CAST(:owner_user_id AS uuid), named.user_id)"""))


@dataclass(frozen=True)
class HeldSeat:
    """A live hold; `ttl_seconds` is what is left of it, rounded down."""

    hold_id: UUID
    seat_id: UUID
    event_id: UUID
    category: str
    held_until: datetime
    ttl_seconds: int


class LockService:
    """ReserveSeat and ReleaseSeat."""

    def __init__(self, database: Database, hold_ttl_seconds: int, max_holds_per_user: int) -> None:
        self._database = database
        self._ttl = hold_ttl_seconds
        self._limit = max_holds_per_user

    def reserve(self, seat_id: UUID, user_id: UUID, hold_id: UUID) -> HeldSeat:
        """Hold a free seat; the user's own live hold of it is answered again, as it stands.

        Never waits for the seat: RowLocked (SEAT_UNAVAILABLE) where somebody has its row. Raises
        SEAT_NOT_FOUND, SEAT_ALREADY_SOLD, SEAT_UNAVAILABLE, HOLD_LIMIT_REACHED; SEAT_NOT_HELD where
        the hold that `hold_id` names is over already.
        """
        seat = self._lock_and_hold(seat_id=seat_id, user_id=user_id, hold_id=hold_id)
        if seat is None:
            raise AppError(ErrorCode.SEAT_NOT_FOUND, "There is no such seat.")
        if seat.booked_until is not None:
            return _held(seat_id, seat, hold_id, seat.booked_until, self._ttl)
        if seat.named_status == HoldStatus.RELEASED:
            raise AppError(ErrorCode.SEAT_NOT_HELD, "This hold has already ended.")
        if seat.live and seat.held_by_user_id == user_id:
            return _held(seat_id, seat, seat.hold_id, seat.held_until, seat.seconds_left)
        raise self._refusal(seat)

    def _lock_and_hold(self, **ids: UUID) -> Any:
        """The seat as it was, and `booked_until` where it is held now; None: no such seat."""
        try:
            limits = {"ttl": self._ttl, "most_holds": self._limit}
            return next(iter(self._database.run(_LOCK_AND_HOLD, **ids, **limits)), None)
        except RowLocked as error:
            raise RowLocked(
                ErrorCode.SEAT_UNAVAILABLE, "Somebody is at this seat right now."
            ) from error
        except UniqueViolation as error:
            raise _taken() from error

    def _refusal(self, seat: Any) -> AppError:
        if seat.status in (SeatStatus.SOLD, SeatStatus.CHECKED_IN):
            return AppError(ErrorCode.SEAT_ALREADY_SOLD, "The seat is sold.")
        if seat.live:
            return _taken()
        if seat.named_status is not None:
            return AppError(ErrorCode.SEAT_NOT_HELD, "This hold is over, or of another seat.")
        if seat.live_holds >= self._limit:
            return AppError(
                ErrorCode.HOLD_LIMIT_REACHED,
                f"At most {self._limit} seats of an event can be held at a time.",
                limit=self._limit,
            )
        return _taken()

    def release(
        self, seat_id: UUID, hold_id: UUID, undo_sale: bool, owner_user_id: UUID | None
    ) -> bool:
        """End the hold that `hold_id` names and no other; True where that freed the seat.

        With `undo_sale` the sale that came of it ends too, while `owner_user_id` (None: its buyer)
        has the seat and is not checked in, else SEAT_UNAVAILABLE. A hold that never was is booked
        as released, so that it cannot come later. Nothing to release (no such seat either) is no
        error: an undo must be able to undo what never happened, any number of times.
        """
        ids = {"seat_id": seat_id, "hold_id": hold_id}
        with self._database.transaction() as session:
            seat = session.execute(_WAIT_AND_READ, ids).one_or_none()
            if seat is None:
                return False
            if seat.named_status is None:
                session.execute(_TOMBSTONE, ids)
                return False
            if not seat.named_is_of_seat:
                return False
            if seat.named_status == HoldStatus.HELD:
                return session.execute(_FREE_HELD, ids).one_or_none() is not None
            if seat.named_status == HoldStatus.SOLD and undo_sale:
                return _undo_sale(session, {**ids, "owner_user_id": owner_user_id})
            return False


def _taken() -> AppError:
    return AppError(ErrorCode.SEAT_UNAVAILABLE, "The seat is held by somebody else.")


def _held(
    seat_id: UUID, seat: Any, hold_id: UUID, held_until: datetime, seconds_left: int
) -> HeldSeat:
    return HeldSeat(hold_id, seat_id, seat.event_id, seat.category, held_until, seconds_left)


def _undo_sale(session: Session, ids: dict[str, UUID | None]) -> bool:
    if session.execute(_FREE_SOLD, ids).one_or_none() is None:
        raise AppError(ErrorCode.SEAT_UNAVAILABLE, "The seat has another owner or is checked in.")
    return True
