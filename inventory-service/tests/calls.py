"""The calls, as sentences; an argument is an ID unless its name says otherwise."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from inventory_api import inventory_pb2 as pb

from common.rpc import RpcClient

HASH = "ab" * 32
NEW_HASH = "cd" * 32


@dataclass(frozen=True)
class Move:
    """A seat's way from one user to another, of a transfer of its own unless it says which."""

    seat: UUID
    from_user: UUID
    hold: UUID
    to_user: UUID = field(default_factory=uuid4)
    transfer: UUID = field(default_factory=uuid4)
    move: UUID = field(default_factory=uuid4)
    direction: str = "FORWARD"

    def back(self) -> "Move":
        """The way back, of the same transfer."""
        users = {"from_user": self.to_user, "to_user": self.from_user}
        return Move(self.seat, hold=self.hold, transfer=self.transfer, direction="BACK", **users)

    def request(self, **other: Any) -> pb.UpdateOwnerRequest:
        return pb.UpdateOwnerRequest(
            seat_id=str(self.seat),
            from_user_id=str(self.from_user),
            to_user_id=str(self.to_user),
            hold_id=str(self.hold),
            transfer_id=str(self.transfer),
            move_id=str(self.move),
            **{"direction": self.direction, **other},
        )


@dataclass
class Inventory:
    """An inventory service."""

    client: RpcClient

    def reserve(self, seat: UUID, user: UUID, hold: UUID) -> pb.Hold:
        return self.client.call(
            "ReserveSeat",
            pb.ReserveSeatRequest(seat_id=str(seat), user_id=str(user), hold_id=str(hold)),
        )

    def confirm(self, seat: UUID, user: UUID, hold: UUID, price: str = "350.00") -> bool:
        request = pb.ConfirmSeatRequest(
            seat_id=str(seat),
            user_id=str(user),
            hold_id=str(hold),
            price_paid=price,
            qr_code_hash=HASH,
        )
        return self.client.call("ConfirmSeat", request).success

    def sell(self, seat: UUID) -> tuple[UUID, UUID]:
        """(owner, hold) of the sale."""
        user, hold = uuid4(), uuid4()
        self.reserve(seat, user, hold)
        self.confirm(seat, user, hold)
        return user, hold

    def release(
        self, seat: UUID, hold: UUID, undo_sale: bool = False, owner: UUID | None = None
    ) -> bool:
        request = pb.ReleaseSeatRequest(
            seat_id=str(seat), hold_id=str(hold), undo_sale=undo_sale, owner_user_id=_text(owner)
        )
        return self.client.call("ReleaseSeat", request).released

    def move(self, move: Move, qr_code_hash: str = NEW_HASH) -> bool:
        return self.client.call("UpdateOwner", move.request(qr_code_hash=qr_code_hash)).success

    def undo(self, move: Move) -> bool:
        return self.client.call("UpdateOwner", move.request(undo=True)).success

    def seat(self, seat: UUID) -> pb.Seat:
        return self.client.call("GetSeatOwner", pb.GetSeatOwnerRequest(seat_id=str(seat)))

    def status(self, seat: UUID) -> str:
        return pb.SeatStatus.Name(self.seat(seat).status)

    def ticket(self, seat: UUID, scan: UUID | None = None) -> pb.Ticket:
        request = pb.VerifyTicketRequest(seat_id=str(seat), scan_id=_text(scan))
        return self.client.call("VerifyTicket", request)

    def check_in(
        self, seat: UUID, owner: UUID, scan: UUID | None = None, **other: Any
    ) -> pb.EntryLog:
        other.setdefault("hold_id", self.seat(seat).hold_id or str(uuid4()))
        request = pb.MarkCheckedInRequest(
            seat_id=str(seat), owner_user_id=str(owner), scan_id=_text(scan), **_by(other)
        )
        return self.client.call("MarkCheckedIn", request)

    def refuse(
        self, result: str | int, seat: UUID | None, scan: UUID | None = None, **other: Any
    ) -> pb.EntryLog:
        request = pb.WriteEntryLogRequest(
            seat_id=_text(seat), result=result, scan_id=_text(scan), **_by(other)
        )
        return self.client.call("WriteEntryLog", request)

    def entries(self, event: UUID, latest: int = 50) -> pb.EntryReport:
        request = pb.ReportEntriesRequest(event_id=str(event), latest=latest)
        return self.client.call("ReportEntries", request)


def _by(fields: dict[str, Any]) -> dict[str, Any]:
    return {"scanned_by_staff_id": str(uuid4()), **fields}


def _text(value: UUID | None) -> str:
    return "" if value is None else str(value)
