"""Visitors who do at random whatever a user or the staff can do, all in one event."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

import httpx

from arena import Arena, Rush
from common.testing import wait_for
from deals import PARTIES, Deal
from gate import Gate
from market import Market
from platform_client import Api, Buyer
from scale import SCALE
from tally import kind

T = TypeVar("T")
Enough = Callable[[], bool]

_LONGER_SECONDS = 60  # that a run may take to have done everything once


@dataclass
class Story:
    """A transfer, the codes that were sent for it, and how far it is known to have come."""

    deal: Deal
    codes: dict[str, str]
    stage: str = "begun"

    def party_of(self, user: Buyer) -> str | None:
        return next((name for name in PARTIES if self.deal.party(name) is user), None)


@dataclass
class Town:
    """What the visitors know of each other: as of some moment ago, which is how they collide."""

    arena: Arena
    rush: Rush
    users: list[Buyer]
    market: Market
    owners: dict[str, tuple[Buyer, str]] = field(default_factory=dict)  # seat: of whom, by order
    stories: list[Story] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)
    indefinite: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def of(cls, arena: Arena, users: int, seats: int) -> "Town":
        """New users with 1,000 credits each, and an event for them."""
        crowd, rush = arena.buyers(users), arena.rush(seats, price=50)
        outside = arena.smu, arena.stripe, arena.records
        market = Market(crowd, arena.seat, arena.staff, *outside, paid_in=Decimal(1000 * users))
        return cls(arena, rush, crowd, market)

    @property
    def gate(self) -> Gate:
        return Gate(self.arena.staff, self.rush.hall, self.arena.gate.key)

    def paid_in(self, amount: int) -> None:
        with self._lock:
            self.market.paid_in += amount

    def hear(self, operation: str, answer: httpx.Response, refusals: Sequence[str]) -> None:
        """Count an answer, and what is none: anything but a success or these refusals."""
        self.arena.tally.hear(answer)
        with self._lock:
            if answer.is_success:
                self.done[operation] += 1
            elif kind(answer) not in refusals:
                self.indefinite[f"{operation}: {kind(answer)}"] += 1

    def settle(self) -> None:
        """Wait until no saga is at work, no seat is held, and every payment is credited."""
        self.market.settle()
        held = "SELECT count(*) FROM seats WHERE event_id = %s AND status = 'HELD'"
        wait_for(
            lambda: self._count("inventory", held, self.rush.event_id) == 0,
            "the holds to end",
            SCALE.hold_seconds + 10,
        )
        credited = "SELECT coalesce(sum(amount), 0) FROM credit_ledger WHERE kind = 'TOPUP'"
        credited += " AND user_id::text = ANY(%s)"
        ids = [user.user_id for user in self.users]
        topped_up = self.market.paid_in - 1000 * len(ids)
        wait_for(
            lambda: self._count("user", credited, ids) == topped_up, "the top-ups' webhooks", 30
        )

    def _count(self, service: str, sql: str, value: Any) -> Any:
        return self.arena.records.query(service, sql, value)[0][0]


class Visitor:
    """One user, and what he decides by his own dice."""

    def __init__(self, town: Town, user: Buyer, seed: str) -> None:
        self.town = town
        self.user = user
        self.dice = random.Random(seed)
        self.unpaid: list[tuple[str, str]] = []  # seat, order

    def call(self, method: str, path: str, by: Api | None = None, **body: Any) -> httpx.Response:
        return (by or self.user.api).call(method, path, json=body or None)

    def any_of(self, things: Sequence[T]) -> T | None:
        """One of them, the latest the likeliest; None where there is none."""
        count = len(things)
        return things[count - 1 - int(count * self.dice.random() ** 3)] if count else None

    def mostly(self) -> bool:
        return self.dice.random() < 0.85

    def story(self, stage: str) -> Story | None:
        """A transfer to which this user is a party: mostly one that is at that stage."""
        return self._of([one for one in self.town.stories if one.party_of(self.user)], stage)

    def others_story(self, stage: str) -> Story | None:
        """The same of all transfers."""
        return self._of(list(self.town.stories), stage)

    def _of(self, stories: list[Story], stage: str) -> Story | None:
        fitting = [one for one in stories if one.stage == stage]
        return self.any_of(fitting if fitting and self.mostly() else stories)


def visit(
    visitors: list[Visitor], act: Callable[[Visitor], None], seconds: float, enough: Enough
) -> None:
    """All of them act, again and again: for so long, and on until it is enough."""
    begun = time.monotonic()

    def stay(visitor: Visitor) -> None:
        while (past := time.monotonic() - begun) < seconds + _LONGER_SECONDS:
            if past > seconds and enough():
                return
            act(visitor)

    with ThreadPoolExecutor(len(visitors)) as pool:
        list(pool.map(stay, visitors))
