"""When the request at hand must be over: all that it waits for shares the time that is left."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Every request is answered within 10 s, whatever is down; the gateway gives up after 9.
REQUEST_SECONDS = 8.0

_ends_at: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextmanager
def within(seconds: float = REQUEST_SECONDS) -> Iterator[None]:
    """What is done in this block is over in so many seconds, or sooner where it has to be.

    Also a decorator: then each call of the function has so many seconds.
    """
    before = _ends_at.set(min(_ends_at.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _ends_at.reset(before)


@contextmanager
def leaving(seconds: float) -> Iterator[None]:
    """What is done in this block leaves so many seconds of the time that there is."""
    before = _ends_at.set(_ends_at.get() - seconds)
    try:
        yield
    finally:
        _ends_at.reset(before)


def left(at_most: float) -> float:
    """How many seconds may be waited for something that gets `at_most`; 0 where time is up."""
    return max(0.0, min(at_most, _ends_at.get() - time.monotonic()))
