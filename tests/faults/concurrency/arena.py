"""A platform to race on, everybody who takes part, and what they are answered."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import httpx
from local_stack.audit import Audit
from local_stack.stack import Stack

from deals import Deal
from gate import Gate
from outside import Smu, Stripe
from platform_client import EVENT_B, Api, Buyer, Records
from scale import SEED
from tally import Tally

T = TypeVar("T")

_REGISTER_AT_ONCE = 8

_EVENT = """
    INSERT INTO events (event_id, name, venue_id, hall_id, event_date, total_seats, pricing_tiers)
    SELECT gen_random_uuid(), 'The Rush', venue_id, 'RUSH', now() + interval '30 days', %s,
           jsonb_build_object('CAT1', %s)
      FROM venues LIMIT 1
    RETURNING event_id::text
    """
_SEATS = """
    INSERT INTO seats (event_id, category, row_number, seat_number)
    SELECT %s, 'CAT1', 'R' || n / 100, n %% 100 + 1 FROM generate_series(0, %s - 1) AS places (n)
    RETURNING seat_id::text
    """
_END_IN = "held_until = clock_timestamp() + %s * interval '1 second'"


@dataclass(frozen=True)
class Rush:
    """An event that nobody has bought of yet."""

    event_id: str
    hall: str
    seats: list[str]
    price: int


@dataclass
class Arena:
    """One platform; `tally` is that of the test at work."""

    stack: Stack
    api: Api
    admin: Api
    staff: Api
    records: Records
    smu: Smu
    stripe: Stripe
    gate: Gate
    _seats: Iterator[str]
    tally: Tally = field(default_factory=Tally)
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))

    @classmethod
    def of(cls, stack: Stack) -> "Arena":
        api, settings = Api(stack.gateway_url), stack.settings
        event = api.ok("GET", f"/api/events/{EVENT_B}")
        staff = api.logged_in("staff@example.com", "password123")
        return cls(
            stack=stack,
            api=api,
            admin=api.logged_in("admin@example.com", "password123"),
            staff=staff,
            records=Records(stack.database_url),
            smu=Smu(settings["SMU_API_URL"]),
            stripe=Stripe(settings["STRIPE_API_BASE"], settings["STRIPE_WEBHOOK_SECRET"]),
            gate=Gate(staff, event["hall_id"], settings["QR_ENCRYPTION_KEY"]),
            _seats=iter([seat["seat_id"] for seat in event["seats"]]),
        )

    def buyers(self, count: int, credits: float = 1000) -> list[Buyer]:
        """New users with so many credits each."""
        with ThreadPoolExecutor(_REGISTER_AT_ONCE) as pool:
            made = [
                pool.submit(Buyer.register, self.api, self.admin, credits) for _ in range(count)
            ]
            return [one.result() for one in made]

    def seat(self) -> str:
        """A seat that nobody else is at."""
        return next(self._seats)

    def deal(self, price: float = 100) -> Deal:
        """A seat just sold to a seller, and a buyer for it."""
        seller, buyer = self.buyers(2)
        return Deal.of(seller, buyer, self.seat(), self.smu, self.records, price)

    def rush(self, seats: int, price: int = 100) -> Rush:
        """A new event."""
        ((event_id,),) = self.records.query("event", _EVENT, seats, price)
        made = self.records.query("inventory", _SEATS, event_id, seats)
        return Rush(event_id, "RUSH", [seat_id for (seat_id,) in made], price)

    def end_hold_in(self, order_id: str, seconds: float) -> None:
        """A hold ends so soon, as if it had begun earlier."""
        for service, table, key in (
            ("order", "orders", "order_id"),
            ("inventory", "holds", "hold_id"),
            ("inventory", "seats", "hold_id"),
        ):
            sql = f"UPDATE {table} SET {_END_IN} WHERE {key} = %s"
            self.records.query(service, sql, seconds, order_id)

    def at_once(self, *calls: Callable[[], T], within: float = 0) -> list[T]:
        """What each call gives, in a thread of its own.

        All begin at the same moment, or all but the first at any moment `within` so many seconds.
        """
        barrier = threading.Barrier(len(calls))
        self.tally.clients = max(self.tally.clients, len(calls))

        def begin(call: Callable[[], T], after: float) -> T:
            barrier.wait()
            time.sleep(after)
            return call()

        later = [self.chance.random() * within for _ in calls[1:]]
        with ThreadPoolExecutor(len(calls)) as pool:
            return list(pool.map(begin, calls, [0, *later]))

    def race(self, *calls: Callable[[], httpx.Response], within: float = 0) -> list[httpx.Response]:
        """The answers to calls that begin so, counted."""
        return [self.tally.hear(answer) for answer in self.at_once(*calls, within=within)]

    def refund(self, order_id: str) -> httpx.Response:
        """Staff gives a price back."""
        path = f"/api/orders/{order_id}/refund"
        return self.staff.call("POST", path, json={"reason": "rain"})

    def findings(self, **options: float) -> list[str]:
        """What the audit finds broken, and what did not settle."""
        found = []
        for part in Audit.of(self.stack, **options).parts():
            found += [f"rule {one['rule']}: {one['what']} {one['ids']}" for one in part["findings"]]
            found += [f"not settled: {record}" for record in part["unsettled"]]
        return found


def reserve(buyer: Buyer, seat_id: str) -> httpx.Response:
    """What comes of reserving a seat."""
    return buyer.api.call("POST", "/api/reserve", json={"seat_id": seat_id})


def pay(buyer: Buyer, order_id: str) -> httpx.Response:
    """What comes of paying an order."""
    return buyer.api.call("POST", "/api/pay", json={"order_id": order_id})


def lasts(call: Callable[[], httpx.Response]) -> float:
    """How many seconds a call takes that succeeds: others are to come before, within and after."""
    begun = time.monotonic()
    answer = call()
    assert answer.is_success, answer.text
    return time.monotonic() - begun
