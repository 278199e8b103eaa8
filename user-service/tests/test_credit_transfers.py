"""Transfers that are complete at once, and their undoing: each key moves once, or never."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from common.database import Database
from src.models.credit_ledger import LedgerKind
from src.services.ledger import book

from .conftest import at_once
from .credits import INVALID, Credits, refusal

Call = Callable[..., tuple[int, Any]]


def test_a_transfer_moves_credits_once(credits: Credits, new_user: Call) -> None:
    payer, payee, reference = new_user(300), new_user(10), uuid4()
    first = credits.transfer(payer, payee, 120.5, reference)
    assert (first[0], first[1]["credit_balance"]) == (200, 179.5)
    assert first[1]["user_id"] == payer["user_id"]
    assert credits.transfer(payer, payee, 120.5, reference) == first
    assert (credits.lines(payer), credits.lines(payee)) == (
        [("TRANSFER_OUT", -120.5)],
        [("TRANSFER_IN", 120.5)],
    )
    assert credits.balances(payer, payee) == [179.5, 130.5]


def test_a_transfer_key_stands_for_one_transfer(credits: Credits, new_user: Call) -> None:
    payer, payee, third, reference = new_user(300), new_user(), new_user(300), uuid4()
    credits.transfer(payer, payee, 100, reference)
    for other in ((payer, payee, 99), (payer, third, 100), (third, payee, 100)):
        assert refusal(credits.transfer(*other, reference)) == INVALID
    assert credits.balances(payer, payee, third) == [200, 100, 300]


def test_a_transfer_needs_the_payers_credits_and_two_users(
    credits: Credits, new_user: Call
) -> None:
    payer, payee = new_user(50), new_user(500)
    assert refusal(credits.transfer(payer, payee, 50.01, uuid4())) == (402, "INSUFFICIENT_CREDITS")
    assert refusal(credits.transfer(payer, payer, 1, uuid4())) == (400, "SELF_TRANSFER")
    nobody = {"user_id": str(uuid4())}
    assert refusal(credits.transfer(payer, nobody, 1, uuid4())) == (404, "USER_NOT_FOUND")
    assert (credits.lines(payer), credits.lines(payee)) == ([], [])


def test_a_transfer_of_nothing_is_booked_too(credits: Credits, new_user: Call) -> None:
    payer, payee = new_user(), new_user()
    assert credits.transfer(payer, payee, 0, uuid4())[0] == 200
    assert (credits.lines(payer), credits.lines(payee)) == (
        [("TRANSFER_OUT", 0)],
        [("TRANSFER_IN", 0)],
    )


def test_transfers_both_ways_at_once_do_not_deadlock(credits: Credits, new_user: Call) -> None:
    one, other = new_user(1000), new_user(1000)
    there = [lambda: credits.transfer(one, other, 30, uuid4())] * 8
    back = [lambda: credits.transfer(other, one, 10, uuid4())] * 8
    for _ in range(3):
        assert [status for status, _ in at_once(*there, *back)] == [200] * 16
    assert credits.balances(one, other) == [520, 1480]


def test_transfers_of_one_key_at_once_move_once(credits: Credits, new_user: Call) -> None:
    payer, payee, reference = new_user(1000), new_user(), uuid4()
    answers = at_once(*[lambda: credits.transfer(payer, payee, 100, reference)] * 10)
    assert answers == [answers[0]] * 10 and answers[0][0] == 200
    assert credits.balances(payer, payee) == [900, 100]


def test_a_transfer_that_is_not_held_back_is_complete_at_once(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, reference = new_user(100), new_user(), uuid4()
    credits.transfer(payer, payee, 100, reference)
    assert refusal(credits.undo(payer, payee, 100, reference)) == INVALID
    status, booked = credits.complete(payer, payee, 100, reference)
    assert (status, booked["user_id"], booked["credit_balance"]) == (200, payee["user_id"], 100)
    assert refusal(credits.hold_back(payer, payee, 100, reference)) == INVALID
    assert credits.has(payer, payee) == [(0, 0), (100, 0)]


def test_a_transfer_that_comes_after_its_undoing_is_refused(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, reference = new_user(1000), new_user(), uuid4()
    first = credits.undo(payer, payee, 100, reference)
    assert first[0] == 200 and credits.undo(payer, payee, 100, reference) == first
    for late in (credits.transfer, credits.hold_back, credits.complete):
        assert refusal(late(payer, payee, 100, reference)) == INVALID
    assert credits.has(payer, payee) == [(1000, 0), (0, 0)]
    assert (credits.lines(payer), credits.lines(payee)) == ([], [])


def test_of_a_transfer_and_its_undoing_at_once_the_first_stands(
    credits: Credits, new_user: Call
) -> None:
    for _ in range(20):
        payer, payee, reference = new_user(100), new_user(), uuid4()
        moved, undone = at_once(
            lambda: credits.transfer(payer, payee, 100, reference),
            lambda: credits.undo(payer, payee, 100, reference),
        )
        assert sorted((moved[0], undone[0])) == [200, 409]
        assert credits.balances(payer, payee) == ([0, 100] if moved[0] == 200 else [100, 0])


def test_an_undoing_names_the_transfer_it_undoes(credits: Credits, new_user: Call) -> None:
    payer, payee, third, reference = new_user(100), new_user(), new_user(100), uuid4()
    credits.transfer(payer, payee, 100, reference)
    for other in ((payer, payee, 99), (payer, third, 100), (payee, payer, 100)):
        assert refusal(credits.undo(*other, reference)) == INVALID
    assert credits.balances(payer, payee) == [0, 100]


def test_an_undoing_from_before_transfers_were_held_back_still_stands(
    credits: Credits, new_user: Call, database: Database
) -> None:
    """Then both had booked both ways."""
    payer, payee, reference = new_user(100), new_user(), uuid4()
    one, other = UUID(payer["user_id"]), UUID(payee["user_id"])
    out, back = LedgerKind.TRANSFER_OUT, LedgerKind.TRANSFER_IN
    credits.transfer(payer, payee, 100, reference)
    with database.transaction() as session:
        book(session, other, out, Decimal(-100), reference)
        entry = book(session, one, back, Decimal(100), reference)
    status, booked = credits.undo(payer, payee, 100, reference)
    assert (status, booked["entry_id"]) == (200, str(entry.entry_id))
    for late in (credits.transfer, credits.complete):
        assert refusal(late(payer, payee, 100, reference)) == INVALID
    assert credits.balances(payer, payee) == [100, 0]
