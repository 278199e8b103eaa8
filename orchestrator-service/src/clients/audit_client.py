"""What the audit reads of the services: a stretch at a time, by key, or what it names."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from inventory_api import inventory_pb2 as pb
from inventory_api import inventory_pb2_grpc
from pydantic import BaseModel

from common.clients import HttpClient
from common.rpc import RpcClient

from .inventory_client import SERVICE
from .order_client import Order
from .saga_records import R
from .transfer_client import Transfer

# So many records at a time: a bounded answer, given well within a call's time.
STRETCH = 250


class UserSums(BaseModel):
    """What a user has, and what ledger and open freezes say of it, at one instant."""

    user_id: UUID
    credit_balance: Decimal
    ledger_sum: Decimal
    frozen_credits: Decimal
    open_freezes: Decimal


class Entry(BaseModel):
    """One movement of credits."""

    entry_id: UUID
    reference_id: UUID
    user_id: UUID
    kind: str
    amount: Decimal


class Reference(BaseModel):
    """How many entries a reference has, and whether they leave anybody with more or less."""

    reference_id: UUID
    entries: int
    moves_credits: bool


class SoldOrder(BaseModel):
    """A CONFIRMED order, and who owns its seat by it and its transfers."""

    order_id: UUID
    owner_user_id: UUID


class SeatSale(BaseModel):
    """A seat's CONFIRMED orders at one instant.

    Two equal ones that no saga was at work on: between them nothing happened to the sale.
    """

    seat_id: UUID
    version: int
    at_work: bool
    confirmed: list[SoldOrder]


@dataclass(frozen=True)
class AuditedSeat:
    """A seat as its row has it: `status` is HELD also where the hold has run out."""

    seat_id: UUID
    status: str
    owner_user_id: UUID | None
    hold_id: UUID | None
    success_entries: int
    hold_overdue: bool
    lost_hold_id: UUID | None


@dataclass(frozen=True)
class SeatStretch:
    """The seats of a stretch that matter; `last` is None where no seat follows."""

    seats: list[AuditedSeat]
    looked_at: int
    last: UUID | None


@dataclass(frozen=True)
class Move:
    """A move of a transfer's seat that stands."""

    direction: str
    seat_id: UUID
    hold_id: UUID
    from_user_id: UUID
    to_user_id: UUID


class AuditClient:
    """Internal calls that change nothing; lists of IDs may have a thousand."""

    def __init__(
        self, users: HttpClient, orders: HttpClient, inventory: str, internal_token: str
    ) -> None:
        self._users = users
        self._orders = orders
        stub = inventory_pb2_grpc.InventoryStub
        self._inventory = RpcClient(SERVICE, inventory, stub, internal_token, connections=1)

    def users(self, after: UUID | None) -> list[UserSums]:
        """The next users."""
        found = self._users.post("/audit/users", **_from(after))
        return [UserSums(**one) for one in found]

    def references(self, after: UUID | None) -> list[Reference]:
        """The next references of the ledger."""
        found = self._users.post("/audit/references", **_from(after))
        return [Reference(**one) for one in found]

    def entries(self, references: Collection[UUID]) -> dict[UUID, list[Entry]]:
        """What is booked, by reference; tombstones are nothing."""
        booked: dict[UUID, list[Entry]] = defaultdict(list)
        for one in self._users.post("/audit/entries", reference_ids=list(references)):
            entry = Entry(**one)
            booked[entry.reference_id].append(entry)
        return booked

    def unknown(self, ids: Collection[UUID]) -> list[UUID]:
        """Those that are of no order, transfer, dispute or reversal."""
        return [UUID(one) for one in self._orders.post("/audit/unknown", ids=list(ids))["ids"]]

    def orders(self, **wanted: Any) -> list[Order]:
        """The orders `after` one, or those of `ids`."""
        return self._records("/audit/orders", Order, **wanted)

    def transfers(self, **wanted: Any) -> list[Transfer]:
        """The transfers `after` one, or those of `ids`."""
        return self._records("/audit/transfers", Transfer, **wanted)

    def sales(self, after: UUID | None, until: UUID | None) -> list[SeatSale]:
        """The next seats that have a CONFIRMED order, up to and with `until`."""
        wanted = _from(after) | ({"until": until} if until else {})
        return [SeatSale(**one) for one in self._orders.post("/audit/sales", **wanted)]

    def sales_of(self, seat_ids: Collection[UUID]) -> dict[UUID, SeatSale]:
        """The sale of each of these seats, whether it has a CONFIRMED order or not."""
        found = self._orders.post("/audit/sales", ids=list(seat_ids))
        return {sale.seat_id: sale for sale in (SeatSale(**one) for one in found)}

    def seats(self, after: UUID | None) -> SeatStretch:
        """The next seats; those that matter of them."""
        request = pb.AuditSeatsRequest(after=str(after or ""), limit=STRETCH)
        found = self._inventory.call("AuditSeats", request)
        return SeatStretch(list(map(_seat, found.seats)), found.looked_at, _id(found.last_seat_id))

    def seats_named(self, seat_ids: Collection[UUID]) -> dict[UUID, AuditedSeat]:
        """These seats, as far as there are such."""
        request = pb.AuditSeatsRequest(seat_ids=map(str, seat_ids))
        seats = map(_seat, self._inventory.call("AuditSeats", request).seats)
        return {seat.seat_id: seat for seat in seats}

    def moves(self, transfer_ids: Collection[UUID]) -> dict[UUID, list[Move]]:
        """The moves that stand, by transfer."""
        request = pb.AuditMovesRequest(transfer_ids=map(str, transfer_ids))
        moves: dict[UUID, list[Move]] = defaultdict(list)
        for one in self._inventory.call("AuditMoves", request).moves:
            moves[UUID(one.transfer_id)].append(_move(one))
        return moves

    def _records(
        self, path: str, kind: type[R], after: UUID | None = None, ids: list[UUID] | None = None
    ) -> list[R]:
        wanted = _from(after) if ids is None else {"ids": ids}
        return [kind(**one) for one in self._orders.post(path, **wanted)]


def _from(after: UUID | None) -> dict[str, Any]:
    return {"limit": STRETCH} | ({"after": after} if after else {})


def _seat(one: pb.AuditedSeat) -> AuditedSeat:
    return AuditedSeat(
        seat_id=UUID(one.seat_id),
        status=pb.SeatStatus.Name(one.status),
        owner_user_id=_id(one.owner_user_id),
        hold_id=_id(one.hold_id),
        success_entries=one.success_entries,
        hold_overdue=one.hold_overdue,
        lost_hold_id=_id(one.lost_hold_id),
    )


def _move(one: pb.AuditedMove) -> Move:
    return Move(
        direction=pb.MoveDirection.Name(one.direction),
        seat_id=UUID(one.seat_id),
        hold_id=UUID(one.hold_id),
        from_user_id=UUID(one.from_user_id),
        to_user_id=UUID(one.to_user_id),
    )


def _id(text: str) -> UUID | None:
    return UUID(text) if text else None
