"""Users who pay in, buy, pass on, dispute and are refunded, in any order and at the same time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import uuid4

import httpx

from common.testing import wait_for
from deals import PARTIES, Deal
from outside import Smu, Stripe
from platform_client import Api, Buyer, Records

MOVES = ("deposit", "buy", "transfer", "dispute", "reverse", "dismiss", "refund")


@dataclass
class Market:
    """What happened so far. A move may be refused, but nothing may break."""

    users: list[Buyer]
    new_seat: Callable[[], str]
    staff: Api
    smu: Smu
    stripe: Stripe
    records: Records
    paid_in: Decimal = Decimal(0)
    sales: list[tuple[str, str]] = field(default_factory=list)  # seat, order
    deals: list[Deal] = field(default_factory=list)
    done: set[str] = field(default_factory=set)  # moves that were not refused
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def play(self, move: str, one: int, other: int, credits: int) -> None:
        """Make a move; the numbers choose who, what and how much."""
        getattr(self, f"_{move}")(one, other, credits)

    def _deposit(self, one: int, _: int, credits: int) -> None:
        user, amount = self._user(one), credits + 1
        event = self.stripe.succeeded(f"pi_{uuid4().hex}", user.user_id, amount * 100)
        with self._lock:
            self.paid_in += amount
        answer = user.api.call(
            "POST", "/api/webhooks/stripe", content=event, headers=self.stripe.signature(event)
        )
        assert self._took("deposit", answer)

    def _buy(self, one: int, *_: int) -> None:
        user, seat_id = self._user(one), self._seat()
        held = user.api.call("POST", "/api/reserve", json={"seat_id": seat_id})
        if self._took("reserve", held):
            order_id = held.json()["data"]["order_id"]
            paid = user.api.call("POST", "/api/pay", json={"order_id": order_id})
            if self._took("buy", paid):
                self.sales.append((seat_id, order_id))

    def _transfer(self, one: int, other: int, credits: int) -> None:
        if not self.sales:
            return
        seat_id, order_id = self.sales[one % len(self.sales)]
        owner_id = self.records.seat(seat_id)[1]
        seller = next((user for user in self.users if user.user_id == owner_id), self.users[0])
        deal = Deal(seller, self._user(other), seat_id, order_id, self.smu, self.records, credits)
        if not self._took("initiate", deal.initiate()):
            return
        self.deals.append(deal)
        codes = {f"{name}_otp": deal.code(name) for name in PARTIES}
        self._took("transfer", deal.confirm(**codes))

    def _dispute(self, one: int, other: int, _: int) -> None:
        if deal := self._deal(one):
            by = deal.party(PARTIES[other % 2]).api
            self._took("dispute", deal.settle("dispute", by, reason="why"))

    def _reverse(self, one: int, *_: int) -> None:
        if deal := self._deal(one):
            self._took("reverse", deal.settle("reverse", self.staff))

    def _dismiss(self, one: int, *_: int) -> None:
        if deal := self._deal(one):
            self._took("dismiss", deal.settle("dismiss", self.staff, reason="why"))

    def _refund(self, one: int, *_: int) -> None:
        if self.sales:
            _, order_id = self.sales[one % len(self.sales)]
            path, body = f"/api/orders/{order_id}/refund", {"reason": "rain"}
            self._took("refund", self.staff.call("POST", path, json=body))

    def _user(self, number: int) -> Buyer:
        return self.users[number % len(self.users)]

    def _deal(self, number: int) -> Deal | None:
        return self.deals[number % len(self.deals)] if self.deals else None

    def _seat(self) -> str:
        with self._lock:
            return self.new_seat()

    def _took(self, move: str, answer: httpx.Response) -> bool:
        assert answer.status_code < 500, (move, answer.text)
        if answer.is_success:
            self.done.add(move)
        return answer.is_success

    def settle(self) -> None:
        """Wait until no saga is at work on anything that was sold here."""
        sql = "SELECT count(*) FROM {} WHERE saga IS NOT NULL"
        for table in ("orders", "transfers"):
            wait_for(
                lambda: self.records.query("order", sql.format(table)) == [(0,)],
                f"all {table} to be settled",
                seconds=30,
            )

    def assert_balanced(self) -> None:
        """Rule 2: each balance is its ledger, and all of them together are what came in."""
        for user in self.users:
            self.records.assert_balance_is_ledger(user)
            self.records.assert_frozen_is_explained(user)
        ids = [user.user_id for user in self.users]
        ((has,),) = self.records.query(
            "user",
            "SELECT sum(credit_balance + frozen_credits) FROM users WHERE user_id::text = ANY(%s)",
            ids,
        )
        orders = [order_id for _, order_id in self.sales]
        ((spent,),) = self.records.query(
            "order",
            "SELECT coalesce(sum(credits_charged), 0) FROM orders"
            " WHERE status = 'CONFIRMED' AND order_id::text = ANY(%s)",
            orders,
        )
        assert has + spent == self.paid_in

    def assert_owned(self) -> None:
        """Rule 3: a seat belongs to the end of its chain of completed transfers, or to nobody."""
        for seat_id, order_id in self.sales:
            (expected,) = self.records.query(
                "order",
                "SELECT CASE WHEN o.status = 'CONFIRMED' THEN 'SOLD' ELSE 'AVAILABLE' END,"
                " CASE WHEN o.status = 'CONFIRMED' THEN coalesce((SELECT t.buyer_user_id"
                " FROM transfers t WHERE t.order_id = o.order_id"
                " AND t.status IN ('COMPLETED', 'DISPUTED')"
                " ORDER BY t.completed_at DESC LIMIT 1), o.user_id)::text END"
                " FROM orders o WHERE o.order_id = %s",
                order_id,
            )
            assert self.records.seat(seat_id) == expected
