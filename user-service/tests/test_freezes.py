"""Freezes: what a user keeps and cannot spend, until it is freed or paid out."""

from collections.abc import Callable
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from common.database import Database

from .conftest import at_once
from .credits import INVALID, TOO_LITTLE, Credits, refusal

Call = Callable[..., tuple[int, Any]]


def test_what_is_frozen_leaves_the_balance(credits: Credits, new_user: Call) -> None:
    user = new_user(100)
    status, booked = credits.freeze(user, 60.5, uuid4())
    entry = booked.pop("entry_id")
    assert status == 200 and entry
    assert booked == {"user_id": user["user_id"], "credit_balance": 39.5, "frozen": 60.5}
    assert credits.has(user) == [(39.5, 60.5)]
    assert credits.lines(user) == [("FREEZE", -60.5)]


@pytest.mark.parametrize("has", [0, 30])
def test_no_more_is_frozen_than_there_is(credits: Credits, new_user: Call, has: float) -> None:
    user = new_user(has)
    assert credits.freeze(user, 100, uuid4())[1]["frozen"] == has
    assert credits.has(user) == [(0, has)]
    assert credits.lines(user) == [("FREEZE", -has)]


def test_frozen_credits_cannot_be_spent(credits: Credits, new_user: Call) -> None:
    user, other = new_user(100), new_user()
    credits.freeze(user, 60, uuid4())
    assert refusal(credits.deduct(user, 40.01, uuid4())) == TOO_LITTLE
    assert refusal(credits.transfer(user, other, 40.01, uuid4())) == TOO_LITTLE
    assert refusal(credits.hold_back(user, other, 40.01, uuid4())) == TOO_LITTLE
    assert credits.deduct(user, 40, uuid4())[0] == 200
    assert credits.has(user) == [(0, 60)]


def test_a_freeze_that_is_repeated_freezes_no_more(credits: Credits, new_user: Call) -> None:
    user, reference = new_user(30), uuid4()
    first = credits.freeze(user, 100, reference)
    assert credits.freeze(user, 100, reference) == first
    credits.grant(user, 50, uuid4())
    again = credits.freeze(user, 100, reference)
    assert again == (200, {**first[1], "credit_balance": 50})
    assert credits.has(user) == [(50, 30)]


def test_a_freezes_key_stands_for_one_freeze(credits: Credits, new_user: Call) -> None:
    user, other, reference = new_user(30), new_user(30), uuid4()
    credits.freeze(user, 100, reference)
    for given in ((user, 99), (user, 30), (other, 100)):
        for step in (credits.freeze, credits.unfreeze):
            assert refusal(step(*given, reference)) == INVALID
    assert credits.has(user, other) == [(0, 30), (30, 0)]


def test_a_freeze_under_the_key_of_a_transfer_is_no_part_of_it(
    credits: Credits, new_user: Call
) -> None:
    user, other, reference = new_user(100), new_user(), uuid4()
    moved = credits.transfer(user, other, 40, reference)
    assert credits.freeze(user, 10, reference)[1]["frozen"] == 10
    again = credits.transfer(user, other, 40, reference)
    assert again == (200, {**moved[1], "credit_balance": 50})
    assert refusal(credits.undo(user, other, 40, reference)) == INVALID
    assert credits.has(user, other) == [(50, 10), (40, 0)]


def test_what_is_freed_is_back_in_the_balance_once(credits: Credits, new_user: Call) -> None:
    user, reference = new_user(100), uuid4()
    frozen = credits.freeze(user, 60, reference)[1]
    first = credits.unfreeze(user, 60, reference)
    entry = first[1]["entry_id"]
    expected = {**frozen, "credit_balance": 100, "frozen": 0, "entry_id": entry}
    assert first == (200, expected) and entry != frozen["entry_id"]
    assert credits.unfreeze(user, 60, reference) == first
    assert credits.has(user) == [(100, 0)]
    assert credits.lines(user) == [("UNFREEZE", 60), ("FREEZE", -60)]


def test_what_was_freed_is_frozen_no_more(credits: Credits, new_user: Call) -> None:
    user, reference = new_user(100), uuid4()
    credits.freeze(user, 60, reference)
    credits.unfreeze(user, 60, reference)
    assert refusal(credits.freeze(user, 60, reference)) == INVALID
    assert credits.has(user) == [(100, 0)]


def test_a_freeze_of_nothing_is_freed_too(credits: Credits, new_user: Call) -> None:
    user, reference = new_user(), uuid4()
    credits.freeze(user, 60, reference)
    credits.grant(user, 100, uuid4())
    assert credits.unfreeze(user, 60, reference)[1]["credit_balance"] == 100
    assert credits.lines(user) == [("UNFREEZE", 0), ("FREEZE", 0)]


def test_a_freeze_that_comes_after_its_undoing_is_refused(credits: Credits, new_user: Call) -> None:
    user, reference = new_user(100), uuid4()
    first = credits.unfreeze(user, 60, reference)
    assert (first[0], first[1]["credit_balance"], first[1]["frozen"]) == (200, 100, 0)
    assert credits.unfreeze(user, 60, reference) == first
    assert refusal(credits.freeze(user, 60, reference)) == INVALID
    assert credits.has(user) == [(100, 0)]
    assert credits.lines(user) == []


