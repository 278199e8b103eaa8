"""The inventory service over gRPC: holds, sales, who owns a seat."""

from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

from google.protobuf.timestamp_pb2 import Timestamp
from inventory_api import inventory_pb2 as pb
from inventory_api import inventory_pb2_grpc

from common.rpc import HealthProbe, RpcClient

SERVICE = "inventory-service"


@dataclass(frozen=True)
class Hold:
    """A seat held for a user until `held_until`."""

    hold_id: UUID
    event_id: UUID
    category: str
    held_until: datetime
    ttl_seconds: int


@dataclass(frozen=True)
class Seat:
    """A seat as it stands; `status` is AVAILABLE, HELD, SOLD or CHECKED_IN."""

    seat_id: UUID
    event_id: UUID
    row_number: str
    seat_number: int
    status: str
    owner_user_id: UUID | None
    price_paid: Decimal | None
    purchased_at: datetime | None


@dataclass(frozen=True)
class SeatMove:
    """A sold seat's way to another owner; `hold_id` is its sale, `back` the way of a reversal."""

    seat_id: UUID
    hold_id: UUID
    transfer_id: UUID
    move_id: UUID
    from_user_id: UUID
    to_user_id: UUID
    back: bool = False


class InventoryClient:
    """Calls to the inventory; each is idempotent by its hold_id or move_id."""

    def __init__(self, target: str, internal_token: str) -> None:
        self._rpc = RpcClient(SERVICE, target, inventory_pb2_grpc.InventoryStub, internal_token)
        self.ping = HealthProbe(SERVICE, target).ping

    def reserve_seat(self, seat_id: UUID, user_id: UUID, hold_id: UUID) -> Hold:
        """Hold the seat; the user's own live hold is answered under the ID it has.

        Raises SEAT_NOT_FOUND, SEAT_UNAVAILABLE, SEAT_ALREADY_SOLD, HOLD_LIMIT_REACHED.
        """
        hold = self._rpc.call(
            "ReserveSeat",
            pb.ReserveSeatRequest(seat_id=str(seat_id), user_id=str(user_id), hold_id=str(hold_id)),
        )
        return Hold(
            hold_id=UUID(hold.hold_id),
            event_id=UUID(hold.event_id),
            category=hold.category,
            held_until=utc(hold.held_until),
            ttl_seconds=hold.ttl_seconds,
        )

    def confirm_seat(
        self, seat_id: UUID, user_id: UUID, hold_id: UUID, price_paid: Decimal, qr_code_hash: str
    ) -> None:
        """Sell the seat to the user whose live hold it is. Raises HOLD_EXPIRED, SEAT_NOT_HELD."""
        self._rpc.call(
            "ConfirmSeat",
            pb.ConfirmSeatRequest(
                seat_id=str(seat_id),
                user_id=str(user_id),
                hold_id=str(hold_id),
                price_paid=str(price_paid),
                qr_code_hash=qr_code_hash,
            ),
        )

    def release_seat(
        self,
        seat_id: UUID,
        hold_id: UUID,
        undo_sale: bool = False,
        owner_user_id: UUID | None = None,
    ) -> None:
        """End that hold and no other; with `undo_sale` also the sale that came of it.

        The sale is taken from its first owner, or from the one named. Raises SEAT_UNAVAILABLE where
        that one does not have the seat or has gone in.
        """
        self._rpc.call(
            "ReleaseSeat",
            pb.ReleaseSeatRequest(
                seat_id=str(seat_id),
                hold_id=str(hold_id),
                undo_sale=undo_sale,
                owner_user_id=str(owner_user_id or ""),
            ),
        )

    def update_owner(self, move: SeatMove, qr_code_hash: str) -> None:
        """Hand the seat over. Raises SEAT_UNAVAILABLE (not SOLD, another sale), NOT_SEAT_OWNER."""
        self._rpc.call("UpdateOwner", _update_owner(move, qr_code_hash=qr_code_hash))

    def undo_update_owner(self, move: SeatMove) -> None:
        """Take the move back, or see to it that it never comes.

        Raises SEAT_UNAVAILABLE where it stands for good: the new owner has gone in.
        """
        self._rpc.call("UpdateOwner", _update_owner(move, undo=True))

    def seat(self, seat_id: UUID) -> Seat:
        """The seat as it stands; raises SEAT_NOT_FOUND."""
        return _seat(self._rpc.call("GetSeatOwner", pb.GetSeatOwnerRequest(seat_id=str(seat_id))))

    def seats_of(self, user_id: UUID) -> list[Seat]:
        """Every seat the user owns, newest purchase first."""
        request = pb.ListSeatsByOwnerRequest(user_id=str(user_id))
        return [_seat(one) for one in self._rpc.call("ListSeatsByOwner", request).seats]


def _update_owner(move: SeatMove, **how: Any) -> pb.UpdateOwnerRequest:
    return pb.UpdateOwnerRequest(
        seat_id=str(move.seat_id),
        from_user_id=str(move.from_user_id),
        to_user_id=str(move.to_user_id),
        hold_id=str(move.hold_id),
        transfer_id=str(move.transfer_id),
        direction=pb.BACK if move.back else pb.FORWARD,
        move_id=str(move.move_id),
        **how,
    )


def utc(moment: Timestamp) -> datetime:
    """A protobuf time as ours."""
    return moment.ToDatetime(tzinfo=timezone.utc)


def _seat(seat: pb.Seat) -> Seat:
    return Seat(
        seat_id=UUID(seat.seat_id),
        event_id=UUID(seat.event_id),
        row_number=seat.row_number,
        seat_number=seat.seat_number,
        status=pb.SeatStatus.Name(seat.status),
        owner_user_id=UUID(seat.owner_user_id) if seat.owner_user_id else None,
        price_paid=Decimal(seat.price_paid) if seat.price_paid else None,
        purchased_at=utc(seat.purchased_at) if seat.HasField("purchased_at") else None,
    )
