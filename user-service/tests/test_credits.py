"""Credits: every key once, never below zero, every balance the sum of its ledger (conftest)."""

import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from common.database import Database

from .conftest import at_once

Call = Callable[..., tuple[int, Any]]
User = dict[str, Any]


@pytest.fixture
def move(call: Call) -> Call:
    """Calls deduct or refund."""

    def moving(what: str, user: User, amount: float, reference: Any) -> tuple[int, Any]:
        body = {"user_id": user["user_id"], "amount": amount, "reference_id": str(reference)}
        return call("POST", f"/credits/{what}", **body)

    return moving


@pytest.fixture
def hand(call: Call) -> Call:
    """Calls transfer."""

    def handing(payer: User, payee: User, amount: float, reference: Any) -> tuple[int, Any]:
        body = {"from_user_id": payer["user_id"], "to_user_id": payee["user_id"]}
        return call("POST", "/credits/transfer", **body, amount=amount, reference_id=str(reference))

    return handing


@pytest.fixture
def lines(call: Call) -> Callable[[User], list[tuple[str, float]]]:
    """Kind and amount of a user's entries, newest first, without what conftest granted."""

    def listing(user: User) -> list[tuple[str, float]]:
        entries = call("GET", f"/credits/ledger?user_id={user['user_id']}")[1]
        return [(one["kind"], one["amount"]) for one in entries if one["kind"] != "GRANT"]

    return listing


def balance(call: Call, user: User) -> float:
    return call("GET", f"/users/{user['user_id']}")[1]["credit_balance"]


def refusal(answer: tuple[int, Any]) -> tuple[int, str]:
    return answer[0], answer[1]["error_code"]


def test_a_charge_is_taken_once_per_reference(
    move: Call, new_user: Call, lines: Call, call: Call
) -> None:
    user, reference = new_user(1000), uuid4()
    status, booked = move("deduct", user, 350.25, reference)
    assert (status, booked["user_id"], booked["credit_balance"]) == (200, user["user_id"], 649.75)
    assert move("deduct", user, 350.25, reference) == (200, booked)
    assert refusal(move("deduct", user, 350, reference)) == (409, "ORDER_INVALID_STATE")
    assert lines(user) == [("CHARGE", -350.25)]
    assert balance(call, user) == 649.75


def test_a_charge_that_took_the_last_credits_can_be_repeated(move: Call, new_user: Call) -> None:
    user, reference = new_user(100), uuid4()
    first = move("deduct", user, 100, reference)
    assert first[1]["credit_balance"] == 0
    assert move("deduct", user, 100, reference) == first


def test_too_few_credits_book_nothing_and_can_be_tried_again(
    move: Call, new_user: Call, lines: Call, call: Call
) -> None:
    user, reference = new_user(100), uuid4()
    assert refusal(move("deduct", user, 100.01, reference)) == (402, "INSUFFICIENT_CREDITS")
    assert (lines(user), balance(call, user)) == ([], 100)
    grant = {
        "user_id": user["user_id"],
        "amount": 0.01,
        "reason": "a cent",
        "grant_id": str(uuid4()),
    }
    call("POST", "/credits/grant", **grant)
    assert move("deduct", user, 100.01, reference)[0] == 200


def test_a_free_ticket_books_one_charge_of_nothing(move: Call, new_user: Call, lines: Call) -> None:
    user, reference = new_user(), uuid4()
    first = move("deduct", user, 0, reference)
    assert first[0] == 200 and move("deduct", user, 0, reference) == first
    assert lines(user) == [("CHARGE", 0)]
    assert move("refund", user, 0, reference)[0] == 200
    assert lines(user) == [("REFUND", 0), ("CHARGE", 0)]


def test_a_refund_returns_its_charge_once(
    move: Call, new_user: Call, lines: Call, call: Call
) -> None:
    user, reference = new_user(500), uuid4()
    move("deduct", user, 200, reference)
    move("deduct", user, 50, uuid4())
    assert refusal(move("refund", user, 199, reference)) == (409, "ORDER_INVALID_STATE")
    first = move("refund", user, 200, reference)
    assert (first[0], first[1]["credit_balance"]) == (200, 450)
    assert move("refund", user, 200, reference) == first
    assert lines(user) == [("REFUND", 200), ("CHARGE", -50), ("CHARGE", -200)]
    assert balance(call, user) == 450


