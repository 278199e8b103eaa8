"""Transfers that take what is frozen first: the freeze stands until the transfer is completed."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from common.database import Database
from src.services import freezes

from .conftest import at_once
from .credits import INVALID, TOO_LITTLE, Credits, refusal

Call = Callable[..., tuple[int, Any]]


def test_what_is_frozen_pays_first_and_the_balance_the_rest(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, freeze, reference = new_user(30), new_user(), uuid4(), uuid4()
    credits.freeze(payer, 100, freeze)
    credits.grant(payer, 90, uuid4())
    status, booked = credits.hold_back(payer, payee, 100, reference, freeze)
    assert (status, booked["credit_balance"]) == (200, 20)
    assert credits.has(payer, payee) == [(20, 100), (0, 0)]
    assert credits.lines(payer) == [("TRANSFER_OUT", -70), ("FREEZE", -30)]
    first = credits.complete(payer, payee, 100, reference, freeze)
    assert first[0] == 200 and credits.complete(payer, payee, 100, reference, freeze) == first
    assert credits.has(payer, payee) == [(20, 0), (100, 0)]
    assert credits.lines(payee) == [("TRANSFER_IN", 100)]


def test_what_is_wholly_frozen_takes_nothing_from_the_balance(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, freeze, reference = new_user(100), new_user(), uuid4(), uuid4()
    credits.freeze(payer, 100, freeze)
    credits.hold_back(payer, payee, 100, reference, freeze)
    assert credits.lines(payer) == [("TRANSFER_OUT", 0), ("FREEZE", -100)]
    credits.complete(payer, payee, 100, reference, freeze)
    assert credits.has(payer, payee) == [(0, 0), (100, 0)]


def test_a_freeze_of_nothing_leaves_all_to_the_balance(credits: Credits, new_user: Call) -> None:
    payer, payee, freeze, reference = new_user(), new_user(), uuid4(), uuid4()
    credits.freeze(payer, 100, freeze)
    credits.grant(payer, 100, uuid4())
    credits.hold_back(payer, payee, 100, reference, freeze)
    assert credits.has(payer, payee) == [(0, 100), (0, 0)]
    credits.complete(payer, payee, 100, reference, freeze)
    assert credits.has(payer, payee) == [(0, 0), (100, 0)]


@pytest.mark.parametrize("end", ["complete", "undo"])
def test_a_gift_goes_back_too(credits: Credits, new_user: Call, end: str) -> None:
    payer, payee, freeze, reference = new_user(), new_user(), uuid4(), uuid4()
    credits.freeze(payer, 0, freeze)
    for step in ("hold_back", end, end):
        assert getattr(credits, step)(payer, payee, 0, reference, freeze)[0] == 200
    assert credits.has(payer, payee) == [(0, 0), (0, 0)]


def test_undoing_leaves_the_freeze_as_it_was(credits: Credits, new_user: Call) -> None:
    payer, payee, freeze, reference = new_user(30), new_user(), uuid4(), uuid4()
    frozen = credits.freeze(payer, 100, freeze)[1]
    credits.grant(payer, 90, uuid4())
    credits.hold_back(payer, payee, 100, reference, freeze)
    first = credits.undo(payer, payee, 100, reference, freeze)
    assert first[0] == 200 and credits.undo(payer, payee, 100, reference, freeze) == first
    assert credits.has(payer, payee) == [(90, 30), (0, 0)]
    assert credits.freeze(payer, 100, freeze)[1] == {**frozen, "credit_balance": 90}


def test_after_an_undoing_the_freeze_can_pay_another_transfer_or_be_freed(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, freeze = new_user(60), new_user(), uuid4()
    credits.freeze(payer, 60, freeze)
    for key in (uuid4(), uuid4()):
        assert credits.hold_back(payer, payee, 60, key, freeze)[0] == 200
        assert credits.undo(payer, payee, 60, key, freeze)[0] == 200
    assert credits.unfreeze(payer, 60, freeze)[1]["credit_balance"] == 60


def test_too_little_frozen_and_free_holds_nothing_back_and_can_be_tried_again(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, freeze, reference = new_user(30), new_user(), uuid4(), uuid4()
    credits.freeze(payer, 100, freeze)
    credits.grant(payer, 69, uuid4())
    assert refusal(credits.hold_back(payer, payee, 100, reference, freeze)) == TOO_LITTLE
    assert credits.has(payer) == [(69, 30)]
    assert credits.lines(payer) == [("FREEZE", -30)]
    credits.grant(payer, 1, uuid4())
    assert credits.hold_back(payer, payee, 100, reference, freeze)[0] == 200


def test_what_was_paid_out_is_neither_frozen_nor_freed_again(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, freeze, reference = new_user(100), new_user(), uuid4(), uuid4()
    credits.freeze(payer, 100, freeze)
    credits.hold_back(payer, payee, 100, reference, freeze)
    credits.complete(payer, payee, 100, reference, freeze)
    credits.grant(payer, 100, uuid4())
    for step in (credits.freeze, credits.unfreeze):
        assert refusal(step(payer, 100, freeze)) == INVALID
    assert refusal(credits.undo(payer, payee, 100, reference, freeze)) == INVALID
    assert refusal(credits.hold_back(payer, payee, 100, uuid4(), freeze)) == INVALID
    assert credits.has(payer, payee) == [(100, 0), (100, 0)]


def test_a_freeze_is_not_freed_while_a_transfer_counts_on_it(
    credits: Credits, new_user: Call
) -> None:
    payer, payee, freeze, reference = new_user(100), new_user(), uuid4(), uuid4()
    frozen = credits.freeze(payer, 60, freeze)[1]
    credits.hold_back(payer, payee, 100, reference, freeze)
    assert refusal(credits.unfreeze(payer, 60, freeze)) == INVALID
    assert credits.freeze(payer, 60, freeze)[1] == {**frozen, "credit_balance": 0}
    assert credits.complete(payer, payee, 100, reference, freeze)[0] == 200


def test_a_freeze_pays_one_transfer_at_a_time(credits: Credits, new_user: Call) -> None:
    payer, payee, freeze = new_user(100), new_user(), uuid4()
    credits.freeze(payer, 60, freeze)
    for _ in range(10):
        keys = uuid4(), uuid4()
        answers = at_once(
            *[lambda key=key: credits.hold_back(payer, payee, 60, key, freeze) for key in keys]
        )
        assert sorted(status for status, _ in answers) == [200, 409]
        assert credits.has(payer, payee) == [(40, 60), (0, 0)]
        held = keys[0] if answers[0][0] == 200 else keys[1]
        assert credits.undo(payer, payee, 60, held, freeze)[0] == 200


def test_without_its_index_a_freeze_would_pay_two(
    credits: Credits, new_user: Call, database: Database
) -> None:
    """The negative control: what keeps it to one is the index on the freeze."""
    payer, payee, freeze = new_user(100), new_user(), uuid4()
    credits.freeze(payer, 60, freeze)
    one, other = UUID(payer["user_id"]), UUID(payee["user_id"])

    def held(session: Session) -> bool:
        given = {"to_user_id": other, "freeze_id": freeze}
        return freezes.begin(session, uuid4(), one, Decimal(60), Decimal(0), **given)

    with database.transaction() as session:
        assert [held(session), held(session)] == [True, False]
        session.execute(text("DROP INDEX idx_one_open_transfer_per_freeze"))
        assert held(session)
        session.rollback()


def test_holding_back_and_freeing_at_once_do_exactly_one(credits: Credits, new_user: Call) -> None:
    for _ in range(20):
        payer, payee, freeze, reference = new_user(100), new_user(), uuid4(), uuid4()
        credits.freeze(payer, 60, freeze)
        held, freed = at_once(
            lambda: credits.hold_back(payer, payee, 60, reference, freeze),
            lambda: credits.unfreeze(payer, 60, freeze),
        )
        assert sorted((held[0], freed[0])) == [200, 409]
        assert credits.has(payer) == ([(40, 60)] if held[0] == 200 else [(100, 0)])


def test_completing_and_undoing_at_once_do_exactly_one(credits: Credits, new_user: Call) -> None:
    for _ in range(20):
        payer, payee, freeze, reference = new_user(100), new_user(), uuid4(), uuid4()
        credits.freeze(payer, 60, freeze)
        credits.hold_back(payer, payee, 90, reference, freeze)
        completed, undone = at_once(
            lambda: credits.complete(payer, payee, 90, reference, freeze),
            lambda: credits.undo(payer, payee, 90, reference, freeze),
        )
        assert sorted((completed[0], undone[0])) == [200, 409]
        won = [(10, 0), (90, 0)] if completed[0] == 200 else [(40, 60), (0, 0)]
        assert credits.has(payer, payee) == won


def test_only_an_open_freeze_of_the_payer_that_is_no_larger_pays(
    credits: Credits, new_user: Call
) -> None:
    payer, payee = new_user(500), new_user(500)
    buried, freed, larger, of_payee, held = (uuid4() for _ in range(5))
    credits.unfreeze(payer, 50, buried)
    credits.freeze(payer, 50, freed)
    credits.unfreeze(payer, 50, freed)
    credits.freeze(payer, 50.01, larger)
    credits.freeze(payee, 50, of_payee)
    credits.hold_back(payer, payee, 50, held)
    before = credits.has(payer, payee)
    for freeze in (uuid4(), buried, freed, larger, of_payee, held):
        reference = uuid4()
        assert refusal(credits.hold_back(payer, payee, 50, reference, freeze)) == INVALID
        assert refusal(credits.complete(payer, payee, 50, reference, freeze)) == INVALID
    assert credits.has(payer, payee) == before


def test_a_freeze_needs_a_transfer_that_is_held_back(
    call: Call, credits: Credits, new_user: Call
) -> None:
    payer, payee, freeze = new_user(100), new_user(), uuid4()
    credits.freeze(payer, 60, freeze)
    body = {"from_user_id": payer["user_id"], "to_user_id": payee["user_id"], "amount": 60}
    body |= {"reference_id": str(uuid4()), "freeze_id": str(freeze)}
    for given in ({}, {"hold_back": False}):
        refused = refusal(call("POST", "/credits/transfer", **body, **given))
        assert refused == (400, "VALIDATION_ERROR")
    assert call("POST", "/credits/transfer", **body, hold_back=True)[0] == 200
    assert credits.has(payer, payee) == [(40, 60), (0, 0)]


@pytest.mark.parametrize("step", ["complete", "undo"])
def test_a_step_that_leaves_out_the_freeze_means_another_transfer(
    credits: Credits, new_user: Call, step: str
) -> None:
    payer, payee, freeze, reference = new_user(100), new_user(), uuid4(), uuid4()
    credits.freeze(payer, 60, freeze)
    credits.hold_back(payer, payee, 60, reference, freeze)
    for other in (None, uuid4()):
        assert refusal(getattr(credits, step)(payer, payee, 60, reference, other)) == INVALID
    assert credits.has(payer, payee) == [(40, 60), (0, 0)]
