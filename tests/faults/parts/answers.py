"""What a load was answered, and which answers are good ones while something is broken."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

# Whatever is down, this is the longest that anybody waits for an answer.
DEADLINE_SECONDS = 10.0
FUNCTIONS = (
    "browse",
    "login",
    "balance",
    "topup",
    "tickets",
    "reserve",
    "pay",
    "gate",
    "refund",
    "initiate",
    "confirm",
)
_SAGAS = ("reserve", "pay", "refund", "confirm")
# Refusals that are true: an earlier request of that user was answered 5xx and has taken effect, is
# still being put back, or came to nothing because its time had run out.
_TRUE = {
    "tickets": {"SEAT_UNAVAILABLE"},
    "reserve": {"SEAT_UNAVAILABLE", "HOLD_LIMIT_REACHED"},
    "pay": {"HOLD_EXPIRED", "SEAT_NOT_HELD", "ORDER_INVALID_STATE", "ORDER_ALREADY_CONFIRMED"},
    "refund": {"ORDER_INVALID_STATE", "SEAT_UNAVAILABLE"},
    "initiate": {"NOT_SEAT_OWNER", "TRANSFER_IN_PROGRESS", "SEAT_UNAVAILABLE"},
    "confirm": {"TRANSFER_INVALID_STATE", "OTP_INVALID", "OTP_EXPIRED"},
    "cancel": {"TRANSFER_INVALID_STATE"},
}


@dataclass(frozen=True)
class Answer:
    """One request: to what, when, for how long, answered how; status 0 is none at all.

    `code` is that of the error, the gate's verdict, or the kind of the missing answer.
    """

    function: str
    begun: float
    seconds: float
    status: int
    code: str = ""

    @property
    def ended(self) -> float:
        return self.begun + self.seconds

    @property
    def succeeded(self) -> bool:
        """Whether it is done; not that it will be (202)."""
        return self.status in (200, 201) and (self.function != "gate" or self.code == "SUCCESS")

    @property
    def failed(self) -> bool:
        """Whether the platform could not do it just now."""
        return self.status == 0 or self.status >= 500

    @property
    def is_acceptable(self) -> bool:
        """Whether it may come while something is broken."""
        if self.seconds > DEADLINE_SECONDS:
            return False
        if self.status in (500, 503):
            return (self.status, self.code) == (503, "SERVICE_UNAVAILABLE") or (
                self.code == "INTERNAL_ERROR" and self.function in _SAGAS
            )
        is_promised = self.status == 202 and self.function in _SAGAS
        return (
            self.succeeded
            or is_promised
            or (400 <= self.status < 500 and self.code in _TRUE.get(self.function, ()))
        )


class Answers:
    """The answers of a load, in the order of their coming; safe to share between threads."""

    def __init__(self) -> None:
        self._all: list[Answer] = []
        self._lock = threading.Lock()

    def of(self, function: str, call: Callable[[], httpx.Response]) -> httpx.Response | None:
        """Make the call and keep what comes of it; None where nothing did."""
        begun = time.monotonic()
        try:
            response, status, code = call(), 0, ""
            status, code = response.status_code, _code(response)
        except httpx.TransportError as error:
            response, status, code = None, 0, type(error).__name__
        answer = Answer(function, begun, time.monotonic() - begun, status, code)
        with self._lock:
            self._all.append(answer)
        return response

    def since(self, moment: float, until: float = float("inf")) -> list[Answer]:
        """Those of requests that were begun then."""
        with self._lock:
            return [one for one in self._all if moment <= one.begun <= until]


def _code(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return "no JSON"
    if response.is_success:
        return str((body.get("data") or {}).get("result", "")) if _is_object(body) else ""
    return str(body.get("error_code", "no code"))


def _is_object(body: object) -> bool:
    return isinstance(body, dict) and isinstance(body.get("data"), dict)