def test_an_undone_charge_does_not_come_back(move: Call, new_user: Call, call: Call) -> None:
    user, reference = new_user(500), uuid4()
    move("deduct", user, 200, reference)
    move("refund", user, 200, reference)
    status, error = move("deduct", user, 200, reference)
    assert (status, error["error_code"]) == (409, "ORDER_INVALID_STATE")
    assert "already undone" in error["message"]
    assert balance(call, user) == 500


def test_a_refund_before_its_charge_refuses_the_late_charge(
    move: Call, new_user: Call, lines: Call, rows: Call
) -> None:
    user, reference = new_user(500), uuid4()
    first = move("refund", user, 200, reference)
    assert (first[0], first[1]["credit_balance"]) == (200, 500)
    assert move("refund", user, 200, reference) == first
    status, error = move("deduct", user, 200, reference)
    assert (status, error["error_code"]) == (409, "ORDER_INVALID_STATE")
    assert "already undone" in error["message"]
    booked = rows(
        "SELECT kind::text, amount, tombstone FROM credit_ledger WHERE reference_id = :reference",
        reference=reference,
    )
    assert booked == [("CHARGE", Decimal("0.00"), True)]
    assert lines(user) == []  # a tombstone is no movement


def test_a_refund_undoes_no_other_users_charge(move: Call, new_user: Call, call: Call) -> None:
    buyer, other, reference = new_user(500), new_user(500), uuid4()
    move("deduct", buyer, 200, reference)
    assert move("refund", other, 200, reference)[0] == 200
    assert (balance(call, buyer), balance(call, other)) == (300, 500)


def test_twenty_charges_of_one_reference_at_once_book_one(
    move: Call, new_user: Call, lines: Call, call: Call
) -> None:
    user, reference = new_user(1000), uuid4()
    answers = at_once(*[lambda: move("deduct", user, 100, reference)] * 20)
    assert answers == [answers[0]] * 20 and answers[0][0] == 200
    assert lines(user) == [("CHARGE", -100)]
    assert balance(call, user) == 900


def test_charges_at_once_never_overspend(move: Call, new_user: Call, call: Call) -> None:
    user = new_user(500)
    answers = at_once(*[lambda: move("deduct", user, 100, uuid4())] * 20)
    assert sorted(status for status, _ in answers) == [200] * 5 + [402] * 15
    assert balance(call, user) == 0


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


def test_a_refund_racing_its_charge_never_leaves_it_charged(
    move: Call, new_user: Call, lines: Call, call: Call
) -> None:
    outcomes = set()
    for _ in range(40):
        user, reference = new_user(100), uuid4()
        charged, refunded = at_once(
            lambda: move("deduct", user, 100, reference),
            lambda: move("refund", user, 100, reference),
        )
        assert refunded[0] == 200 and charged[0] in (200, 409)
        expected = [("REFUND", 100), ("CHARGE", -100)] if charged[0] == 200 else []
        assert (lines(user), balance(call, user)) == (expected, 100)
        outcomes.add(charged[0])
    assert outcomes <= {200, 409}


def test_refunds_at_once_return_the_charge_once(
    move: Call, new_user: Call, lines: Call, call: Call
) -> None:
    user, reference = new_user(100), uuid4()
    move("deduct", user, 60, reference)
    answers = at_once(*[lambda: move("refund", user, 60, reference)] * 10)
    assert answers == [answers[0]] * 10 and answers[0][0] == 200
    assert lines(user) == [("REFUND", 60), ("CHARGE", -60)]
    assert balance(call, user) == 100


def test_a_transfer_moves_credits_once(hand: Call, new_user: Call, lines: Call, call: Call) -> None:
    payer, payee, reference = new_user(300), new_user(10), uuid4()
    first = hand(payer, payee, 120.5, reference)
    assert (first[0], first[1]["credit_balance"]) == (200, 179.5)
    assert first[1]["user_id"] == payer["user_id"]
    assert hand(payer, payee, 120.5, reference) == first
    assert (lines(payer), lines(payee)) == ([("TRANSFER_OUT", -120.5)], [("TRANSFER_IN", 120.5)])
    assert (balance(call, payer), balance(call, payee)) == (179.5, 130.5)


