"""What the RPCs read from the wire and put on it.

What is malformed raises INVALID_UUID or VALIDATION_ERROR, and names the field.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from inventory_api import inventory_pb2 as pb

from common.errors import AppError, ErrorCode

from .models.entry_log import EntryResult
from .models.seat_move import MoveDirection
from .services.entry_report import Report
from .services.ownership_service import OwnedSeat
from .services.seat_moves import Move
from .services.verification_service import Entry, Scan, Ticket

STATUS = dict(pb.SeatStatus.items())
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST_AMOUNT = Decimal("99999999.99")
_CENT = Decimal("0.01")
_LONGEST_HALL_ID = 20
_MOST_ENTRIES = 100


def seat(owned: OwnedSeat) -> pb.Seat:
    """The seat with everything known of it."""
    return pb.Seat(
        seat_id=str(owned.seat_id),
        event_id=str(owned.event_id),
        category=owned.category,
        row_number=owned.row_number,
        seat_number=owned.seat_number,
        status=STATUS[owned.status],
        owner_user_id=_text(owned.owner_user_id),
        hold_id=_text(owned.hold_id),
        price_paid=_text(owned.price_paid),
        purchased_at=timestamp(owned.purchased_at),
    )


def ticket(shown: Ticket) -> pb.Ticket:
    """The seat as the gate sees it; without a seat only the earlier entry."""
    earlier = entry(shown.earlier) if shown.earlier else None
    if shown.seat is None:
        return pb.Ticket(earlier=earlier)
    return pb.Ticket(
        status=STATUS[shown.seat.status],
        owner_user_id=_text(shown.seat.owner_user_id),
        event_id=str(shown.seat.event_id),
        hold_id=_text(shown.seat.hold_id),
        row_number=shown.seat.row_number,
        seat_number=shown.seat.seat_number,
        first_entry_at=timestamp(shown.first_entry_at),
        earlier=earlier,
    )


def entry_report(report: Report) -> pb.EntryReport:
    """Counts and the latest scans."""
    results = dict(report.results)
    return pb.EntryReport(
        expected=report.expected,
        admitted=results.pop(EntryResult.SUCCESS.value, 0),
        refusals=results,
        latest=[
            pb.SeatEntry(
                entry=entry(one.entry), row_number=one.row_number, seat_number=one.seat_number
            )
            for one in report.latest
        ],
    )


def how_many_entries(number: int) -> int:
    """How many scans to list."""
    if not 0 <= number <= _MOST_ENTRIES:
        raise AppError(ErrorCode.VALIDATION_ERROR, f"latest must be from 0 to {_MOST_ENTRIES}.")
    return number


def entry(booked: Entry) -> pb.EntryLog:
    """A booked scan."""
    return pb.EntryLog(
        log_id=str(booked.log_id),
        scan_id=_text(booked.scan_id),
        seat_id=_text(booked.seat_id),
        scanned_at=timestamp(booked.scanned_at),
        scanned_by_staff_id=str(booked.scanned_by_staff_id),
        result=pb.EntryResult.Value(booked.result),
        hall_id_presented=booked.hall_id_presented,
        hall_id_expected=booked.hall_id_expected,
    )


def move(request: pb.UpdateOwnerRequest) -> Move:
    """The move that the request names."""
    named = Move(
        move_id=uuid(request.move_id, "move_id"),
        seat_id=uuid(request.seat_id, "seat_id"),
        hold_id=uuid(request.hold_id, "hold_id"),
        transfer_id=uuid(request.transfer_id, "transfer_id"),
        direction=_direction(request.direction),
        from_user_id=uuid(request.from_user_id, "from_user_id"),
        to_user_id=uuid(request.to_user_id, "to_user_id"),
    )
    if named.from_user_id == named.to_user_id:
        raise AppError(ErrorCode.VALIDATION_ERROR, "A move is between two users.")
    return named


def scan(request: pb.MarkCheckedInRequest | pb.WriteEntryLogRequest, seat_id: UUID | None) -> Scan:
    """The scan that the request tells of."""
    return Scan(
        scan_id=uuid_or_none(request.scan_id, "scan_id"),
        seat_id=seat_id,
        scanned_by_staff_id=uuid(request.scanned_by_staff_id, "scanned_by_staff_id"),
        hall_id_presented=_hall_id(request.hall_id_presented, "hall_id_presented"),
        hall_id_expected=_hall_id(request.hall_id_expected, "hall_id_expected"),
    )


def entry_result(number: int) -> EntryResult:
    """What came of a scan."""
    if number not in pb.EntryResult.values() or number == pb.ENTRY_RESULT_UNSPECIFIED:
        raise AppError(ErrorCode.VALIDATION_ERROR, "result is not the result of a scan.")
    return EntryResult(pb.EntryResult.Name(number))


def timestamp(moment: datetime | None) -> Timestamp | None:
    """The moment, absent where there is none."""
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def uuid(text: str, name: str) -> UUID:
    """An ID in text form."""
    try:
        return UUID(text)
    except ValueError as error:
        raise AppError(ErrorCode.INVALID_UUID, f"{name} is not a UUID.") from error


def uuid_or_none(text: str, name: str) -> UUID | None:
    """An ID that may be left out."""
    return uuid(text, name) if text else None


def uuids(texts: Iterable[str], name: str) -> list[UUID]:
    """IDs in text form."""
    return [uuid(text, name) for text in texts]


def amount(text: str, name: str) -> Decimal:
    """An amount of money that the tables can hold."""
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise AppError(ErrorCode.VALIDATION_ERROR, f"{name} is not an amount.") from error
    if not (value.is_finite() and 0 <= value <= _LARGEST_AMOUNT and value % _CENT == 0):
        raise AppError(ErrorCode.VALIDATION_ERROR, f"{name} is not an amount of money.")
    return value


def sha256(text: str, name: str) -> str:
    """A SHA-256 in hexadecimal."""
    if not _SHA256.fullmatch(text):
        raise AppError(ErrorCode.VALIDATION_ERROR, f"{name} is not a SHA-256 in hexadecimal.")
    return text


def _direction(number: int) -> MoveDirection:
    if number not in pb.MoveDirection.values() or number == pb.MOVE_DIRECTION_UNSPECIFIED:
        raise AppError(ErrorCode.VALIDATION_ERROR, "direction is neither FORWARD nor BACK.")
    return MoveDirection(pb.MoveDirection.Name(number))


def _hall_id(text: str, name: str) -> str | None:
    if len(text) > _LONGEST_HALL_ID or "\0" in text:
        raise AppError(ErrorCode.VALIDATION_ERROR, f"{name} is not text of at most 20 characters.")
    return text or None


def _text(value: UUID | Decimal | None) -> str:
    return "" if value is None else str(value)
