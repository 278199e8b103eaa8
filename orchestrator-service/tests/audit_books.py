"""Doubles of what the audit reads: the services' books, in which others may write meanwhile."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from src.clients.audit_client import (
    STRETCH,
    AuditedSeat,
    Entry,
    Move,
    Reference,
    SeatSale,
    SeatStretch,
    SoldOrder,
    UserSums,
)
from src.clients.order_client import Order
from src.clients.transfer_client import Transfer

PRICE = Decimal("350.00")
NOW = datetime.now(timezone.utc)


@dataclass
class Books:
    """An AuditClient; `after` is what others do once a call has been answered."""

    user_sums: list[UserSums] = field(default_factory=list)
    all_orders: dict[UUID, Order] = field(default_factory=dict)
    all_transfers: dict[UUID, Transfer] = field(default_factory=dict)
    all_seats: dict[UUID, AuditedSeat] = field(default_factory=dict)
    ledger: list[Entry] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    most_told: int = 0
    after: dict[str, Callable[[], Any]] = field(default_factory=dict)

    def sold(self, **given: Any) -> Order:
        """A CONFIRMED order with its charge and its seat."""
        order = self.order(**{"status": "CONFIRMED", **given})
        self.book(order.order_id, order.user_id, "CHARGE", -PRICE)
        self.seat(order)
        return order

    def order(self, **given: Any) -> Order:
        """An order of a new user for a new seat."""
        ids = {name: uuid4() for name in ("order_id", "user_id", "seat_id", "event_id")}
        nothing = dict.fromkeys(
            ("failure_reason", "saga", "saga_step", "otp_verified_at", "confirmed_at")
        )
        known = {"status": "PENDING", "saga_undoing": False, "saga_version": 1}
        times = {"held_until": NOW, "created_at": NOW}
        fields = {**ids, **nothing, **known, **times, "refund_to_user_id": None, **given}
        order = Order(credits_charged=PRICE, **fields)
        self.all_orders[order.order_id] = order
        return order

    def change(self, order: Order, **change: Any) -> Order:
        """The order, changed."""
        self.all_orders[order.order_id] = order.model_copy(update=change)
        return self.all_orders[order.order_id]

    def seat(self, order: Order, **given: Any) -> AuditedSeat:
        """The seat of an order, sold by it."""
        sold = {"status": "SOLD", "owner_user_id": order.user_id, "hold_id": order.order_id}
        right = {"success_entries": 0, "hold_overdue": False, "lost_hold_id": None}
        seat = AuditedSeat(order.seat_id, **{**sold, **right, **given})
        self.all_seats[seat.seat_id] = seat
        return seat

    def book(self, reference: UUID, user_id: UUID, kind: str, amount: Decimal) -> None:
        """An entry of the ledger."""
        ids = {"entry_id": uuid4(), "reference_id": reference, "user_id": user_id}
        self.ledger.append(Entry(**ids, kind=kind, amount=amount))

    # what follows is an AuditClient

    def users(self, after: UUID | None) -> list[UserSums]:
        found = {one.user_id: one for one in self.user_sums}
        return self._told("users", _stretch(found, after))

    def references(self, after: UUID | None) -> list[Reference]:
        of_it = defaultdict(list)
        for entry in self.ledger:
            of_it[entry.reference_id].append(entry.amount)
        found = {
            one: Reference(reference_id=one, entries=len(amounts), moves_credits=sum(amounts) != 0)
            for one, amounts in of_it.items()
        }
        return self._told("references", _stretch(found, after))

    def entries(self, references: Collection[UUID]) -> dict[UUID, list[Entry]]:
        found = [one for one in self.ledger if one.reference_id in set(references)]
        booked = defaultdict(list)
        for one in self._told("entries", found):
            booked[one.reference_id].append(one)
        return booked

    def unknown(self, ids: Collection[UUID]) -> list[UUID]:
        known = self.all_orders.keys() | self.all_transfers.keys()
        return self._told("unknown", [one for one in ids if one not in known])

    def orders(self, after: UUID | None = None, ids: list[UUID] | None = None) -> list[Order]:
        return self._told("orders", _records(self.all_orders, after, ids))

    def transfers(self, after: UUID | None = None, ids: list[UUID] | None = None) -> list[Transfer]:
        return self._told("transfers", _records(self.all_transfers, after, ids))

    def moves(self, transfer_ids: Collection[UUID]) -> dict[UUID, list[Move]]:
        return {}

    def sales(self, after: UUID | None, until: UUID | None) -> list[SeatSale]:
        sold = {one.seat_id for one in self.all_orders.values() if one.status == "CONFIRMED"}
        found = {one: self._sale(one) for one in sold if until is None or one <= until}
        return self._told("sales", _stretch(found, after))

    def sales_of(self, seat_ids: Collection[UUID]) -> dict[UUID, SeatSale]:
        sales = self._told("sales_of", [self._sale(one) for one in seat_ids])
        return {sale.seat_id: sale for sale in sales}

    def seats(self, after: UUID | None) -> SeatStretch:
        found = self._told("seats", _stretch(self.all_seats, after))
        last = found[-1].seat_id if len(found) == STRETCH else None
        return SeatStretch(found, len(found), last)

    def seats_named(self, seat_ids: Collection[UUID]) -> dict[UUID, AuditedSeat]:
        found = [self.all_seats[one] for one in seat_ids if one in self.all_seats]
        return {seat.seat_id: seat for seat in self._told("seats_named", found)}

    def _sale(self, seat_id: UUID) -> SeatSale:
        orders = [one for one in self.all_orders.values() if one.seat_id == seat_id]
        confirmed = [
            SoldOrder(order_id=one.order_id, owner_user_id=one.user_id)
            for one in sorted(orders, key=lambda order: order.order_id)
            if one.status == "CONFIRMED"
        ]
        return SeatSale(
            seat_id=seat_id,
            version=sum(one.saga_version for one in orders),
            at_work=any(one.saga for one in orders),
            confirmed=confirmed,
        )

    def _told(self, call: str, answer: list[Any]) -> list[Any]:
        self.calls[call] += 1
        self.most_told = max(self.most_told, len(answer))
        self.after.pop(call, lambda: None)()
        return answer


def _records(all_records: dict[UUID, Any], after: UUID | None, ids: list[UUID] | None) -> list[Any]:
    if ids is None:
        return _stretch(all_records, after)
    return [all_records[one] for one in sorted(ids) if one in all_records]


def _stretch(found: dict[UUID, Any], after: UUID | None) -> list[Any]:
    following = sorted(one for one in found if after is None or one > after)
    return [found[one] for one in following[:STRETCH]]
