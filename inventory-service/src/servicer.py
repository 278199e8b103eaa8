"""The RPCs: parse, call one function, answer."""

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from inventory_api import inventory_pb2 as pb
from inventory_api import inventory_pb2_grpc

from common.errors import AppError, ErrorCode

from .services.lock_service import LockService
from .services.ownership_service import OwnedSeat, OwnershipService, Sale
from .services.seat_map import SeatMap

_STATUS = dict(pb.SeatStatus.items())
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST_AMOUNT = Decimal("99999999.99")
_CENT = Decimal("0.01")


class InventoryServicer(inventory_pb2_grpc.InventoryServicer):
    """See inventory.proto; refusals are raised and become a status in common.rpc."""

    def __init__(self, locks: LockService, ownership: OwnershipService, seat_map: SeatMap) -> None:
        self._locks = locks
        self._ownership = ownership
        self._seat_map = seat_map

    def ReserveSeat(self, request: pb.ReserveSeatRequest, context: Any) -> pb.Hold:
        held = self._locks.reserve(
            _uuid(request.seat_id, "seat_id"),
            _uuid(request.user_id, "user_id"),
            _uuid(request.hold_id, "hold_id"),
        )
        return pb.Hold(
            hold_id=str(held.hold_id),
            seat_id=str(held.seat_id),
            event_id=str(held.event_id),
            category=held.category,
            held_until=_timestamp(held.held_until),
            ttl_seconds=held.ttl_seconds,
        )

    def ConfirmSeat(self, request: pb.ConfirmSeatRequest, context: Any) -> pb.ConfirmSeatResponse:
        self._ownership.confirm(
            Sale(
                _uuid(request.seat_id, "seat_id"),
                _uuid(request.user_id, "user_id"),
                _uuid(request.hold_id, "hold_id"),
                _amount(request.price_paid, "price_paid"),
                _sha256(request.qr_code_hash, "qr_code_hash"),
            )
        )
        return pb.ConfirmSeatResponse(success=True)

    def ReleaseSeat(self, request: pb.ReleaseSeatRequest, context: Any) -> pb.ReleaseSeatResponse:
        released = self._locks.release(
            _uuid(request.seat_id, "seat_id"),
            _uuid(request.hold_id, "hold_id"),
            request.undo_sale,
        )
        return pb.ReleaseSeatResponse(released=released)

    def GetSeatOwner(self, request: pb.GetSeatOwnerRequest, context: Any) -> pb.Seat:
        return _seat(self._ownership.seat(_uuid(request.seat_id, "seat_id")))

    def ListSeats(self, request: pb.ListSeatsRequest, context: Any) -> pb.SeatList:
        event_id = _uuid(request.event_id, "event_id")
        return pb.SeatList(
            seats=[
                pb.Seat(
                    seat_id=seat_id,
                    event_id=request.event_id,
                    category=category,
                    row_number=row,
                    seat_number=number,
                    status=_STATUS[status],
                )
                for seat_id, category, row, number, status in self._seat_map.seats_of(event_id)
            ]
        )

    def ListSeatsByOwner(self, request: pb.ListSeatsByOwnerRequest, context: Any) -> pb.SeatList:
        seats = self._ownership.seats_of(_uuid(request.user_id, "user_id"))
        return pb.SeatList(seats=map(_seat, seats))

    def CountAvailableSeats(
        self, request: pb.CountAvailableSeatsRequest, context: Any
    ) -> pb.CountAvailableSeatsResponse:
        counted = self._seat_map.free_seats(_uuids(request.event_ids, "event_ids"))
        return pb.CountAvailableSeatsResponse(
            available={str(event_id): count for event_id, count in counted.items()}
        )


def _seat(seat: OwnedSeat) -> pb.Seat:
    return pb.Seat(
        seat_id=str(seat.seat_id),
        event_id=str(seat.event_id),
        category=seat.category,
        row_number=seat.row_number,
        seat_number=seat.seat_number,
        status=_STATUS[seat.status],
        owner_user_id=_text(seat.owner_user_id),
        hold_id=_text(seat.hold_id),
        price_paid=_text(seat.price_paid),
        purchased_at=_timestamp(seat.purchased_at),
    )


def _text(value: UUID | Decimal | None) -> str:
    return "" if value is None else str(value)


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp


def _uuid(text: str, name: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise AppError(ErrorCode.INVALID_UUID, f"{name} is not a UUID.") from error


def _uuids(texts: Iterable[str], name: str) -> list[UUID]:
    return [_uuid(text, name) for text in texts]


def _amount(text: str, name: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise AppError(ErrorCode.VALIDATION_ERROR, f"{name} is not an amount.") from error
    if not (amount.is_finite() and 0 <= amount <= _LARGEST_AMOUNT and amount % _CENT == 0):
        raise AppError(ErrorCode.VALIDATION_ERROR, f"{name} is not an amount of money.")
    return amount


def _sha256(text: str, name: str) -> str:
    if not _SHA256.fullmatch(text):
        raise AppError(ErrorCode.VALIDATION_ERROR, f"{name} is not a SHA-256 in hexadecimal.")
    return text
