"""The customers of a steady mixed load: each does the same few things over and over."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from answers import Answers
from deals import PARTIES, Deal
from outside import Smu
from platform_client import EVENT_A, Api, Buyer, Records

_HELD_AT_LEAST = 2  # seats to pay for while none can be reserved
_PAID_AT_LEAST = 2  # tickets to scan while none can be bought
_CODE_IS_FRESH_SECONDS = 20
_BETWEEN_TRANSFERS_SECONDS = 4  # a user is sent no more than 20 codes in 10 minutes by others


@dataclass
class Outlook:
    """Looks at the events, as anybody may."""

    answers: Answers
    api: Api

    def round(self) -> None:
        """The list, and one event."""
        for path in ("/api/events", f"/api/events/{EVENT_A}"):
            self.answers.of("browse", lambda: self.api.call("GET", path))


@dataclass
class Visitor:
    """Logs in, now as this user, now as that."""

    answers: Answers
    api: Api
    emails: Iterator[str]

    def round(self) -> None:
        body = {"email": next(self.emails), "password": "password123"}
        self.answers.of("login", lambda: self.api.call("POST", "/api/auth/login", json=body))


@dataclass
class Saver:
    """Looks after his credits and his ticket."""

    answers: Answers
    buyer: Buyer

    def round(self) -> None:
        api = self.buyer.api
        self.answers.of("balance", lambda: api.call("GET", "/api/credits/balance"))
        self.answers.of("topup", lambda: api.call("POST", "/api/credits/topup", json={"amount": 5}))
        self.answers.of("tickets", lambda: api.call("GET", "/api/tickets"))


@dataclass
class Ticket:
    """A seat that was paid, its code and how old that is; the same scan until it is answered.

    One that is to be refunded is never scanned: a refund may take effect without an answer.
    """

    seat_id: str
    order_id: str
    code: str
    made_at: float
    is_for_gate: bool
    scan_id: str = field(default_factory=lambda: str(uuid4()))


@dataclass(frozen=True)
class Held:
    """A seat that is held, under its order's ID, until a moment of our clock."""

    seat_id: str
    order_id: str
    until: float


@dataclass
class Shopper:
    """Reserves and pays; every other ticket goes to the gate, the others are refunded.

    Always has something held and something paid, so that each can go on while the other cannot.
    What could not be paid for while it was held is given up.
    """

    answers: Answers
    buyer: Buyer
    staff: Api
    hall: str
    seats: Iterator[str]
    held: list[Held] = field(default_factory=list)
    paid: list[Ticket] = field(default_factory=list)
    bought: int = 0

    def round(self) -> None:
        could_reserve = self._reserve()
        self.held = [one for one in self.held if one.until > time.monotonic()]
        if len(self.held) > _HELD_AT_LEAST or (self.held and not could_reserve):
            self._pay(self.held.pop(0))
        if len(self.paid) > _PAID_AT_LEAST or self.paid and not could_reserve:
            self._use(self.paid.pop(0))

    def _reserve(self) -> bool:
        body, begun = {"seat_id": next(self.seats)}, time.monotonic()
        answer = self._call("reserve", "/api/reserve", body)
        if succeeded(answer):
            data = answer.json()["data"]
            until = begun + data["ttl_seconds"]
            self.held.append(Held(data["seat_id"], data["order_id"], until))
        return succeeded(answer)

    def _pay(self, held: Held) -> None:
        answer = self._call("pay", "/api/pay", {"order_id": held.order_id})
        if answer is not None and answer.status_code == 200:
            code = answer.json()["data"]["qr_payload"]
            self.bought += 1
            now, goes_in = time.monotonic(), self.bought % 2 == 1
            self.paid.append(Ticket(held.seat_id, held.order_id, code, now, goes_in))
        elif not refused(answer):
            self.held.append(held)

    def _use(self, ticket: Ticket) -> None:
        done = self._scan(ticket) if ticket.is_for_gate else self._refund(ticket)
        if not done:
            self.paid.append(ticket)

    def _scan(self, ticket: Ticket) -> bool:
        if time.monotonic() - ticket.made_at > _CODE_IS_FRESH_SECONDS:
            path, begun = f"/api/tickets/{ticket.seat_id}/qr", time.monotonic()
            answer = self.answers.of("tickets", lambda: self.buyer.api.call("GET", path))
            if not succeeded(answer):
                return refused(answer)
            ticket.code, ticket.made_at = answer.json()["data"]["qr_payload"], begun
        body = {"qr_payload": ticket.code, "hall_id": self.hall, "scan_id": ticket.scan_id}
        return succeeded(self._call("gate", "/api/verify", body, self.staff))

    def _refund(self, ticket: Ticket) -> bool:
        path = f"/api/orders/{ticket.order_id}/refund"
        answer = self._call("refund", path, {"reason": "rain"}, self.staff)
        return succeeded(answer) or refused(answer)

    def _call(
        self, function: str, path: str, body: dict[str, Any], by: Api | None = None
    ) -> httpx.Response | None:
        api = by or self.buyer.api
        return self.answers.of(function, lambda: api.call("POST", path, json=body))


@dataclass
class Traders:
    """Two who pass a seat to and fro."""

    answers: Answers
    deal: Deal
    rest_until: float = 0.0

    @classmethod
    def meeting(
        cls,
        answers: Answers,
        new_buyer: Callable[..., Buyer],
        seat_id: str,
        smu: Smu,
        records: Records,
    ) -> "Traders":
        """The first of them buys the seat."""
        one, other = new_buyer(credits=1000), new_buyer(credits=1000)
        return cls(answers, Deal.of(one, other, seat_id, smu, records, price=1))

    def round(self) -> None:
        if time.monotonic() < self.rest_until:
            return
        self.rest_until = time.monotonic() + _BETWEEN_TRANSFERS_SECONDS
        answer = self.answers.of("initiate", self.deal.initiate)
        if succeeded(answer):
            codes = {f"{name}_otp": self.deal.code(name) for name in PARTIES}
            confirmed = self.answers.of("confirm", lambda: self.deal.confirm(**codes))
            if confirmed is not None and confirmed.status_code == 200:
                self._swap()
        elif refused(answer):
            self._find_out_why_not(answer.json())

    def _find_out_why_not(self, refusal: dict[str, Any]) -> None:
        """An earlier transfer was completed, whatever was answered, or is still open."""
        if refusal["error_code"] == "NOT_SEAT_OWNER":
            self._swap()
        elif transfer_id := refusal.get("details", {}).get("transfer_id"):
            self.deal.transfer_id = transfer_id
            seller = self.deal.seller.api
            self.answers.of("cancel", lambda: self.deal.settle("cancel", seller))

    def _swap(self) -> None:
        self.deal.seller, self.deal.buyer = self.deal.buyer, self.deal.seller


def succeeded(answer: httpx.Response | None) -> bool:
    """Whether there is an answer, and a good one."""
    return answer is not None and answer.is_success


def refused(answer: httpx.Response | None) -> bool:
    """Whether there is an answer, and it is no."""
    return answer is not None and answer.is_client_error
