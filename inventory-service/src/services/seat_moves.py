"""Handing a sold seat from its owner to another user, and taking that back.

As in lock_service: each call locks the seat, reads what is true now that it has the lock, applies
the rule, and writes under a guard that says the rule again.
"""

from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from common.database import Database
from common.errors import AppError, ErrorCode

from ..models.seat import SeatStatus
from ..models.seat_move import MoveDirection, MoveStatus

_WAIT_AND_READ = text("""
    SELECT FROM seats WHERE seat_id = :seat_id FOR UPDATE;
    SELECT seat.status, seat.owner_user_id, seat.hold_id, named.status AS named_status,
           (named.seat_id, named.hold_id, named.transfer_id, named.direction,
            named.from_user_id, named.to_user_id)
           = (:seat_id, :hold_id, :transfer_id, :direction, :from_user_id, :to_user_id)
           AS named_is_this,
           EXISTS (SELECT FROM seat_moves
                    WHERE transfer_id = :transfer_id AND direction = :direction
                      AND status = 'MOVED') AS direction_moved
      FROM seats AS seat LEFT JOIN seat_moves AS named ON named.move_id = :move_id
     WHERE seat.seat_id = :seat_id
    """)

_MOVE = text("""
    WITH booked AS (
        INSERT INTO seat_moves (move_id, seat_id, hold_id, transfer_id, direction, from_user_id,
                                to_user_id, status, qr_code_hash_before, created_at)
        SELECT :move_id, seat_id, :hold_id, :transfer_id, :direction, :from_user_id,
               :to_user_id, 'MOVED', qr_code_hash, clock_timestamp()
          FROM seats WHERE seat_id = :seat_id
        ON CONFLICT DO NOTHING
        RETURNING seat_id, hold_id, from_user_id, to_user_id
    )
    UPDATE seats
       SET owner_user_id = booked.to_user_id, qr_code_hash = :qr_code_hash,
           updated_at = clock_timestamp()
      FROM booked
     WHERE seats.seat_id = booked.seat_id
       AND seats.status = 'SOLD' AND seats.hold_id = booked.hold_id
       AND seats.owner_user_id = booked.from_user_id
    RETURNING seats.seat_id
    """)

_MOVE_BACK = text("""
    WITH undone AS (
        UPDATE seat_moves SET status = 'UNDONE', settled_at = clock_timestamp()
         WHERE move_id = :move_id AND status = 'MOVED'
        RETURNING seat_id, hold_id, from_user_id, to_user_id, qr_code_hash_before
    )
    UPDATE seats
       SET owner_user_id = undone.from_user_id, qr_code_hash = undone.qr_code_hash_before,
           updated_at = clock_timestamp()
      FROM undone
     WHERE seats.seat_id = undone.seat_id
       AND seats.status = 'SOLD' AND seats.hold_id = undone.hold_id
       AND seats.owner_user_id = undone.to_user_id
    RETURNING seats.seat_id
    """)

_TOMBSTONE = text("""
    INSERT INTO seat_moves (move_id, seat_id, hold_id, transfer_id, direction, from_user_id,
                            to_user_id, status, settled_at)
    VALUES (:move_id, :seat_id, :hold_id, :transfer_id, :direction, :from_user_id,
            :to_user_id, 'UNDONE', clock_timestamp())
    ON CONFLICT DO NOTHING
    RETURNING move_id
    """)


@dataclass(frozen=True)
class Move:
    """One move of one transfer, as its caller names it; `hold_id` is the sale."""

    move_id: UUID
    seat_id: UUID
    hold_id: UUID
    transfer_id: UUID
    direction: MoveDirection
    from_user_id: UUID
    to_user_id: UUID


class SeatMoves:
    """UpdateOwner."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def move(self, move: Move, qr_code_hash: str) -> None:
        """Hand the seat over; `qr_code_hash` is of the new owner's code. Waits for the seat's row.

        A repeat of a move that stands succeeds, whatever became of the seat since. Raises
        SEAT_NOT_FOUND; SEAT_UNAVAILABLE where the seat is not SOLD, or by another sale;
        NOT_SEAT_OWNER; TRANSFER_INVALID_STATE where this move was undone (before it came, too),
        the transfer moved its seat this way under another ID, or the ID is another move's.
        """
        with self._database.transaction() as session:
            seat = session.execute(_WAIT_AND_READ, asdict(move)).one_or_none()
            if seat is None:
                raise AppError(ErrorCode.SEAT_NOT_FOUND, "There is no such seat.")
            if seat.named_status is not None:
                _refuse_unless_it_stands(seat)
                return
            _refuse_unless_movable(seat, move)
            _write(session, _MOVE, {**asdict(move), "qr_code_hash": qr_code_hash})

    def undo(self, move: Move) -> None:
        """Give the seat back to whom it came from; a move that never came can come no more.

        Idempotent, and nothing where there is no such seat. Raises SEAT_UNAVAILABLE where the new
        owner does not have the seat any more by that sale or is checked in; TRANSFER_INVALID_STATE
        where the ID is another move's.
        """
        with self._database.transaction() as session:
            seat = session.execute(_WAIT_AND_READ, asdict(move)).one_or_none()
            if seat is None:
                return
            if seat.named_status is None:
                _write(session, _TOMBSTONE, asdict(move))
                return
            _refuse_unless_same_move(seat)
            if seat.named_status == MoveStatus.MOVED:
                _move_back(session, seat, move)


def _refuse_unless_it_stands(seat: Row[Any]) -> None:
    _refuse_unless_same_move(seat)
    if seat.named_status == MoveStatus.UNDONE:
        raise AppError(ErrorCode.TRANSFER_INVALID_STATE, "This move of the seat was undone.")


def _refuse_unless_same_move(seat: Row[Any]) -> None:
    if not seat.named_is_this:
        raise AppError(ErrorCode.TRANSFER_INVALID_STATE, "This ID is another move's.")


def _refuse_unless_movable(seat: Row[Any], move: Move) -> None:
    if seat.direction_moved:
        raise AppError(
            ErrorCode.TRANSFER_INVALID_STATE, "The transfer has moved its seat this way already."
        )
    if seat.status != SeatStatus.SOLD or seat.hold_id != move.hold_id:
        raise _unavailable(seat)
    if seat.owner_user_id != move.from_user_id:
        raise AppError(ErrorCode.NOT_SEAT_OWNER, "The seat belongs to somebody else.")


def _write(session: Session, statement: Any, values: dict[str, Any]) -> None:
    if session.execute(statement, values).one_or_none() is None:
        raise AppError(
            ErrorCode.TRANSFER_INVALID_STATE, "This move or its transfer is booked elsewhere."
        )


def _move_back(session: Session, seat: Row[Any], move: Move) -> None:
    if session.execute(_MOVE_BACK, {"move_id": move.move_id}).one_or_none() is None:
        raise _unavailable(seat)


def _unavailable(seat: Row[Any]) -> AppError:
    return AppError(
        ErrorCode.SEAT_UNAVAILABLE,
        "The seat is not sold, is sold anew, passed on or checked in.",
        status=seat.status,
    )
