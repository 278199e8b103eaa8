"""`make audit`: the rules that must never break, checked on the platform that runs.

It asks the orchestrator part by part, under its internal address and with INTERNAL_API_TOKEN, so
that it works where there is no admin yet. Whatever a saga is at work on is asked for again until it
is settled. The exit status is 0 where everything holds, 1 where something is broken, 2 where that
could not be seen: nothing runs, a service does not answer, or a saga did not come to an end.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from .stack import Stack

HOLDS, BROKEN, NOT_SEEN = 0, 1, 2
RULES = {
    1: "a seat is sold to one order",
    2: "credits are conserved",
    3: "a seat is sold if and only if an order is CONFIRMED, and its owner is the rightful one",
    4: "no hold outlives its end by more than 10 s, and no release touches a later hold",
    5: "a transfer moves its seat once and its credits once",
    6: "one SUCCESS entry per seat",
}
# What a saga is at work on is settled within a minute of a fault's end.
_SETTLED_WITHIN_SECONDS = 75.0
_PAUSE_SECONDS = 1.0
_MOST_UNSETTLED = 1000  # then they are waited for before the walk goes on
_TIMEOUT_SECONDS = 60.0

Part = dict[str, Any]


class AuditError(Exception):
    """The platform could not be audited; the message says why."""


class Audit:
    """Walks the audit of the orchestrator at `url`; keeps no more than one part."""

    def __init__(
        self, url: str, internal_token: str, settled_within: float = _SETTLED_WITHIN_SECONDS
    ) -> None:
        self._url = f"{url}/audit"
        self._headers = {"X-Internal-Token": internal_token}
        self._settled_within = settled_within

    @classmethod
    def of(cls, stack: Stack, **options: Any) -> "Audit":
        """The audit of a stack that is up."""
        url = f"http://127.0.0.1:{stack.ports['orchestrator']}"
        return cls(url, stack.settings["INTERNAL_API_TOKEN"], **options)

    def parts(self) -> Iterator[Part]:
        """The answers, one after the other; `unsettled` is what was not settled in time.

        Raises AuditError.
        """
        with httpx.Client(headers=self._headers, timeout=_TIMEOUT_SECONDS) as client:
            unsettled: list[str] = []
            after: str | None = None
            while True:
                part = self._get(client, after=after)
                unsettled += part.pop("unsettled")
                after = part["next"]
                yield {**part, "unsettled": []}
                if after is None or len(unsettled) >= _MOST_UNSETTLED:
                    yield from self._settled(client, unsettled)
                    unsettled = []
                if after is None:
                    return

    def _settled(self, client: httpx.Client, records: list[str]) -> Iterator[Part]:
        """What comes of records that a saga was at work on."""
        deadline = time.monotonic() + self._settled_within
        while records:
            still = []
            for record in records:
                part = self._get(client, again=record)
                if part["unsettled"]:
                    still.append(record)
                else:
                    yield part
            if still and time.monotonic() > deadline:
                yield {"checked": {}, "findings": [], "unsettled": still}
                return
            records = still
            if records:
                time.sleep(_PAUSE_SECONDS)

    def _get(self, client: httpx.Client, **params: str | None) -> Part:
        given = {name: value for name, value in params.items() if value is not None}
        try:
            answer = client.get(self._url, params=given)
            body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            raise AuditError(f"The orchestrator does not answer: {error!r}") from error
        if not answer.is_success:
            raise AuditError(f"The orchestrator cannot look: {body.get('message', body)}")
        return body["data"]


def report(audit: Audit, tell: Callable[[str], None]) -> int:
    """Audit the platform and tell what comes of it, line by line; the exit status."""
    checked: Counter[str] = Counter()
    broken: Counter[int] = Counter()
    unsettled = 0
    try:
        for part in audit.parts():
            checked.update(part["checked"])
            if any(part["checked"].values()):
                tell("  checked " + ", ".join(f"{n:,} {what}" for what, n in checked.items()))
            for finding in part["findings"]:
                broken[finding["rule"]] += 1
                tell(_line(finding))
            for record in part["unsettled"]:
                unsettled += 1
                tell(f"  NOT SETTLED  a saga is still at work on {record}")
    except AuditError as error:
        tell(str(error))
        return BROKEN if broken else NOT_SEEN
    for rule, words in RULES.items():
        state = f"BROKEN ({broken[rule]:,})" if broken[rule] else "holds"
        tell(f"rule {rule}  {state:<12} {words}")
    if broken:
        return BROKEN
    return NOT_SEEN if unsettled else HOLDS


def _line(finding: dict[str, Any]) -> str:
    ids = " ".join(f"{name}={value}" for name, value in finding["ids"].items())
    return f"  RULE {finding['rule']} BROKEN  {finding['what']}  {ids}"
