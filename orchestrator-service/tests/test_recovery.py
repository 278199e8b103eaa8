"""The recovery process: whom it takes up, side by side, and what it tells of that."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from common import correlation
from common.errors import AppError, ErrorCode
from src.orchestrators.saga import Overtaken, Unfinished
from src.recovery import Outcome, Recovery, recover_all

LOGGER = "src.recovery"


@dataclass(frozen=True)
class Left:
    """A record whose saga its driver has left."""

    saga: str
    saga_step: str = "pay.charge"
    record_id: UUID = field(default_factory=uuid4)


@dataclass
class Records:
    """The order service, as recovery sees it; another copy was quicker at those in `taken`."""

    left: list[Left]
    taken: set[UUID] = field(default_factory=set)
    overtaken: ErrorCode = ErrorCode.ORDER_INVALID_STATE

    def untouched(self, seconds: float) -> list[Left]:
        return self.left

    def take_over(self, seen: Left) -> Left:
        if seen.record_id in self.taken:
            raise AppError(self.overtaken, "Another driver has taken this saga over.")
        return seen


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


@pytest.fixture
def saga() -> str:
    """The name of a saga that no other test counts."""
    return uuid4().hex


def counted(saga: str, outcome: Outcome) -> float:
    labels = {"saga": saga, "outcome": outcome.name.lower()}
    return REGISTRY.get_sample_value("recovery_sagas_total", labels) or 0


def raising(error: Exception) -> Callable[[Left], None]:
    def settle(record: Left) -> None:
        raise error

    return settle


@pytest.mark.parametrize(
    ("settle", "outcome"),
    [
        (lambda record: None, Outcome.SETTLED),
        (raising(Overtaken()), Outcome.ELSEWHERE),
        (raising(Unfinished()), Outcome.NOT_YET),
        (raising(AppError(ErrorCode.SERVICE_UNAVAILABLE, "It is away.")), Outcome.NOT_YET),
        (raising(KeyError("a bug")), Outcome.BROKEN),
    ],
    ids=["settled", "overtaken", "unfinished", "unavailable", "bug"],
)
def test_what_came_of_a_saga_is_counted_and_logged(
    settle: Callable[[Left], None],
    outcome: Outcome,
    saga: str,
    pool: ThreadPoolExecutor,
    caplog: pytest.LogCaptureFixture,
) -> None:
    record = Left(saga)
    with caplog.at_level(logging.INFO, LOGGER):
        Recovery("order", Records([record]), settle).round(pool, 30)
    assert {one: counted(saga, one) for one in Outcome} == {
        one: float(one is outcome) for one in Outcome
    }
    (line,) = caplog.records
    assert (line.levelno, line.getMessage()) == outcome.value
    assert (line.record_id, line.step) == (str(record.record_id), "pay.charge")
    assert bool(line.exc_info) is (outcome is Outcome.BROKEN)


def test_what_another_copy_was_quicker_at_is_not_settled_again(
    saga: str, pool: ThreadPoolExecutor
) -> None:
    ours, theirs = Left(saga), Left(saga)
    settled: list[Left] = []
    Recovery("order", Records([ours, theirs], {theirs.record_id}), settled.append).round(pool, 30)
    assert settled == [ours]
    assert counted(saga, Outcome.ELSEWHERE) == 1


def test_a_saga_that_cannot_be_settled_keeps_no_other_waiting(
    saga: str, pool: ThreadPoolExecutor
) -> None:
    stuck, *others = [Left(saga) for _ in range(100)]
    others_are_settled = threading.Event()
    settled: list[Left] = []

    def settle(record: Left) -> None:
        if record is stuck:
            assert others_are_settled.wait(10)
            raise AppError(ErrorCode.SERVICE_UNAVAILABLE, "It did not answer in time.")
        settled.append(record)
        if len(settled) == len(others):
            others_are_settled.set()

    Recovery("order", Records([stuck, *others]), settle).round(pool, 30)
    assert counted(saga, Outcome.SETTLED) == len(others)
    assert counted(saga, Outcome.NOT_YET) == 1


def test_each_saga_is_followed_under_a_correlation_id_of_its_own(
    saga: str, pool: ThreadPoolExecutor
) -> None:
    ids: list[str] = []
    records = Records([Left(saga) for _ in range(20)])
    Recovery("order", records, lambda record: ids.append(correlation.current())).round(pool, 30)
    assert len(set(ids)) == 20


def test_how_many_are_left_and_when_a_round_was_over_can_be_watched(
    saga: str, pool: ThreadPoolExecutor
) -> None:
    kind = uuid4().hex
    records = Records([Left(saga), Left(saga)])
    recovery = Recovery(kind, records, raising(Unfinished()))
    before = REGISTRY.get_sample_value("recovery_last_round_timestamp_seconds")
    for left in (2, 0):
        recover_all([recovery], pool, 30)
        assert REGISTRY.get_sample_value("recovery_left_sagas", {"record": kind}) == left
        records.left = []
    assert REGISTRY.get_sample_value("recovery_last_round_timestamp_seconds") > before
