"""Every remote call of a saga's driver is a boundary: watched once, and struck at the next time."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

_READS = ("GET ", "Get", "List")


@dataclass(frozen=True)
class Boundary:
    """The `nth` call of that name to that service while one request is driven."""

    service: str
    call: str
    nth: int = 1

    @property
    def changes(self) -> bool:
        """Whether the call is there to change something."""
        return not self.call.startswith(_READS)

    @property
    def is_remembered(self) -> bool:
        """Whether a driver makes the call only now and then: it keeps an event for seconds."""
        return self.call == "GET /events/{id}"

    @property
    def begins_saga(self) -> bool:
        """Whether the record is claimed with it, the first step named."""
        return self.call.startswith("POST ") and "." in self.call.rpartition(" ")[2]

    def __str__(self) -> str:
        return self.call if self.nth == 1 else f"{self.call} ({self.nth})"


class Passing(Protocol):
    """One call on its way to the service."""

    def connect(self) -> int:
        """Connect, if `send` shall not do so; the local port."""

    def send(self) -> Any:
        """The service's answer."""


Strike = Callable[[Passing], Any]


class Watch:
    """What the proxies ask before they let a call pass; harmless until armed.

    A strike answers in the service's place, None where the answer gets lost.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str], int] = {}
        self._armed: tuple[Callable[[Boundary], bool], Strike, bool] | None = None
        self.seen: list[Boundary] = []
        self.struck = threading.Event()

    def begin(self) -> None:
        """Forget what was seen: another request is watched."""
        with self._lock:
            self._counts, self.seen, self._armed = {}, [], None
            self.struck.clear()

    def arm(self, meant: Callable[[Boundary], bool], strike: Strike, again: bool = False) -> None:
        """Strike the next call that is meant, and with `again` every later one too."""
        with self._lock:
            self._armed = meant, strike, again
            self.struck.clear()

    def pass_on(self, service: str, call: str, passing: Passing) -> Any:
        """The answer to a call that comes by."""
        with self._lock:
            nth = self._counts[service, call] = self._counts.get((service, call), 0) + 1
            boundary = Boundary(service, call, nth)
            self.seen.append(boundary)
            strike = self._take(boundary)
        if strike is None:
            return passing.send()
        self.struck.set()
        return strike(passing)

    def _take(self, boundary: Boundary) -> Strike | None:
        if self._armed is None or not self._armed[0](boundary):
            return None
        _, strike, again = self._armed
        if not again:
            self._armed = None
        return strike
