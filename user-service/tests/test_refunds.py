"""Refunds: a charge goes back once, whoever gets it, and never comes again."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.orm import Session

from common.database import Database
from src.models.credit_ledger import LedgerKind
from src.services.ledger import book

from .conftest import at_once
from .credits import Credits, refusal

Call = Callable[..., tuple[int, Any]]


def test_a_refund_returns_its_charge_once(credits: Credits, new_user: Call) -> None:
    user, reference = new_user(500), uuid4()
    credits.deduct(user, 200, reference)
    credits.deduct(user, 50, uuid4())
    assert refusal(credits.refund(user, 199, reference)) == (409, "ORDER_INVALID_STATE")
    first = credits.refund(user, 200, reference)
    assert (first[0], first[1]["credit_balance"]) == (200, 450)
    assert credits.refund(user, 200, reference) == first
    assert credits.lines(user) == [("REFUND", 200), ("CHARGE", -50), ("CHARGE", -200)]
    assert credits.balances(user) == [450]


def test_an_undone_charge_does_not_come_back(credits: Credits, new_user: Call) -> None:
    user, reference = new_user(500), uuid4()
    credits.deduct(user, 200, reference)
    credits.refund(user, 200, reference)
    status, error = credits.deduct(user, 200, reference)
    assert (status, error["error_code"]) == (409, "ORDER_INVALID_STATE")
    assert "already undone" in error["message"]
    assert credits.balances(user) == [500]


def test_a_refund_before_its_charge_refuses_the_late_charge(
    credits: Credits, new_user: Call, rows: Call
) -> None:
    user, reference = new_user(500), uuid4()
    first = credits.refund(user, 200, reference)
    assert (first[0], first[1]["credit_balance"]) == (200, 500)
    assert credits.refund(user, 200, reference) == first
    status, error = credits.deduct(user, 200, reference)
    assert (status, error["error_code"]) == (409, "ORDER_INVALID_STATE")
    assert "already undone" in error["message"]
    booked = rows(
        "SELECT kind::text, amount, tombstone FROM credit_ledger WHERE reference_id = :reference",
        reference=reference,
    )
    assert booked == [("CHARGE", Decimal("0.00"), True)]
    assert credits.lines(user) == []  # a tombstone is no movement


def test_a_refund_undoes_no_other_users_charge(credits: Credits, new_user: Call) -> None:
    buyer, other, reference = new_user(500), new_user(500), uuid4()
    credits.deduct(buyer, 200, reference)
    assert credits.refund(other, 200, reference)[0] == 200
    assert credits.balances(buyer, other) == [300, 500]


def test_a_refund_racing_its_charge_never_leaves_it_charged(
    credits: Credits, new_user: Call
) -> None:
    for _ in range(40):
        user, reference = new_user(100), uuid4()
        charged, refunded = at_once(
            lambda: credits.deduct(user, 100, reference),
            lambda: credits.refund(user, 100, reference),
        )
        assert refunded[0] == 200 and charged[0] in (200, 409)
        expected = [("REFUND", 100), ("CHARGE", -100)] if charged[0] == 200 else []
        assert (credits.lines(user), credits.balances(user)) == (expected, [100])


def test_refunds_at_once_return_the_charge_once(credits: Credits, new_user: Call) -> None:
    user, reference = new_user(100), uuid4()
    credits.deduct(user, 60, reference)
    answers = at_once(*[lambda: credits.refund(user, 60, reference)] * 10)
    assert answers == [answers[0]] * 10 and answers[0][0] == 200
    assert credits.lines(user) == [("REFUND", 60), ("CHARGE", -60)]
    assert credits.balances(user) == [100]


def test_a_refund_can_go_to_another_user(credits: Credits, new_user: Call) -> None:
    buyer, owner, reference = new_user(500), new_user(), uuid4()
    credits.deduct(buyer, 200, reference)
    status, booked = credits.refund(buyer, 200, reference, to=owner)
    assert (status, booked["user_id"], booked["credit_balance"]) == (200, owner["user_id"], 200)
    assert credits.lines(buyer) == [("CHARGE", -200)]
    assert credits.lines(owner) == [("REFUND", 200)]
    assert refusal(credits.deduct(buyer, 200, reference)) == (409, "ORDER_INVALID_STATE")


def test_a_charge_is_given_back_once_whoever_is_named(credits: Credits, new_user: Call) -> None:
    buyer, owner, another, reference = new_user(500), new_user(), new_user(), uuid4()
    credits.deduct(buyer, 200, reference)
    first = credits.refund(buyer, 200, reference, to=owner)
    for to in (owner, another, buyer, None):
        assert credits.refund(buyer, 200, reference, to=to) == first
    assert credits.balances(buyer, owner, another) == [300, 200, 0]


def test_a_charge_given_back_to_its_payer_goes_to_nobody_else(
    credits: Credits, new_user: Call
) -> None:
    buyer, owner, reference = new_user(500), new_user(), uuid4()
    credits.deduct(buyer, 200, reference)
    first = credits.refund(buyer, 200, reference)
    assert credits.refund(buyer, 200, reference, to=owner) == first
    assert credits.balances(buyer, owner) == [500, 0]


def test_a_repeated_refund_tells_what_its_receiver_can_spend_by_now(
    credits: Credits, new_user: Call
) -> None:
    buyer, owner, reference = new_user(500), new_user(), uuid4()
    credits.deduct(buyer, 200, reference)
    entry = credits.refund(buyer, 200, reference, to=owner)[1]["entry_id"]
    credits.deduct(owner, 30, uuid4())
    again = credits.refund(buyer, 200, reference)[1]
    expected = {"user_id": owner["user_id"], "credit_balance": 170, "entry_id": entry}
    assert again == expected


def test_a_refund_to_another_before_its_charge_refuses_the_late_charge(
    credits: Credits, new_user: Call
) -> None:
    buyer, owner, reference = new_user(500), new_user(), uuid4()
    first = credits.refund(buyer, 200, reference, to=owner)
    assert first[0] == 200 and credits.refund(buyer, 200, reference, to=owner) == first
    assert refusal(credits.deduct(buyer, 200, reference)) == (409, "ORDER_INVALID_STATE")
    assert credits.balances(buyer, owner) == [500, 0]


def test_refunds_to_different_users_at_once_give_one_of_them_the_charge(
    credits: Credits, new_user: Call
) -> None:
    for _ in range(10):
        buyer, *others = new_user(100), new_user(), new_user(), new_user()
        reference = uuid4()
        credits.deduct(buyer, 60, reference)
        answers = at_once(
            *[lambda to=to: credits.refund(buyer, 60, reference, to=to) for to in others * 3]
        )
        assert answers == [answers[0]] * 9 and answers[0][0] == 200
        assert sorted(credits.balances(*others)) == [0, 0, 60]
        assert credits.balances(buyer) == [40]


def test_without_its_index_a_charge_would_be_given_back_to_each(
    new_user: Call, database: Database
) -> None:
    """The negative control: what keeps it to one is the index on the reference."""
    one, other, kind = new_user(), new_user(), LedgerKind.REFUND

    def given(session: Session) -> list[bool]:
        key = uuid4()
        receivers = [UUID(user["user_id"]) for user in (one, other)]
        return [book(session, user, kind, Decimal(60), key) is not None for user in receivers]

    with database.transaction() as session:
        assert given(session) == [True, False]
        session.execute(text("DROP INDEX idx_one_refund_per_reference"))
        assert given(session) == [True, True]
        session.rollback()


def test_a_refund_to_nobody_is_refused_and_can_be_tried_again(
    credits: Credits, new_user: Call
) -> None:
    buyer, reference = new_user(100), uuid4()
    credits.deduct(buyer, 60, reference)
    nobody = {"user_id": str(uuid4())}
    assert refusal(credits.refund(buyer, 60, reference, to=nobody)) == (404, "USER_NOT_FOUND")
    assert credits.refund(buyer, 60, reference)[1]["credit_balance"] == 100