def test_a_transfer_key_stands_for_one_transfer(hand: Call, new_user: Call, call: Call) -> None:
    payer, payee, third, reference = new_user(300), new_user(), new_user(300), uuid4()
    hand(payer, payee, 100, reference)
    for other in ((payer, payee, 99), (payer, third, 100), (third, payee, 100)):
        assert refusal(hand(*other, reference)) == (409, "TRANSFER_INVALID_STATE")
    assert [balance(call, one) for one in (payer, payee, third)] == [200, 100, 300]


def test_a_transfer_needs_the_payers_credits_and_two_users(
    hand: Call, new_user: Call, lines: Call
) -> None:
    payer, payee = new_user(50), new_user(500)
    assert refusal(hand(payer, payee, 50.01, uuid4())) == (402, "INSUFFICIENT_CREDITS")
    assert refusal(hand(payer, payer, 1, uuid4())) == (400, "SELF_TRANSFER")
    nobody = {"user_id": str(uuid4())}
    assert refusal(hand(payer, nobody, 1, uuid4())) == (404, "USER_NOT_FOUND")
    assert (lines(payer), lines(payee)) == ([], [])


def test_a_transfer_of_nothing_is_booked_too(hand: Call, new_user: Call, lines: Call) -> None:
    payer, payee = new_user(), new_user()
    assert hand(payer, payee, 0, uuid4())[0] == 200
    assert (lines(payer), lines(payee)) == ([("TRANSFER_OUT", 0)], [("TRANSFER_IN", 0)])


def test_transfers_both_ways_at_once_do_not_deadlock(
    hand: Call, new_user: Call, call: Call
) -> None:
    one, other = new_user(1000), new_user(1000)
    there = [lambda: hand(one, other, 30, uuid4())] * 8
    back = [lambda: hand(other, one, 10, uuid4())] * 8
    for _ in range(3):
        assert [status for status, _ in at_once(*there, *back)] == [200] * 16
    assert (balance(call, one), balance(call, other)) == (520, 1480)


def test_transfers_of_one_key_at_once_move_once(hand: Call, new_user: Call, call: Call) -> None:
    payer, payee, reference = new_user(1000), new_user(), uuid4()
    answers = at_once(*[lambda: hand(payer, payee, 100, reference)] * 10)
    assert answers == [answers[0]] * 10 and answers[0][0] == 200
    assert (balance(call, payer), balance(call, payee)) == (900, 100)


def test_a_grant_with_an_id_is_given_once(call: Call, new_user: Call, rows: Call) -> None:
    user = new_user()
    grant = {"user_id": user["user_id"], "amount": 25.5, "reason": "sorry for the wait"}
    grant["grant_id"] = str(uuid4())
    answers = at_once(*[lambda: call("POST", "/credits/grant", **grant)] * 5)
    assert answers == [answers[0]] * 5 and answers[0][1]["credit_balance"] == 25.5
    again = call("POST", "/credits/grant", **{**grant, "amount": 26})
    assert refusal(again) == (409, "ORDER_INVALID_STATE")
    entry = {"entry_id": answers[0][1]["entry_id"]}
    reason = "SELECT reason FROM credit_ledger WHERE entry_id = :entry_id"
    assert rows(reason, **entry) == [("sorry for the wait",)]


@pytest.mark.parametrize("amount", [0, -1, 0.001, "5", True])
def test_only_an_amount_of_money_can_be_granted(call: Call, new_user: Call, amount: Any) -> None:
    grant = {
        "user_id": new_user()["user_id"],
        "amount": amount,
        "reason": "x",
        "grant_id": str(uuid4()),
    }
    assert refusal(call("POST", "/credits/grant", **grant)) == (400, "VALIDATION_ERROR")


def test_no_balance_grows_past_what_a_column_holds(call: Call, new_user: Call) -> None:
    grant = {
        "user_id": new_user(1)["user_id"],
        "amount": 99999999.99,
        "reason": "x",
        "grant_id": str(uuid4()),
    }
    assert refusal(call("POST", "/credits/grant", **grant)) == (400, "VALIDATION_ERROR")


