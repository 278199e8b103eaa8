"""What the audit finds, and what it has looked at."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class Finding:
    """What breaks a rule (1 to 6, as design.md counts them), and where: IDs by what they are of."""

    rule: int
    what: str
    ids: dict[str, UUID]


@dataclass
class Verdict:
    """What is broken; `unsettled` are records that look so, but a saga was at work on them."""

    findings: list[Finding] = field(default_factory=list)
    unsettled: list[UUID] = field(default_factory=list)


@dataclass(frozen=True)
class Look:
    """What came of one stretch of records; `last` is its end, None where none follow."""

    checked: Counter[str]
    verdict: Verdict
    last: UUID | None


class Check(Protocol):
    """One kind of record, walked in the order of its IDs."""

    name: str

    def look(self, after: UUID | None) -> Look:
        """Check the next stretch of records."""


class RepeatableCheck(Check, Protocol):
    """A check whose records may be in flux."""

    def look_again(self, ids: list[UUID]) -> Verdict:
        """Check these records, read afresh."""
