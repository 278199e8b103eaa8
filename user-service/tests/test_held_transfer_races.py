"""Transfers that are held back, with several callers at once: one of them has its way."""

from collections.abc import Callable
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.database import Database
from src.models.credit_ledger import LedgerKind
from src.services import freezes
from src.services.ledger import book

from .conftest import at_once
from .credits import INVALID, Credits, refusal

Call = Callable[..., tuple[int, Any]]


def test_completing_and_undoing_at_once_do_exactly_one(credits: Credits, new_user: Call) -> None:
    for _ in range(20):
        payer, payee, reference = new_user(100), new_user(), uuid4()
        credits.hold_back(payer, payee, 60, reference)
        completed, undone = at_once(
            lambda: credits.complete(payer, payee, 60, reference),
            lambda: credits.undo(payer, payee, 60, reference),
        )
        assert sorted((completed[0], undone[0])) == [200, 409]
        won = [(40, 0), (60, 0)] if completed[0] == 200 else [(100, 0), (0, 0)]
        assert credits.has(payer, payee) == won


def test_completing_and_undoing_without_a_lock_would_pay_both(
    credits: Credits, new_user: Call, database: Database
) -> None:
    """The negative control: each looks, then books, as the service must not."""
    payer, payee, reference, meet = new_user(100), new_user(), uuid4(), Barrier(2)
    credits.hold_back(payer, payee, 60, reference)

    def unguarded(user: dict[str, Any]) -> None:
        with database.transaction() as session:
            assert freezes.find(session, reference).ended_at is None
            meet.wait()
            key = LedgerKind.TRANSFER_IN
            book(session, UUID(user["user_id"]), key, Decimal(60), reference)

    at_once(lambda: unguarded(payer), lambda: unguarded(payee))
    with database.transaction() as session:
        assert [freezes.end(session, reference) for _ in range(2)] == [True, False]
    assert credits.has(payer, payee) == [(100, 0), (60, 0)]  # of the 100 there were


@pytest.mark.parametrize("end", ["complete", "undo"])
def test_ends_of_one_transfer_at_once_move_once(credits: Credits, new_user: Call, end: str) -> None:
    payer, payee, reference = new_user(100), new_user(), uuid4()
    credits.hold_back(payer, payee, 60, reference)
    answers = at_once(*[lambda: getattr(credits, end)(payer, payee, 60, reference)] * 10)
    assert answers == [answers[0]] * 10 and answers[0][0] == 200
    moved = [(40, 0), (60, 0)] if end == "complete" else [(100, 0), (0, 0)]
    assert credits.has(payer, payee) == moved


def test_transfers_of_one_key_at_once_are_held_back_once(credits: Credits, new_user: Call) -> None:
    payer, payee, reference = new_user(100), new_user(), uuid4()
    answers = at_once(*[lambda: credits.hold_back(payer, payee, 60, reference)] * 10)
    assert answers == [answers[0]] * 10 and answers[0][0] == 200
    assert credits.has(payer, payee) == [(40, 60), (0, 0)]


def test_a_transfer_and_its_undoing_at_once_leave_nothing_moved(
    credits: Credits, new_user: Call
) -> None:
    for _ in range(20):
        payer, payee, reference = new_user(100), new_user(), uuid4()
        held, undone = at_once(
            lambda: credits.hold_back(payer, payee, 60, reference),
            lambda: credits.undo(payer, payee, 60, reference),
        )
        assert held[0] in (200, 409) and undone[0] == 200
        assert refusal(credits.complete(payer, payee, 60, reference)) == INVALID
        assert credits.has(payer, payee) == [(100, 0), (0, 0)]


def test_transfers_both_ways_at_once_do_not_deadlock(credits: Credits, new_user: Call) -> None:
    one, other = new_user(1000), new_user(1000)

    def hand(payer: dict[str, Any], payee: dict[str, Any], amount: int) -> list[int]:
        reference = uuid4()
        steps = (credits.hold_back, credits.complete)
        return [step(payer, payee, amount, reference)[0] for step in steps]

    there = [lambda: hand(one, other, 30)] * 8
    back = [lambda: hand(other, one, 10)] * 8
    assert at_once(*there, *back) == [[200, 200]] * 16
    assert credits.has(one, other) == [(840, 0), (1160, 0)]