def test_unknown_users_have_no_credits(call: Call, move: Call) -> None:
    nobody = {"user_id": str(uuid4())}
    for what in ("deduct", "refund"):
        assert refusal(move(what, nobody, 1, uuid4())) == (404, "USER_NOT_FOUND")
    grant = call("POST", "/credits/grant", **nobody, amount=1, reason="x", grant_id=str(uuid4()))
    assert refusal(grant) == (404, "USER_NOT_FOUND")


def test_the_ledger_lists_newest_first_page_by_page(
    app: Any, call: Call, move: Call, new_user: Call
) -> None:
    user = new_user(100)
    for amount in range(1, 6):
        move("deduct", user, amount, uuid4())
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


@pytest.fixture
def take_back(call: Call) -> Call:
    """Calls the undoing of a transfer."""

    def taking(payer: User, payee: User, amount: float, reference: Any) -> tuple[int, Any]:
        body = {"from_user_id": payer["user_id"], "to_user_id": payee["user_id"]}
        path = "/credits/transfer/undo"
        return call("POST", path, **body, amount=amount, reference_id=str(reference))

    return taking


def test_an_undone_transfer_moved_both_ways_once_and_moves_no_more(
    hand: Call, take_back: Call, new_user: Call, lines: Call, call: Call
) -> None:
    payer, payee, reference = new_user(1000), new_user(), uuid4()
    hand(payer, payee, 100, reference)
    first = take_back(payer, payee, 100, reference)
    assert first[0] == 200 and take_back(payer, payee, 100, reference) == first
    assert refusal(hand(payer, payee, 100, reference)) == (409, "TRANSFER_INVALID_STATE")
    assert (balance(call, payer), balance(call, payee)) == (1000, 0)
    assert lines(payer) == [("TRANSFER_IN", 100), ("TRANSFER_OUT", -100)]
    assert lines(payee) == [("TRANSFER_OUT", -100), ("TRANSFER_IN", 100)]


def test_a_transfer_that_comes_after_its_undoing_is_refused(
    hand: Call, take_back: Call, new_user: Call, lines: Call, call: Call
) -> None:
    payer, payee, reference = new_user(1000), new_user(), uuid4()
    first = take_back(payer, payee, 100, reference)
    assert first[0] == 200 and take_back(payer, payee, 100, reference) == first
    assert refusal(hand(payer, payee, 100, reference)) == (409, "TRANSFER_INVALID_STATE")
    assert (balance(call, payer), balance(call, payee)) == (1000, 0)
    assert (lines(payer), lines(payee)) == ([], [])


def test_a_transfer_and_its_undoing_at_once_leave_nothing_moved(
    hand: Call, take_back: Call, new_user: Call, call: Call
) -> None:
    for _ in range(20):
        payer, payee, reference = new_user(100), new_user(), uuid4()
        _, undone = at_once(
            lambda: hand(payer, payee, 100, reference),
            lambda: take_back(payer, payee, 100, reference),
        )
        assert undone[0] == 200
        assert (balance(call, payer), balance(call, payee)) == (100, 0)


def test_credits_that_the_payee_has_spent_cannot_be_taken_back(
    hand: Call, take_back: Call, move: Call, new_user: Call, call: Call
) -> None:
    payer, payee, reference = new_user(100), new_user(), uuid4()
    hand(payer, payee, 100, reference)
    move("deduct", payee, 1, uuid4())
    refused = refusal(take_back(payer, payee, 100, reference))
    assert refused == (402, "INSUFFICIENT_CREDITS")
    assert (balance(call, payer), balance(call, payee)) == (0, 99)


def test_an_undoing_names_the_transfer_it_undoes(
    hand: Call, take_back: Call, new_user: Call, call: Call
) -> None:
    payer, payee, reference = new_user(100), new_user(), uuid4()
    hand(payer, payee, 100, reference)
    refused = refusal(take_back(payer, payee, 99, reference))
    assert refused == (409, "TRANSFER_INVALID_STATE")
    assert (balance(call, payer), balance(call, payee)) == (0, 100)
