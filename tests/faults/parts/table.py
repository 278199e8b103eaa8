"""What came of each fault, as a table to be read."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from answers import FUNCTIONS, Answer, Answers
from part_faults import FAULTS, PartFault

_HEAD = (
    "part",
    "fault",
    "2xx",
    "4xx",
    "500",
    "503",
    "none",
    "slowest, s",
    "went on",
    "whole again after, s",
    "audit",
)


@dataclass
class Row:
    """One fault, when it lasted, and how the platform came out of it.

    It is `broken` a moment after the breaking has `begun`: stopping a server takes time.
    """

    fault: PartFault
    heard: Answers
    begun: float
    broken: float
    ended: float
    whole_after: float | None = None
    audit: str = ""

    @property
    def answers(self) -> list[Answer]:
        """What was asked meanwhile was answered so, also where that took longer."""
        return self.heard.since(self.begun, self.ended)

    @property
    def failed(self) -> set[str]:
        """The functions of which something failed."""
        return {one.function for one in self.answers if one.failed}

    @property
    def went_on(self) -> set[str]:
        """The functions that succeeded, and of which nothing failed.

        It counts from when somebody noticed first: a server that takes its time to stop may have
        given up its work long before.
        """
        noticed = min((one.begun for one in self.answers if one.failed), default=self.broken)
        answers = self.heard.since(min(noticed, self.broken), self.ended)
        return {one.function for one in answers if one.succeeded} - self.failed

    @property
    def slowest(self) -> float:
        """The seconds that somebody waited longest."""
        return max((one.seconds for one in self.answers), default=0.0)

    def cells(self) -> list[str]:
        """As they stand under the heads."""
        groups = Counter(_group(one.status) for one in self.answers)
        return [
            self.fault.part,
            self.fault.name,
            *(str(groups[name]) for name in ("2xx", "4xx", "500", "503", "none")),
            f"{self.slowest:.1f}",
            self._told_what_went_on(),
            "–" if self.whole_after is None else f"{self.whole_after:.1f}",
            self.audit,
        ]

    def _told_what_went_on(self) -> str:
        names = [name for name in FUNCTIONS if name in self.went_on]
        return "all" if len(names) == len(FUNCTIONS) else ", ".join(names) or "–"


def write(path: Path, rows: list[list[str]]) -> None:
    """Write the table of these cells, in the order in which the faults are listed."""
    order = {str(fault): number for number, fault in enumerate(FAULTS)}
    rows = sorted(rows, key=lambda cells: order[f"{cells[0]} {cells[1]}"])
    lines = [list(_HEAD), ["---"] * len(_HEAD), *rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"| {' | '.join(line)} |\n" for line in lines))


def _group(status: int) -> str:
    if status in (500, 503):
        return str(status)
    return f"{status // 100}xx" if status else "none"
