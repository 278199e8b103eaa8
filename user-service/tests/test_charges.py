"""Charges, grants and the ledger: every key once, never below zero."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from common.database import Database

from .conftest import at_once
from .credits import TOO_LITTLE, Credits, refusal

Call = Callable[..., tuple[int, Any]]


def test_a_charge_is_taken_once_per_reference(credits: Credits, new_user: Call) -> None:
    user, reference = new_user(1000), uuid4()
    status, booked = credits.deduct(user, 350.25, reference)
    assert (status, booked["user_id"], booked["credit_balance"]) == (200, user["user_id"], 649.75)
    assert credits.deduct(user, 350.25, reference) == (200, booked)
    assert refusal(credits.deduct(user, 350, reference)) == (409, "ORDER_INVALID_STATE")
    assert credits.lines(user) == [("CHARGE", -350.25)]
    assert credits.balances(user) == [649.75]


def test_a_charge_that_took_the_last_credits_can_be_repeated(
    credits: Credits, new_user: Call
) -> None:
    user, reference = new_user(100), uuid4()
    first = credits.deduct(user, 100, reference)
    assert first[1]["credit_balance"] == 0
    assert credits.deduct(user, 100, reference) == first


def test_too_few_credits_book_nothing_and_can_be_tried_again(
    credits: Credits, new_user: Call
) -> None:
    user, reference = new_user(100), uuid4()
    assert refusal(credits.deduct(user, 100.01, reference)) == TOO_LITTLE
    assert (credits.lines(user), credits.balances(user)) == ([], [100])
    credits.grant(user, 0.01, uuid4())
    assert credits.deduct(user, 100.01, reference)[0] == 200


def test_a_free_ticket_books_one_charge_of_nothing(credits: Credits, new_user: Call) -> None:
    user, reference = new_user(), uuid4()
    first = credits.deduct(user, 0, reference)
    assert first[0] == 200 and credits.deduct(user, 0, reference) == first
    assert credits.lines(user) == [("CHARGE", 0)]
    assert credits.refund(user, 0, reference)[0] == 200
    assert credits.lines(user) == [("REFUND", 0), ("CHARGE", 0)]


def test_twenty_charges_of_one_reference_at_once_book_one(credits: Credits, new_user: Call) -> None:
    user, reference = new_user(1000), uuid4()
    answers = at_once(*[lambda: credits.deduct(user, 100, reference)] * 20)
    assert answers == [answers[0]] * 20 and answers[0][0] == 200
    assert credits.lines(user) == [("CHARGE", -100)]
    assert credits.balances(user) == [900]


def test_charges_at_once_never_overspend(credits: Credits, new_user: Call) -> None:
    user = new_user(500)
    answers = at_once(*[lambda: credits.deduct(user, 100, uuid4())] * 20)
    assert sorted(status for status, _ in answers) == [200] * 5 + [402] * 15
    assert credits.balances(user) == [0]


def test_the_same_race_overspends_where_nothing_guards_it(
    database: Database, new_user: Call, rows: Call
) -> None:
    """The negative control: read, then write, as the service must not."""
    user, meet = new_user(100), threading.Barrier(2)
    mine = {"user_id": user["user_id"]}

    def unguarded_deduct() -> int:
        with database.transaction() as session:
            query = text("SELECT credit_balance FROM users WHERE user_id = :user_id")
            seen = session.scalar(query, mine)
            meet.wait()
            if seen < 100:
                return 0
            write = text("UPDATE users SET credit_balance = :left WHERE user_id = :user_id")
            session.execute(write, {**mine, "left": seen - 100})
            return 100

    try:
        assert sum(at_once(unguarded_deduct, unguarded_deduct)) == 200  # of the 100 there were
    finally:
        rows("UPDATE users SET credit_balance = 100 WHERE user_id = :user_id", **mine)


def test_a_grant_with_an_id_is_given_once(credits: Credits, new_user: Call, rows: Call) -> None:
    user, grant = new_user(), uuid4()
    answers = at_once(*[lambda: credits.grant(user, 25.5, grant, "sorry for the wait")] * 5)
    assert answers == [answers[0]] * 5 and answers[0][1]["credit_balance"] == 25.5
    assert refusal(credits.grant(user, 26, grant)) == (409, "ORDER_INVALID_STATE")
    entry = {"entry_id": answers[0][1]["entry_id"]}
    reason = "SELECT reason FROM credit_ledger WHERE entry_id = :entry_id"
    assert rows(reason, **entry) == [("sorry for the wait",)]


@pytest.mark.parametrize("amount", [0, -1, 0.001, "5", True])
def test_only_an_amount_of_money_can_be_granted(
    credits: Credits, new_user: Call, amount: Any
) -> None:
    assert refusal(credits.grant(new_user(), amount, uuid4())) == (400, "VALIDATION_ERROR")


def test_no_balance_grows_past_what_a_column_holds(credits: Credits, new_user: Call) -> None:
    user = new_user(1)
    assert refusal(credits.grant(user, 99999999.99, uuid4())) == (400, "VALIDATION_ERROR")


def test_unknown_users_have_no_credits(credits: Credits) -> None:
    nobody = {"user_id": str(uuid4())}
    for one in (credits.deduct, credits.refund, credits.freeze, credits.unfreeze, credits.grant):
        assert refusal(one(nobody, 1, uuid4())) == (404, "USER_NOT_FOUND")


def test_the_ledger_lists_newest_first_page_by_page(
    call: Call, credits: Credits, new_user: Call
) -> None:
    user = new_user(100)
    for amount in range(1, 6):
        credits.deduct(user, amount, uuid4())
    path = f"/credits/ledger?user_id={user['user_id']}"
    answer = call("GET", path)[1]
    assert [one["amount"] for one in answer] == [-5, -4, -3, -2, -1, 100]
    assert [one["balance_after"] for one in answer] == [85, 90, 94, 97, 99, 100]
    keys = {"entry_id", "kind", "amount", "balance_after", "reference_id", "created_at"}
    assert set(answer[0]) == keys
    assert call("GET", f"{path}&page=2&per_page=2")[1] == answer[2:4]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE credit_ledger SET amount = 0",
        "DELETE FROM credit_ledger",
        "TRUNCATE credit_ledger",
        "UPDATE users SET credit_balance = -0.01",
    ],
)
def test_the_database_itself_refuses_what_must_not_be(
    rows: Call, new_user: Call, change: str
) -> None:
    new_user(10)
    with pytest.raises(DBAPIError, match="append-only|user_balance_not_negative"):
        rows(change)
