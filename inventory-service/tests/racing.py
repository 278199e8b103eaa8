"""Calls that begin at the same moment, and the product without what decides between them."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import text

from common.errors import AppError


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What the calls came to when all began at the same moment: a value, or an AppError's code."""
    barrier = threading.Barrier(len(calls))

    def begin(call: Callable[[], Any]) -> Any:
        barrier.wait()
        try:
            return call()
        except AppError as error:
            return error.code

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(begin, calls))


def take_out(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, statement: str, *pieces: str
) -> None:
    """Leave these pieces out of a statement of the product."""
    sql = str(getattr(module, statement))
    for piece in pieces:
        assert sql.count(piece) == 1, piece
        sql = sql.replace(piece, "")
    monkeypatch.setattr(module, statement, text(sql))
