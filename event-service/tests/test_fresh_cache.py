"""The cache for what many ask at once."""

import threading
import time
from collections.abc import Callable

import pytest

from common.errors import AppError, ErrorCode
from src.services.fresh_cache import FreshCache


class Source:
    """Counts how often it is read; takes its time, and fails where told."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.reads, self.seconds, self.failing = 0, seconds, False

    def __call__(self) -> int:
        self.reads += 1
        time.sleep(self.seconds)
        if self.failing:
            raise AppError(ErrorCode.SERVICE_UNAVAILABLE, "Away.", why="test")
        return self.reads


def test_a_value_serves_until_it_is_too_old() -> None:
    cache, source = FreshCache[int](seconds=0.5, size=4), Source()
    assert [cache.get("a", source), cache.get("a", source)] == [1, 1]
    time.sleep(0.55)
    assert cache.get("a", source) == 2


def test_age_counts_from_the_beginning_of_the_build() -> None:
    cache, source = FreshCache[int](seconds=0.2, size=4), Source(seconds=0.25)
    assert cache.get("a", source) == 1
    assert cache.get("a", source) == 2  # what the first one read is older than 0.2 s by now


def test_keys_are_apart() -> None:
    cache, source = FreshCache[int](seconds=10, size=4), Source()
    assert [cache.get("a", source), cache.get("b", source), cache.get("a", source)] == [1, 2, 1]


def test_all_who_ask_meanwhile_get_one_build() -> None:
    cache, source, seen = FreshCache[int](seconds=10, size=4), Source(seconds=0.2), []
    in_parallel(8, lambda: seen.append(cache.get("a", source)))
    assert seen == [1] * 8


def test_a_failure_is_shared_by_all_who_waited_and_then_forgotten() -> None:
    cache, source, codes = FreshCache[int](seconds=10, size=4), Source(seconds=0.2), []
    source.failing = True

    def ask() -> None:
        with pytest.raises(AppError) as refused:
            cache.get("a", source)
        codes.append((refused.value.code, refused.value.details))

    in_parallel(8, ask)
    assert codes == [(ErrorCode.SERVICE_UNAVAILABLE, {"why": "test"})] * 8
    assert source.reads == 1
    source.failing = False
    assert cache.get("a", source) == 2


def test_a_bug_is_not_kept() -> None:
    cache = FreshCache[int](seconds=10, size=4)
    with pytest.raises(ZeroDivisionError):
        cache.get("a", lambda: 1 // 0)
    assert cache.get("a", lambda: 1) == 1


def test_only_the_values_used_last_are_kept() -> None:
    cache, source = FreshCache[int](seconds=10, size=2), Source()
    for key in ("a", "b", "a", "c"):  # b goes
        cache.get(key, source)
    assert [cache.get("a", source), cache.get("b", source)] == [1, 4]


def in_parallel(count: int, work: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
