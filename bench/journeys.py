"""A client of the platform: what it asks over kept-alive connections, and how long that took."""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple

import aiohttp

_PATIENCE_SECONDS = 30.0


class Sample(NamedTuple):
    """One operation, in seconds of the machine's monotonic clock.

    `outcome` is empty when it went well, else an error's code, which is `told` where the sample of
    a call says it already; `subject` is the seat it was about.
    """

    operation: str
    begun: float
    ended: float
    outcome: str = ""
    subject: str = ""
    told: bool = False


class Refused(Exception):
    """The platform said no, or nothing; the message is the error's code.

    `told` where it was the answer to a call: that has its sample.
    """

    def __init__(self, code: str, told: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.told = told


@dataclass(frozen=True)
class Answer:
    """Status, headers and the body as it came."""

    status: int
    headers: Any
    body: bytes


@dataclass(frozen=True)
class Shared:
    """What the clients of one process have in common; in `known` is what they tell each other."""

    session: aiohttp.ClientSession
    base_url: str
    samples: list[Sample] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)


class Journey:
    """What one client does for one job.

    Its first call has begun when the job was due, so that whoever has to wait for a turn is seen to
    wait. Every call is a sample; the journey as a whole is one too, of the name it is given.
    """

    def __init__(self, shared: Shared, name: str, due: float) -> None:
        self.known = shared.known
        self._shared = shared
        self._name = name
        self._begun = due
        self._next_begun: float | None = due

    async def __aenter__(self) -> "Journey":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        refused = error if isinstance(error, Refused) else None
        if refused or error is None:
            outcome, told = (refused.code, refused.told) if refused else ("", False)
            ended = time.monotonic()
            self._shared.samples.append(Sample(self._name, self._begun, ended, outcome, told=told))
        return refused is not None

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        token: str = "",
        body: bytes | None = None,
        subject: str = "",
        **headers: str,
    ) -> Answer:
        """The answer, where it is a good one; raises Refused.

        The operation is not called what the journey is: both are counted.
        """
        begun, self._next_begun = self._next_begun or time.monotonic(), None
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        outcome, answer = "", None
        try:
            url = self._shared.base_url + path
            async with self._shared.session.request(
                method, url, data=body, headers=headers
            ) as response:
                answer = Answer(response.status, response.headers, await response.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            outcome = type(error).__name__
        if answer is not None and answer.status >= 400:
            outcome = _code(answer)
        self._shared.samples.append(Sample(operation, begun, time.monotonic(), outcome, subject))
        if answer is None or outcome:
            raise Refused(outcome, told=True)
        return answer

    async def aside(self, url: str) -> bytes:
        """What somebody beside the platform answers; its time is not the platform's, but counts.

        Raises Refused where there is no answer.
        """
        try:
            async with self._shared.session.get(url, raise_for_status=True) as response:
                return await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Refused(f"aside {type(error).__name__}") from error


Act = Callable[[Journey, Any], Awaitable[None]]


def connected(connections: int) -> aiohttp.ClientSession:
    """A session that keeps so many connections open; bodies come as they were sent, by gzip."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections, keepalive_timeout=60),
        timeout=aiohttp.ClientTimeout(total=_PATIENCE_SECONDS),
        headers={"Accept-Encoding": "gzip"},
        auto_decompress=False,
    )


def _code(answer: Answer) -> str:
    try:
        return json.loads(answer.body)["error_code"]
    except (ValueError, KeyError, TypeError):  # not of the platform
        return f"HTTP {answer.status}"
