"""What the audit is told: every user's sums, what is booked under a reference, every reference."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.database import Database
from common.testing import database_from
from src.audit_values import Stretch
from src.services.audit import Audit

from .conftest import SERVICE
from .credits import Credits

Answer = dict[str, Any]
Call = Callable[..., tuple[int, Any]]
NewUser = Callable[..., Answer]


@pytest.fixture
def sums(call: Call) -> Callable[[Answer], Answer]:
    """What the audit is told of one user."""

    def telling(user: Answer) -> Answer:
        before = str(UUID(int=UUID(user["user_id"]).int - 1))
        status, [told] = call("POST", "/audit/users", after=before, limit=1)
        assert (status, told.pop("user_id")) == (200, user["user_id"])
        return told

    return telling


@pytest.fixture
def booked(call: Call) -> Callable[..., list[tuple[str, str, float]]]:
    """Kinds, users and amounts of what the audit is told of references."""

    def telling(*references: UUID) -> list[tuple[str, str, float]]:
        ids = [str(one) for one in references]
        status, told = call("POST", "/audit/entries", reference_ids=ids)
        assert status == 200
        assert {one["reference_id"] for one in told} <= set(ids)
        return sorted((one["kind"], one["user_id"], one["amount"]) for one in told)

    return telling


@pytest.fixture
def reference_of(call: Call) -> Callable[[UUID], Answer]:
    """What the audit is told of one reference."""

    def telling(reference: UUID) -> Answer:
        before = str(UUID(int=reference.int - 1))
        status, [told] = call("POST", "/audit/references", after=before, limit=1)
        assert (status, told.pop("reference_id")) == (200, str(reference))
        return told

    return telling


def walked(call: Call, what: str, key: str, limit: int) -> Iterator[str]:
    """Every ID, a stretch at a time."""
    after: Answer = {}
    while True:
        status, told = call("POST", f"/audit/{what}", limit=limit, **after)
        assert status == 200, told
        assert len(told) <= limit
        yield from (one[key] for one in told)
        if len(told) < limit:
            return
        after = {"after": told[-1][key]}


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_every_user_and_every_reference_is_told_once_in_order(
    call: Call, new_user: NewUser, rows: Callable[..., list[Any]], limit: int
) -> None:
    for _ in range(3):
        new_user(credits=1)
    users = [str(one) for (one,) in rows("SELECT user_id FROM users ORDER BY 1")]
    assert list(walked(call, "users", "user_id", limit)) == users
    booked = "SELECT DISTINCT reference_id FROM credit_ledger ORDER BY 1"
    references = [str(one) for (one,) in rows(booked)]
    assert list(walked(call, "references", "reference_id", limit)) == references


def test_what_a_user_has_is_told_with_what_explains_it(
    new_user: NewUser, credits: Credits, sums: Callable[[Answer], Answer]
) -> None:
    user, other, dispute, transfer = new_user(credits=100), new_user(), uuid4(), uuid4()
    credits.deduct(user, 30, uuid4())
    credits.freeze(user, 20, dispute)
    credits.hold_back(user, other, 5, transfer)
    assert sums(user) == {
        "credit_balance": 45,
        "ledger_sum": 45,
        "frozen_credits": 25,
        "open_freezes": 25,
    }
    credits.complete(user, other, 5, transfer)
    credits.unfreeze(user, 20, dispute)
    assert sums(user) == {
        "credit_balance": 65,
        "ledger_sum": 65,
        "frozen_credits": 0,
        "open_freezes": 0,
    }
    assert sums(new_user())["ledger_sum"] == 0


def test_sums_that_do_not_agree_are_told_as_they_are() -> None:
    with database_from(SERVICE / "init.sql", SERVICE / "seed.sql") as own:
        database = Database(own)
        with database.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE users SET credit_balance = 7, frozen_credits = 9")
        told = Audit(database).users(Stretch(limit=100))
        database.engine.dispose()
    assert {one.credit_balance for one in told} == {7} and {one.frozen_credits for one in told} == {
        9
    }
    assert sorted(one.ledger_sum for one in told) == [0, 0, 500, 1000, 1000]
    assert {one.open_freezes for one in told} == {0}


def test_what_is_booked_under_references_is_told_and_tombstones_are_not(
    new_user: NewUser,
    credits: Credits,
    booked: Callable[..., list[tuple[str, str, float]]],
) -> None:
    buyer, seller = new_user(credits=100), new_user()
    order, transfer, undone = uuid4(), uuid4(), uuid4()
    credits.deduct(buyer, 10, order)
    credits.transfer(buyer, seller, 20, transfer)
    credits.refund(buyer, 10, undone)
    buyer_id, seller_id = buyer["user_id"], seller["user_id"]
    paid = [("TRANSFER_IN", seller_id, 20), ("TRANSFER_OUT", buyer_id, -20)]
    assert booked(order) == [("CHARGE", buyer_id, -10)]
    assert booked(order, transfer, undone) == [("CHARGE", buyer_id, -10), *paid]
    assert booked(undone) == booked(uuid4()) == booked() == []


def test_a_reference_moves_credits_until_that_is_undone(
    new_user: NewUser, credits: Credits, reference_of: Callable[[UUID], Answer]
) -> None:
    user, other, order, dispute, grant = (
        new_user(credits=100),
        new_user(),
        *(uuid4() for _ in range(3)),
    )
    credits.deduct(user, 10, order)
    assert reference_of(order) == {"entries": 1, "moves_credits": True}
    credits.refund(user, 10, order, to=other)
    assert reference_of(order) == {"entries": 2, "moves_credits": True}
    credits.freeze(user, 10, dispute)
    assert reference_of(dispute) == {"entries": 1, "moves_credits": True}
    credits.unfreeze(user, 10, dispute)
    assert reference_of(dispute) == {"entries": 2, "moves_credits": False}
    credits.grant(user, 10, grant)
    assert reference_of(grant) == {"entries": 1, "moves_credits": False}


@pytest.mark.parametrize("path", ["users", "references"])
@pytest.mark.parametrize("limit", [0, 1001])
def test_more_than_a_stretch_is_refused(call: Call, path: str, limit: int) -> None:
    status, error = call("POST", f"/audit/{path}", limit=limit)
    assert (status, error["error_code"]) == (400, "VALIDATION_ERROR")


def test_more_than_a_thousand_references_are_refused(call: Call) -> None:
    ids = [str(uuid4()) for _ in range(1001)]
    status, error = call("POST", "/audit/entries", reference_ids=ids)
    assert (status, error["error_code"]) == (400, "VALIDATION_ERROR")
