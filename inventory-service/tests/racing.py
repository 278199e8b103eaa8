"""Calls that begin at the same moment, and the product without what decides between them."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import text

from common.errors import AppError
from common.prepared import Prepared


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
    for piece in pieces:
        _put_for(monkeypatch, module, statement, piece, "")


def linger(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, statement: str, before: str
) -> None:
    """Let a read of the product answer 20 ms after its look, so that others act in between."""
    _put_for(monkeypatch, module, statement, before, f", pg_sleep(0.02){before}")


def _put_for(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, statement: str, piece: str, other: str
) -> None:
    before = getattr(module, statement)
    sql = before.source if isinstance(before, Prepared) else str(before)
    assert sql.count(piece) == 1, piece
    kind = Prepared if isinstance(before, Prepared) else text
    monkeypatch.setattr(module, statement, kind(sql.replace(piece, other)))
