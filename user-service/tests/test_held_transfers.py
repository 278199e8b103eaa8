"""Transfers that are held back: the payer has paid, the payee has nothing until it is completed."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest


from .credits import INVALID, TOO_LITTLE, Credits, refusal

Call = Callable[..., tuple[int, Any]]


def test_what_is_held_back_has_left_the_payer_and_not_reached_the_payee(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, reference = new_user(300), new_user(10), uuid4()
    status, booked = credits.hold_back(payer, payee, 120.5, reference)
    assert (status, booked["user_id"], booked["credit_balance"]) == (200, payer["user_id"], 179.5)
    assert credits.has(payer, payee) == [(179.5, 120.5), (10, 0)]
    assert (credits.lines(payer), credits.lines(payee)) == ([("TRANSFER_OUT", -120.5)], [])


def test_nobody_can_spend_what_is_held_back(credits: Credits, new_user: Call) -> None:
    payer, payee = new_user(100), new_user()
    credits.hold_back(payer, payee, 80, uuid4())
    assert refusal(credits.deduct(payer, 20.01, uuid4())) == TOO_LITTLE
    assert refusal(credits.deduct(payee, 0.01, uuid4())) == TOO_LITTLE
    assert credits.freeze(payer, 100, uuid4())[1]["frozen"] == 20


def test_completing_gives_the_payee_what_was_held_back_once(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, reference = new_user(300), new_user(10), uuid4()
    held = credits.hold_back(payer, payee, 120, reference)
    first = credits.complete(payer, payee, 120, reference)
    assert (first[0], first[1]["user_id"], first[1]["credit_balance"]) == (
        200,
        payee["user_id"],
        130,
    )
    assert credits.complete(payer, payee, 120, reference) == first
    assert credits.hold_back(payer, payee, 120, reference) == held
    assert credits.has(payer, payee) == [(180, 0), (130, 0)]
    assert credits.lines(payer) == [("TRANSFER_OUT", -120)]
    assert credits.lines(payee) == [("TRANSFER_IN", 120)]


def test_undoing_gives_the_payer_back_what_was_held_back_once(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, reference = new_user(300), new_user(10), uuid4()
    credits.hold_back(payer, payee, 120, reference)
    first = credits.undo(payer, payee, 120, reference)
    assert (first[0], first[1]["user_id"], first[1]["credit_balance"]) == (
        200,
        payer["user_id"],
        300,
    )
    assert credits.undo(payer, payee, 120, reference) == first
    assert credits.has(payer, payee) == [(300, 0), (10, 0)]
    assert credits.lines(payer) == [("TRANSFER_IN", 120), ("TRANSFER_OUT", -120)]
    assert credits.lines(payee) == []


def test_what_is_held_back_comes_back_when_both_have_spent_all_they_had(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, reference = new_user(100), new_user(100), uuid4()
    credits.hold_back(payer, payee, 60, reference)
    credits.deduct(payer, 40, uuid4())
    credits.deduct(payee, 100, uuid4())
    assert credits.undo(payer, payee, 60, reference)[1]["credit_balance"] == 60
    assert credits.has(payer, payee) == [(60, 0), (0, 0)]


def test_a_completed_transfer_is_not_undone(credits: Credits, new_user: Call) -> None:
    payer, payee, reference = new_user(100), new_user(), uuid4()
    credits.hold_back(payer, payee, 60, reference)
    credits.complete(payer, payee, 60, reference)
    assert refusal(credits.undo(payer, payee, 60, reference)) == INVALID
    assert credits.has(payer, payee) == [(40, 0), (60, 0)]


def test_an_undone_transfer_neither_is_completed_nor_comes_again(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, reference = new_user(100), new_user(), uuid4()
    credits.hold_back(payer, payee, 60, reference)
    credits.undo(payer, payee, 60, reference)
    for late in (credits.complete, credits.hold_back, credits.transfer):
        assert refusal(late(payer, payee, 60, reference)) == INVALID
    assert credits.has(payer, payee) == [(100, 0), (0, 0)]


def test_a_transfer_that_never_came_is_not_completed_and_can_still_come(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, reference = new_user(100), new_user(), uuid4()
    assert refusal(credits.complete(payer, payee, 60, reference)) == INVALID
    assert credits.hold_back(payer, payee, 60, reference)[0] == 200


def test_a_transfer_that_was_undone_before_it_came_never_comes(
    credits: Credits, new_user: Call, rows: Call
) -> None:
    payer, payee, reference = new_user(100), new_user(), uuid4()
    first = credits.undo(payer, payee, 60, reference, freeze=uuid4())
    assert first[0] == 200 and credits.undo(payer, payee, 60, reference) == first
    for late in (credits.hold_back, credits.complete):
        assert refusal(late(payer, payee, 60, reference)) == INVALID
    booked = rows(
        "SELECT kind::text, tombstone FROM credit_ledger WHERE reference_id = :reference",
        reference=reference,
    )
    assert booked == [("TRANSFER_OUT", True)]
    assert credits.has(payer, payee) == [(100, 0), (0, 0)]


def test_too_few_credits_hold_nothing_back_and_can_be_tried_again(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, reference = new_user(100), new_user(), uuid4()
    assert refusal(credits.hold_back(payer, payee, 100.01, reference)) == TOO_LITTLE
    assert (credits.has(payer), credits.lines(payer)) == ([(100, 0)], [])
    credits.grant(payer, 0.01, uuid4())
    assert credits.hold_back(payer, payee, 100.01, reference)[0] == 200


def test_holding_back_needs_two_users(credits: Credits, new_user: Call) -> None:
    payer, nobody = new_user(100), {"user_id": str(uuid4())}
    assert refusal(credits.hold_back(payer, payer, 1, uuid4())) == (400, "SELF_TRANSFER")
    for step in (credits.hold_back, credits.complete, credits.undo):
        assert refusal(step(payer, nobody, 1, uuid4())) == (404, "USER_NOT_FOUND")


@pytest.mark.parametrize("end", ["", "complete", "undo"])
def test_every_step_names_the_same_transfer(credits: Credits, new_user: Call, end: str) -> None:
    payer, payee, third, reference = new_user(100), new_user(100), new_user(100), uuid4()
    credits.hold_back(payer, payee, 60, reference)
    if end:
        getattr(credits, end)(payer, payee, 60, reference)
    before = credits.has(payer, payee, third)
    for step in (credits.hold_back, credits.complete, credits.undo):
        for other in ((payer, payee, 59), (payer, third, 60), (third, payee, 60)):
            assert refusal(step(*other, reference)) == INVALID
        assert refusal(step(payee, payer, 60, reference)) == INVALID
        assert refusal(step(payer, payee, 60, reference, freeze=uuid4())) == INVALID
    assert credits.has(payer, payee, third) == before


def test_nothing_else_moves_under_the_key_of_what_is_held_back(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, third, reference = new_user(100), new_user(), new_user(100), uuid4()
    credits.hold_back(payer, payee, 60, reference)
    for one in (payer, third):
        assert refusal(credits.transfer(one, payee, 60, reference)) == INVALID
    for step in (credits.freeze, credits.unfreeze):
        assert refusal(step(payer, 60, reference)) == INVALID
    assert credits.complete(payer, payee, 60, reference)[0] == 200
    assert credits.has(payer, payee, third) == [(40, 0), (60, 0), (100, 0)]


@pytest.mark.parametrize("end", ["complete", "undo"])
def test_a_gift_goes_through_all_of_it(credits: Credits, new_user: Call, end: str) -> None:
    payer, payee, reference = new_user(), new_user(), uuid4()
    held = credits.hold_back(payer, payee, 0, reference)
    assert held[0] == 200 and credits.hold_back(payer, payee, 0, reference) == held
    ended = getattr(credits, end)(payer, payee, 0, reference)
    assert ended[0] == 200 and getattr(credits, end)(payer, payee, 0, reference) == ended
    other = credits.undo if end == "complete" else credits.complete
    assert refusal(other(payer, payee, 0, reference)) == INVALID
    both = credits.lines(payer) + credits.lines(payee)
    assert sorted(both) == [("TRANSFER_IN", 0), ("TRANSFER_OUT", 0)]
