"""What is interrupted: each scenario is one request whose every call is a boundary.

An instance is one go at it, prepared up to that request. `assert_whole` holds whenever no saga is
at work on its records: everything happened or nothing did.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import httpx

from gate import entries
from platform_client import Buyer
from world import World, call


class Scenario(ABC):
    """`saga` is the name of the one that it runs; `undoes` whether its pivot is refused."""

    saga: ClassVar[str | None] = None
    by_orchestrator: ClassVar[bool] = True

    def __init__(self, world: World) -> None:
        self.world = world
        self.records = world.records

    @property
    def entry(self) -> str:
        """Where the watched request goes."""
        return self.world.orchestrator.url

    @abstractmethod
    def act(self, url: str) -> httpx.Response:
        """The request."""

    @abstractmethod
    def is_settled(self) -> bool:
        """Whether no saga is at work, and nothing else is left to end by itself."""

    @abstractmethod
    def happened(self) -> bool:
        """Whether it did, as the records have it."""

    @abstractmethod
    def assert_whole(self) -> bool:
        """Whether it happened, whole; AssertionError where it is neither that nor undone, whole."""

    def was_promised(self, answer: httpx.Response) -> bool:
        """Whether the answer says that it has happened."""
        return answer.status_code in (200, 201)


class Reserve(Scenario):
    """Nobody pays: whatever was held is free again in the end."""

    saga = "reserve"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.buyer, self.seat_id = world.new_buyer(), world.new_seat()

    def act(self, url: str) -> httpx.Response:
        return call(self.buyer.api, url, "/api/reserve", seat_id=self.seat_id)

    def is_settled(self) -> bool:
        return self.records.seat(self.seat_id) == ("AVAILABLE", None) and "PENDING" not in (
            self._orders()
        )

    def happened(self) -> bool:
        return False  # a hold ends

    def assert_whole(self) -> bool:
        assert set(self._orders()) <= {"FAILED"}
        assert self.buyer.balance() == 1000
        return False

    def was_promised(self, answer: httpx.Response) -> bool:
        return False

    def _orders(self) -> list[str]:
        sql = "SELECT status::text FROM orders WHERE seat_id = %s"
        return [status for (status,) in self.records.query("order", sql, self.seat_id)]


class Pay(Scenario):
    """An order is paid."""

    saga = "pay"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.buyer = world.new_buyer()
        self.held = self.buyer.reserve(world.new_seat())
        self.records.prolong(self.held)

    def act(self, url: str) -> httpx.Response:
        return call(self.buyer.api, url, "/api/pay", order_id=self.held["order_id"])

    def is_settled(self) -> bool:
        return self.records.order(self.held["order_id"])[1] is None

    def happened(self) -> bool:
        return self.records.order(self.held["order_id"])[0] == "CONFIRMED"

    def assert_whole(self) -> bool:
        status, _ = self.records.order(self.held["order_id"])
        if status == "CONFIRMED":
            price = self.buyer.order(self.held["order_id"])["credits_charged"]
            self.records.assert_sold(self.buyer, self.held, str(price))
        elif status == "FAILED":
            self.records.assert_undone(self.buyer, self.held)
        else:
            self.records.assert_held(self.buyer, self.held)
        return status == "CONFIRMED"


class PayOfAStubbornSeat(Pay):
    """An order is paid whose seat cannot be sold: all is undone."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        world.be_stubborn(self.held["seat_id"])

    def assert_whole(self) -> bool:
        assert not super().assert_whole()
        return False


class Refund(Scenario):
    """A sold order is refunded."""

    saga = "refund"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.buyer = world.new_buyer()
        self.held = self.buyer.reserve(world.new_seat())
        self.buyer.pay(self.held["order_id"])

    def act(self, url: str) -> httpx.Response:
        path = f"/api/orders/{self.held['order_id']}/refund"
        return call(self.world.staff, url, path, reason="rain")

    def is_settled(self) -> bool:
        return self.records.order(self.held["order_id"])[1] is None

    def happened(self) -> bool:
        return self.records.order(self.held["order_id"])[0] == "REFUNDED"

    def assert_whole(self) -> bool:
        if not self.happened():
            price = self.buyer.order(self.held["order_id"])["credits_charged"]
            self.records.assert_sold(self.buyer, self.held, str(price))
            return False
        assert self.records.seat(self.held["seat_id"]) == ("AVAILABLE", None)
        moved = self.records.movements(self.held["order_id"])
        assert set(moved) == {"CHARGE", "REFUND"} and sum(moved.values()) == 0
        assert self.buyer.balance() == 1000
        return True