def test_freezes_add_up_and_each_ends_by_itself(credits: Credits, new_user: Call) -> None:
    user, one, other = new_user(100), uuid4(), uuid4()
    credits.freeze(user, 30, one)
    credits.freeze(user, 90, other)
    assert credits.has(user) == [(0, 100)]
    credits.unfreeze(user, 30, one)
    assert credits.has(user) == [(30, 70)]
    credits.unfreeze(user, 90, other)
    assert credits.has(user) == [(100, 0)]


def test_what_is_frozen_fits_the_balance_when_it_comes_back(
    credits: Credits, new_user: Call
) -> None:
    user, reference = new_user(100), uuid4()
    credits.freeze(user, 100, reference)
    assert refusal(credits.grant(user, 99999950, uuid4())) == (400, "VALIDATION_ERROR")
    assert credits.grant(user, 99999899, uuid4())[0] == 200
    assert credits.unfreeze(user, 100, reference)[1]["credit_balance"] == 99999999


def test_freezing_and_spending_at_once_share_out_what_there_is(
    credits: Credits, new_user: Call
) -> None:
    for _ in range(10):
        user = new_user(100)
        freezing = [lambda: credits.freeze(user, 70, uuid4())] * 2
        spending = [lambda: credits.deduct(user, 20, uuid4())] * 4
        answers = at_once(*freezing, *spending)
        frozen = sum(booked["frozen"] for _, booked in answers[:2])
        spent = 20 * sum(status == 200 for status, _ in answers[2:])
        assert {status for status, _ in answers} <= {200, 402}
        assert credits.has(user) == [(100 - frozen - spent, frozen)]


def test_freezing_what_was_read_without_a_lock_would_invent_credits(
    database: Database, new_user: Call, rows: Call
) -> None:
    """The negative control: read, then write, as the service must not."""
    user, meet = new_user(100), Barrier(2)
    mine = {"user_id": user["user_id"]}

    def unguarded(frozen: int, spent: int) -> None:
        with database.transaction() as session:
            query = text("SELECT credit_balance FROM users WHERE user_id = :user_id")
            left = session.scalar(query, mine) - frozen - spent
            meet.wait()
            write = """UPDATE users SET credit_balance = :left,
                       frozen_credits = frozen_credits + :frozen WHERE user_id = :user_id"""
            session.execute(text(write), {**mine, "left": left, "frozen": frozen})

    try:
        at_once(lambda: unguarded(100, 0), lambda: unguarded(0, 60))
        found = rows(
            "SELECT credit_balance + frozen_credits FROM users WHERE user_id = :user_id", **mine
        )
        assert found[0][0] != 40
    finally:
        rows(
            "UPDATE users SET credit_balance = 100, frozen_credits = 0 WHERE user_id = :user_id",
            **mine,
        )


def test_freezes_of_one_key_at_once_freeze_once(credits: Credits, new_user: Call) -> None:
    user, reference = new_user(100), uuid4()
    answers = at_once(*[lambda: credits.freeze(user, 60, reference)] * 10)
    assert answers == [answers[0]] * 10 and answers[0][0] == 200
    assert credits.has(user) == [(40, 60)]
    assert credits.lines(user) == [("FREEZE", -60)]


def test_a_freeze_and_its_undoing_at_once_leave_nothing_frozen(
    credits: Credits, new_user: Call
) -> None:
    for _ in range(20):
        user, reference = new_user(100), uuid4()
        frozen, freed = at_once(
            lambda: credits.freeze(user, 60, reference),
            lambda: credits.unfreeze(user, 60, reference),
        )
        assert frozen[0] in (200, 409) and freed[0] == 200
        assert credits.has(user) == [(100, 0)]
        assert refusal(credits.freeze(user, 60, reference)) == INVALID


def test_freezes_of_two_users_under_one_key_at_once_are_one(
    credits: Credits, new_user: Call
) -> None:
    """No lock is common to them: the table's key alone keeps them apart."""
    for _ in range(10):
        one, other, reference = new_user(100), new_user(100), uuid4()
        answers = at_once(
            lambda: credits.freeze(one, 60, reference), lambda: credits.freeze(other, 60, reference)
        )
        assert sorted(status for status, _ in answers) == [200, 409]
        assert sorted(credits.has(one, other)) == [(40, 60), (100, 0)]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE credit_freezes SET amount = amount - 1",
        "UPDATE credit_freezes SET ended_at = NULL WHERE ended_at IS NOT NULL",
        "DELETE FROM credit_freezes",
        "TRUNCATE credit_freezes",
        "UPDATE users SET frozen_credits = -0.01",
        "INSERT INTO credit_freezes (reference_id, user_id, wanted, amount)"
        " SELECT gen_random_uuid(), user_id, 1, 1.01 FROM users LIMIT 1",
        "INSERT INTO credit_freezes (reference_id, user_id, wanted, amount, to_user_id, freeze_id)"
        " SELECT gen_random_uuid(), other.user_id, 0, 0, own.user_id, own.reference_id"
        " FROM credit_freezes AS own JOIN users AS other ON other.user_id <> own.user_id LIMIT 1",
    ],
)
def test_the_database_itself_refuses_what_must_not_be(
    credits: Credits, rows: Call, new_user: Call, change: str
) -> None:
    user, reference = new_user(10), uuid4()
    credits.freeze(user, 5, reference)
    credits.unfreeze(user, 5, reference)
    credits.freeze(user, 5, uuid4())
    with pytest.raises(DBAPIError, match="only ends|not_negative|than_wanted|same_user"):
        rows(change)
