"""A steady mixed load on a platform: customers of every kind, each in a thread of its own."""

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from answers import FUNCTIONS, Answers
from customers import Outlook, Saver, Shopper, Traders, Visitor
from outside import Smu
from platform_client import EVENT_B, Api, Buyer, Records

_PAUSE_SECONDS = 0.3


class Customer(Protocol):
    """Somebody of the load."""

    def round(self) -> None:
        """Do what you always do, once."""


@dataclass
class Site:
    """The platform under load, and what its customers need."""

    api: Api
    admin: Api
    smu: Smu
    records: Records

    def new_buyer(self, credits: float = 100_000) -> Buyer:
        """A user of this load alone."""
        return Buyer.register(self.api, self.admin, credits)

    def free_seats(self) -> Iterator[str]:
        """The seats of the hall-sized event that are free now."""
        seats = self.api.ok("GET", f"/api/events/{EVENT_B}")["seats"]
        return iter([one["seat_id"] for one in seats if one["status"] == "AVAILABLE"])

    def customers(self, answers: Answers, seats: Iterator[str]) -> list[Customer]:
        """Eight of them, whose logins are fresh: nobody has to log in while something is broken."""
        staff = self.api.logged_in("staff@example.com", "password123")
        hall = self.api.ok("GET", f"/api/events/{EVENT_B}")["hall_id"]
        shoppers = [Shopper(answers, self.new_buyer(), staff, hall, seats) for _ in range(3)]
        traders = [
            Traders.meeting(answers, self.new_buyer, next(seats), self.smu, self.records)
            for _ in range(2)
        ]
        saver = self.new_buyer()
        saver.pay(saver.reserve(next(seats))["order_id"])
        emails = itertools.cycle([saver.email, *(one.buyer.email for one in shoppers)])
        return [
            Outlook(answers, self.api),
            Visitor(answers, self.api, emails),
            Saver(answers, saver),
            *shoppers,
            *traders,
        ]


class Load:
    """Begins with its block and ends with it; `answers` has what came of it."""

    def __init__(self, site: Site) -> None:
        self.answers = Answers()
        self.seats = site.free_seats()
        self._customers = site.customers(self.answers, self.seats)
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(len(self._customers), thread_name_prefix="customer")
        self._running: list[Future[None]] = []

    def __enter__(self) -> "Load":
        self._running = [self._pool.submit(self._run, one) for one in self._customers]
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._pool.shutdown()
        for one in self._running:
            one.result()

    def works_since(self, moment: float) -> bool:
        """Whether each function has succeeded since then, and nothing has failed meanwhile."""
        answers = self.answers.since(moment)
        last_failure = max((one.ended for one in answers if one.failed), default=moment)
        since = [one for one in answers if one.begun >= last_failure and one.succeeded]
        return {one.function for one in since} >= set(FUNCTIONS)

    def _run(self, customer: Customer) -> None:
        while not self._over.wait(_PAUSE_SECONDS):
            customer.round()