class _OfATransfer(Scenario):
    """`before` and `after` are statuses: where nothing happened, and where all did."""

    before: ClassVar[tuple[str, ...]]
    after: ClassVar[str]

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.deal = world.new_deal()
        self.prepare()
        self.had = self.deal.balances()

    def prepare(self) -> None:
        """Bring the transfer to where the request is possible."""

    def is_settled(self) -> bool:
        return self._journal()[1] is None

    def happened(self) -> bool:
        return self._journal()[0] == self.after

    def assert_whole(self) -> bool:
        status, _ = self._journal()
        assert status in (*self.before, self.after)
        for party in (self.deal.seller, self.deal.buyer):
            self.records.assert_balance_is_ledger(party)
            self.records.assert_frozen_is_explained(party)
        self.assert_state(status)
        return status == self.after

    @abstractmethod
    def assert_state(self, status: str) -> None:
        """Seat and credits are what they are in that status."""

    def assert_moved(self, to_seller: float) -> None:
        """What the two can spend, beside what they had."""
        seller, buyer = self.had
        assert self.deal.balances() == (seller + to_seller, buyer - to_seller)

    def settle(self, url: str, what: str, by: Any, **body: str) -> httpx.Response:
        path = f"/api/transfer/{what}"
        return call(by, url, path, transfer_id=self.deal.transfer_id, **body)

    def _journal(self) -> tuple[str, str | None]:
        sql = "SELECT status::text, saga FROM transfers WHERE transfer_id = %s"
        return self.records.query("order", sql, self.deal.transfer_id)[0]


class Confirm(_OfATransfer):
    """Seat and credits are swapped."""

    saga = "confirm"
    before, after = ("PENDING_OTP", "FAILED"), "COMPLETED"

    def prepare(self) -> None:
        self.deal.verified()

    def act(self, url: str) -> httpx.Response:
        return self.settle(url, "confirm", self.deal.buyer.api)

    def assert_state(self, status: str) -> None:
        self.deal.assert_with("buyer" if status == self.after else "seller")
        self.assert_moved(100 if status == self.after else 0)


class ConfirmAfterCheckIn(Confirm):
    """The seller went in meanwhile: the swap is refused, and undone."""

    def prepare(self) -> None:
        super().prepare()
        check_in(self.world, self.deal.seat_id, self.deal.seller)

    def assert_state(self, status: str) -> None:
        assert status != self.after
        assert self.records.seat(self.deal.seat_id) == ("CHECKED_IN", self.deal.seller.user_id)
        self.assert_moved(0)


class Dispute(_OfATransfer):
    """The buyer disputes: the price is frozen."""

    saga = "dispute"
    before, after = ("COMPLETED",), "DISPUTED"

    def prepare(self) -> None:
        self.deal.completed()

    def act(self, url: str) -> httpx.Response:
        return self.settle(url, "dispute", self.deal.buyer.api, reason="it was not I")

    def assert_state(self, status: str) -> None:
        self.deal.assert_with("buyer")
        assert self.deal.frozen() == (100 if status == self.after else 0)
        self.assert_moved(-100 if status == self.after else 0, buyer_too=False)

    def assert_moved(self, to_seller: float, buyer_too: bool = True) -> None:
        seller, buyer = self.had
        assert self.deal.balances()[0] == seller + to_seller
        assert self.deal.balances()[1] == (buyer - to_seller if buyer_too else buyer)


class Dismiss(Dispute):
    """The dispute is settled in the transfer's favour: the price is free again."""

    saga = "dismiss"
    before, after = ("DISPUTED",), "COMPLETED"

    def prepare(self) -> None:
        self.deal.disputed()

    def act(self, url: str) -> httpx.Response:
        return self.settle(url, "dismiss", self.world.staff, reason="it was")

    def assert_state(self, status: str) -> None:
        self.deal.assert_with("buyer")
        assert self.deal.frozen() == (0 if status == self.after else 100)
        self.assert_moved(100 if status == self.after else 0, buyer_too=False)


