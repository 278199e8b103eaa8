"""What the RPCs of the audit read from the wire and put on it; see messages."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from inventory_api import inventory_pb2 as pb
from sqlalchemy import Row

from common.errors import AppError, ErrorCode

from .messages import STATUS, uuids
from .services.audit import SeatStretch

_MOST = 1000


def how_many_seats(number: int) -> int:
    """How many seats to look at."""
    if not 1 <= number <= _MOST:
        raise AppError(ErrorCode.VALIDATION_ERROR, f"limit must be from 1 to {_MOST}.")
    return number


def some_ids(texts: list[str], name: str) -> list[UUID]:
    """IDs, not too many of them."""
    if len(texts) > _MOST:
        raise AppError(ErrorCode.VALIDATION_ERROR, f"{name} are more than {_MOST}.")
    return uuids(texts, name)


def seats(stretch: SeatStretch) -> pb.AuditSeatsResponse:
    """The seats that matter, and how far they were looked for."""
    return pb.AuditSeatsResponse(
        seats=[pb.AuditedSeat(status=STATUS[one.status], **_seat(one)) for one in stretch.seats],
        looked_at=stretch.looked_at,
        last_seat_id=str(stretch.last_seat_id or ""),
    )


def moves(found: Iterable[Row[Any]]) -> pb.AuditMovesResponse:
    """The moves."""
    return pb.AuditMovesResponse(
        moves=[
            pb.AuditedMove(
                transfer_id=str(one.transfer_id),
                seat_id=str(one.seat_id),
                hold_id=str(one.hold_id),
                direction=one.direction,
                from_user_id=str(one.from_user_id),
                to_user_id=str(one.to_user_id),
            )
            for one in found
        ]
    )


def _seat(row: Row[Any]) -> dict[str, Any]:
    ids = ("seat_id", "owner_user_id", "hold_id", "lost_hold_id")
    facts = ("success_entries", "hold_overdue")
    return {name: str(getattr(row, name) or "") for name in ids} | {
        name: getattr(row, name) for name in facts
    }
