"""What the samples of a load come to."""

import pytest

from bench.cpu import Spent
from bench.figures import Figure, Latency, figure
from bench.journeys import Journey, Sample
from bench.load import Made, Plan, Scenario


def sample(begun: float, milliseconds: float, outcome: str = "", operation: str = "pay") -> Sample:
    return Sample(operation, begun, begun + milliseconds / 1000, outcome)


def test_percentiles_are_samples() -> None:
    latency = Latency.of([sample(0, one) for one in range(200, 0, -1)])
    assert (latency.count, latency.p50, latency.p95, latency.p99) == (200, 100.0, 190.0, 198.0)
    assert latency.max == 200.0


def test_of_one_sample_it_is_every_percentile() -> None:
    latency = Latency.of([sample(5, 7)])
    assert (latency.p50, latency.p95, latency.p99, latency.max) == (7.0, 7.0, 7.0, 7.0)


def test_nothing_has_no_latency() -> None:
    assert Latency.of([]) == Latency(0, 0.0, 0.0, 0.0, 0.0)


async def nothing(journey: Journey, job: object) -> None:
    """What a client does is no matter here."""


def of(samples: list[Sample], spent: Spent, costs_each_answer: bool = False) -> Figure:
    scenario = Scenario("l", "s", Plan("purchase", nothing, []), "pay", costs_each_answer)
    return figure(scenario, Made(samples, 0.2), spent)


def test_what_went_well_counts_over_the_whole_load() -> None:
    samples = [sample(10, 500), sample(11, 1000), sample(10.5, 10, "HOLD_EXPIRED")]
    samples.append(sample(9, 1000, operation="reserve"))
    found = of(samples, Spent({"order": 0.1}))
    assert (found.good.count, found.refused.count, found.all.count) == (2, 1, 3)
    assert found.seconds == pytest.approx(3.0)
    assert found.per_second == pytest.approx(2 / 3)
    assert {name: took.count for name, took in found.calls.items()} == {"pay": 2, "reserve": 1}


def test_a_refusal_is_told_once() -> None:
    told = Sample("purchase", 10, 11, "HOLD_EXPIRED", told=True)
    own = Sample("purchase", 10, 11, "SOLD OUT")
    found = of([sample(10, 10, "HOLD_EXPIRED"), told, own], Spent({}))
    assert found.refusals == {"pay HOLD_EXPIRED": 1, "purchase SOLD OUT": 1}


def test_the_cost_is_that_of_what_went_well() -> None:
    samples = [sample(0, 1), sample(0, 1), sample(0, 1, "SEAT_UNAVAILABLE"), sample(0, 1, "X")]
    spent = Spent({"order": 0.5, "user": 0.3}) - Spent({"order": 0.1, "user": 0.1})
    found = of(samples, spent)
    assert found.cpu == {"order": 200.0, "user": 100.0}
    assert (found.platform_cpu, found.generator_cpu) == (300.0, 100.0)
    assert of(samples, spent, costs_each_answer=True).cpu == {"order": 100.0, "user": 50.0}