class Reverse(_OfATransfer):
    """Seat and credits go back."""

    saga = "reverse"
    before, after = ("DISPUTED",), "REVERSED"

    def prepare(self) -> None:
        self.deal.disputed()

    def act(self, url: str) -> httpx.Response:
        return self.settle(url, "reverse", self.deal.seller.api)

    def assert_state(self, status: str) -> None:
        self.deal.assert_with("seller" if status == self.after else "buyer")
        seller, buyer = self.had  # the seller's part is frozen before
        assert self.deal.balances() == (seller, buyer + (100 if status == self.after else 0))


class ReverseAfterCheckIn(Reverse):
    """The buyer went in meanwhile: the way back is refused, and the dispute stays."""

    def prepare(self) -> None:
        super().prepare()
        check_in(self.world, self.deal.seat_id, self.deal.buyer)

    def assert_state(self, status: str) -> None:
        assert status == "DISPUTED"
        assert self.records.seat(self.deal.seat_id) == ("CHECKED_IN", self.deal.buyer.user_id)
        assert (self.deal.balances(), self.deal.frozen()) == (self.had, 100)


class Verify(Scenario):
    """A ticket is scanned at the gate."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.buyer, self.seat_id = world.new_buyer(), world.new_seat()
        bought = self.buyer.pay(self.buyer.reserve(self.seat_id)["order_id"])
        self.payload = bought["qr_payload"]

    def act(self, url: str) -> httpx.Response:
        gate = self.world.gate
        return call(
            self.world.staff, url, "/api/verify", qr_payload=self.payload, hall_id=gate.hall
        )

    def is_settled(self) -> bool:
        return True

    def happened(self) -> bool:
        return "SUCCESS" in entries(self.records, self.seat_id)

    def assert_whole(self) -> bool:
        admitted = entries(self.records, self.seat_id).count("SUCCESS")
        status = "CHECKED_IN" if admitted else "SOLD"
        assert admitted <= 1
        assert self.records.seat(self.seat_id) == (status, self.buyer.user_id)
        return admitted == 1

    def was_promised(self, answer: httpx.Response) -> bool:
        return answer.status_code == 200 and answer.json()["data"]["result"] == "SUCCESS"


class Webhook(Scenario):
    """Stripe tells of a payment; the process that does the work is the user service."""

    by_orchestrator = False

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.buyer = world.new_buyer()
        intent = self.buyer.api.ok("POST", "/api/credits/topup", amount=50)["payment_intent_id"]
        self.event = world.stripe.succeeded(intent, self.buyer.user_id, 5000)

    @property
    def entry(self) -> str:
        return self.world.proxies.user_url

    def act(self, url: str) -> httpx.Response:
        headers = self.world.stripe.signature(self.event)
        return httpx.post(
            f"{url}/api/webhooks/stripe", content=self.event, headers=headers, timeout=30
        )

    def is_settled(self) -> bool:
        return True

    def happened(self) -> bool:
        sql = "SELECT FROM credit_ledger WHERE user_id = %s AND kind = 'TOPUP'"
        return bool(self.records.query("user", sql, self.buyer.user_id))

    def assert_whole(self) -> bool:
        told = [kind for kind, _ in self.buyer.ledger() if kind == "TOPUP"]
        assert len(told) <= 1
        assert self.buyer.balance() == 1000 + 50 * len(told)
        self.records.assert_balance_is_ledger(self.buyer)
        return len(told) == 1


def check_in(world: World, seat_id: str, owner: Buyer) -> None:
    """The owner goes in."""
    assert world.gate.result(world.gate.code(seat_id, owner))["result"] == "SUCCESS"


SCENARIOS: tuple[type[Scenario], ...] = (
    Reserve,
    Pay,
    PayOfAStubbornSeat,
    Refund,
    Confirm,
    ConfirmAfterCheckIn,
    Dispute,
    Dismiss,
    Reverse,
    ReverseAfterCheckIn,
    Verify,
    Webhook,
)
