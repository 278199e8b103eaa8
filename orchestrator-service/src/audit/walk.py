"""Walks all that the rules are about, a bounded part at a time."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from ..clients.audit_client import AuditClient
from .credits import ReferencesCheck, UsersCheck
from .findings import Check, Finding, RepeatableCheck, Verdict
from .records import orders_check, transfers_check
from .seats import SeatsCheck

COUNTED = ("users", "orders", "transfers", "seats", "entries")
# A part ends after so long, or with so many findings; well below what the gateway waits for.
_SECONDS = 5.0
_MOST_FINDINGS = 1000


class Position(NamedTuple):
    """How far a walk has come: the last record of that check; or one record of it."""

    check: str
    record_id: UUID | None = None

    def __str__(self) -> str:
        return f"{self.check}:{self.record_id}" if self.record_id else self.check

    @classmethod
    def of(cls, text: str) -> "Position":
        """Reads what `str` wrote."""
        check, _, record_id = text.partition(":")
        return cls(check, UUID(record_id) if record_id else None)


@dataclass
class Part:
    """What came of a part of a walk; `next` is where to go on, None at the end."""

    checked: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(COUNTED, 0)))
    findings: list[Finding] = field(default_factory=list)
    unsettled: list[Position] = field(default_factory=list)
    next: Position | None = None

    def add(self, check: str, verdict: Verdict) -> None:
        """What was found with records of that check."""
        self.findings += verdict.findings
        self.unsettled += [Position(check, record_id) for record_id in verdict.unsettled]

    @property
    def is_full(self) -> bool:
        return len(self.findings) + len(self.unsettled) >= _MOST_FINDINGS


class Audit:
    """Checks the six rules; `seconds` is about how long a part takes."""

    def __init__(self, client: AuditClient, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        again: list[RepeatableCheck] = [
            orders_check(client),
            transfers_check(client),
            SeatsCheck(client),
        ]
        self._checks: list[Check] = [UsersCheck(client), *again, ReferencesCheck(client)]
        self._again = {check.name: check for check in again}

    def walk(self, after: Position | None) -> Part:
        """The part that follows, from the beginning where nothing is named.

        Raises SERVICE_UNAVAILABLE where a service cannot be read.
        """
        part = Part(next=after or Position(self._checks[0].name))
        deadline = time.monotonic() + self._seconds
        while part.next is not None:
            part.next = self._step(part.next, part)
            if part.is_full or time.monotonic() > deadline:
                break
        return part

    def again(self, record: Position) -> Part:
        """One record that was unsettled, afresh; raises as `walk` does."""
        part = Part()
        part.add(record.check, self._again[record.check].look_again([record.record_id]))
        return part

    def _step(self, position: Position, part: Part) -> Position | None:
        """Check one stretch; where the next one begins."""
        at = next(at for at, check in enumerate(self._checks) if check.name == position.check)
        look = self._checks[at].look(position.record_id)
        part.checked.update(look.checked)
        part.add(position.check, look.verdict)
        if look.last is not None:
            return Position(position.check, look.last)
        following = self._checks[at + 1 :]
        return Position(following[0].name) if following else None
