"""What the samples of a load come to."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.cpu import Spent
from bench.journeys import Sample
from bench.load import Made, Scenario

_MILLISECONDS = 1000.0


@dataclass(frozen=True)
class Latency:
    """Milliseconds, of so many answers."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "Latency":
        seconds = sorted(one.ended - one.begun for one in samples)
        if not seconds:
            return cls(0, 0.0, 0.0, 0.0, 0.0)
        ranks = (_at(seconds, share) for share in (0.50, 0.95, 0.99, 1.0))
        return cls(len(seconds), *(round(one * _MILLISECONDS, 1) for one in ranks))


@dataclass(frozen=True)
class Figure:
    """One load: how much of one operation went well, how fast, and what it cost.

    `cpu` is milliseconds of CPU time by process, for each operation that went well, or where most
    are refused as they should be for each that was answered; empty where there was none. `all` are
    those that went well and those that did not. `calls` is what each kind of call took that went
    well, `notes` what a load has to say beside; where there is a `problem`, none of it counts.
    """

    load: str
    scenario: str
    operation: str
    offered: float | None
    seconds: float
    good: Latency
    refused: Latency
    all: Latency
    calls: dict[str, Latency]
    refusals: dict[str, int]
    cpu: dict[str, float]
    platform_cpu: float
    generator_cpu: float
    later_cpu: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def whole_cpu(self) -> float:
        """Of the platform, also what an operation leaves to be done later."""
        return self.platform_cpu + self.later_cpu

    @property
    def per_second(self) -> float:
        return self.good.count / self.seconds if self.seconds else 0.0

    def __str__(self) -> str:
        """What matters most, on a line."""
        good = f"{self.good.count} in {self.seconds:.1f} s: {self.per_second:.1f} a second"
        took = f"p50 {self.good.p50:.0f}, p99 {self.good.p99:.0f} ms"
        refused = "".join(f", {count}× {code}" for code, count in sorted(self.refusals.items()))
        return f"{good}, {took}, {self.platform_cpu:.2f} ms of CPU each{refused}"

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "per_second": round(self.per_second, 2)}


def figure(scenario: Scenario, made: Made, spent: Spent) -> Figure:
    """The figure of a load's operation, from its first beginning to its last end."""
    samples = made.samples
    of_it = [one for one in samples if one.operation == scenario.operation]
    good = [one for one in of_it if not one.outcome]
    count = len(of_it if scenario.costs_each_answer else good)
    each = _MILLISECONDS / count if count else 0.0
    begun = min((one.begun for one in samples), default=0.0)
    return Figure(
        load=scenario.load,
        scenario=scenario.name,
        operation=scenario.operation,
        offered=scenario.plan.rate or None,
        seconds=max((one.ended for one in samples), default=0.0) - begun,
        good=Latency.of(good),
        refused=Latency.of([one for one in of_it if one.outcome]),
        all=Latency.of(of_it),
        calls=_calls(samples, scenario.plan.name),
        refusals=_refusals(samples),
        cpu={name: round(one * each, 3) for name, one in sorted(spent.by_process.items())},
        platform_cpu=round(spent.all * each, 2),
        generator_cpu=round(made.cpu_seconds * each, 2),
    )


def _calls(samples: Sequence[Sample], journey: str) -> dict[str, Latency]:
    took = defaultdict(list)
    for one in samples:
        if one.operation != journey and not one.outcome:
            took[one.operation].append(one)
    return {name: Latency.of(those) for name, those in sorted(took.items())}


def _refusals(samples: Sequence[Sample]) -> dict[str, int]:
    refused = [one for one in samples if one.outcome and not one.told]
    return dict(Counter(f"{one.operation} {one.outcome}" for one in refused))


def _at(ordered: Sequence[float], share: float) -> float:
    """The nearest-rank percentile."""
    return ordered[max(1, math.ceil(share * len(ordered))) - 1]
