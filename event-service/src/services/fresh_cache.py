"""A cache for what many ask at once and nobody may see older than a moment."""

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

from cachetools import LRUCache

from common.errors import AppError

V = TypeVar("V")


class _Built(NamedTuple, Generic[V]):
    value: V
    begun: float


class _Failed(NamedTuple):
    error: AppError
    ended: float


class _Slot(Generic[V]):
    def __init__(self) -> None:
        self.building = threading.Lock()
        self.outcome: _Built[V] | _Failed | None = None


class FreshCache(Generic[V]):
    """Values at most `seconds` old, each built once for all who ask meanwhile.

    A value's age counts from the beginning of its build: it shows what was read then. A build that
    failed has failed for everybody who waited for it, so that a dependency that hangs is not waited
    for by one reader after the other; the next reader tries again. The `size` values used last are
    kept. Safe to share between threads.
    """

    def __init__(self, seconds: float, size: int) -> None:
        self._seconds = seconds
        self._slots: LRUCache[Hashable, _Slot[V]] = LRUCache(size)
        self._lock = threading.Lock()

    def get(self, key: Hashable, build: Callable[[], V]) -> V:
        """The value of `key`, from `build` where there is none fresh enough."""
        asked = time.monotonic()
        with self._lock:
            slot = self._slots.get(key)
            if slot is None:
                slot = self._slots[key] = _Slot()
        if not self._serves(slot.outcome, asked):
            with slot.building:
                if not self._serves(slot.outcome, asked):
                    slot.outcome = _outcome_of(build)
        return _open(slot.outcome)

    def _serves(self, outcome: _Built[V] | _Failed | None, asked: float) -> bool:
        if isinstance(outcome, _Failed):
            return asked <= outcome.ended
        return outcome is not None and asked - outcome.begun <= self._seconds


def _outcome_of(build: Callable[[], V]) -> _Built[V] | _Failed:
    begun = time.monotonic()
    try:
        return _Built(build(), begun)
    except AppError as error:
        return _Failed(error, time.monotonic())


def _open(outcome: _Built[V] | _Failed) -> V:
    if isinstance(outcome, _Failed):
        raise AppError(
            outcome.error.code, outcome.error.message, **outcome.error.details
        ) from outcome.error
    return outcome.value
