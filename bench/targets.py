"""What is wanted on two cores with everything on one machine, and what was found."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.figures import Figure


@dataclass(frozen=True)
class Target:
    """What is wanted of a figure, and whether it is met."""

    what: str
    wanted: str
    found: str
    met: bool


@dataclass(frozen=True)
class _Bound:
    """At least, or at most, of a load."""

    what: str
    load: str
    value: Callable[[Figure], float]
    least: float | None = None
    most: float | None = None

    def target(self, one: Figure) -> Target:
        found = self.value(one)
        if self.least is not None:
            return Target(self.what, f"≥ {self.least:g}", f"{found:.1f}", found >= self.least)
        return Target(self.what, f"≤ {self.most:g}", f"{found:.1f}", found <= self.most)


def targets_of(figures: Sequence[Figure]) -> list[Target]:
    """Those for which there is a figure that counts."""
    counting = [one for one in figures if not one.problem and one.all.count]
    return [bound.target(one) for bound in _BOUNDS for one in counting if one.load == bound.load]


_BOUNDS = (
    _Bound("paid seats a minute", "purchases", lambda one: one.per_second * 60, least=6000),
    _Bound("CPU ms of a purchase", "purchases", lambda one: one.whole_cpu, most=12),
    _Bound("p99 of one seat's losers, ms", "one-seat", lambda one: one.refused.p99, most=250),
    _Bound("needless refusals, %", "sell-out", lambda one: one.notes["needless_percent"], most=5),
    _Bound("full maps a second", "full map", lambda one: one.per_second, least=300),
    _Bound("304 a second", "304", lambda one: one.per_second, least=1500),
    _Bound("scans a second", "scans", lambda one: one.per_second, least=150),
    _Bound("p99 of scans, ms", "scans", lambda one: one.good.p99, most=100),
)
