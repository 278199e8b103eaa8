"""Calls to other services that need not wait for each other."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

from common.errors import AppError

T = TypeVar("T")


def all_of(*calls: Callable[[], T]) -> list[T | AppError]:
    """What each call answers or is refused with, in their order; all have ended then."""
    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        running = [pool.submit(copy_context().run, _outcome, call) for call in calls]
        return [one.result() for one in running]


def _outcome(call: Callable[[], T]) -> T | AppError:
    try:
        return call()
    except AppError as error:
        return error
