"""Buyers against buyers, through gRPC; where it matters, against two worker processes."""

from uuid import uuid4

import pytest

from common.errors import ErrorCode
from src.services import lock_service
from src.services.hold_expiry import HoldExpiry

from calls import Inventory
from conftest import Store
from racing import at_once, take_out

LOST = (ErrorCode.SEAT_UNAVAILABLE, ErrorCode.SEAT_ALREADY_SOLD)


def race_for_a_hundred_seats(inventory: Inventory, store: Store) -> None:
    """Two buyers want each at the same moment; exactly one may get it."""
    for seat in store.seats(100):
        outcomes = at_once(*(lambda: inventory.reserve(seat, uuid4(), uuid4()) for _ in range(2)))
        winners = [one for one in outcomes if one not in LOST]
        assert len(winners) == 1, f"{len(winners)} winners: {outcomes}"
        assert str(store.row(seat).hold_id) == winners[0].hold_id
        [booked] = store.sql("SELECT hold_id FROM holds WHERE seat_id = :seat", seat=seat)
        assert str(booked.hold_id) == winners[0].hold_id


def test_of_two_buyers_at_once_exactly_one_gets_the_seat_a_hundred_times(workers, store):
    race_for_a_hundred_seats(workers, store)


@pytest.fixture
def no_locks(monkeypatch) -> None:
    users = "pg_advisory_xact_lock(hashtextextended(CAST(CAST(:user_id AS uuid) AS text), 0))"
    take_out(monkeypatch, lock_service, "_LOCK_AND_HOLD", users, " FOR UPDATE NOWAIT")


@pytest.fixture
def no_guard(monkeypatch) -> None:
    free = """
           AND (seats.status = 'AVAILABLE'
                OR seats.status = 'HELD' AND seats.held_until <= granted.at)"""
    take_out(monkeypatch, lock_service, "_LOCK_AND_HOLD", free)


@pytest.fixture
def no_index(own_store) -> None:
    own_store.sql("DROP INDEX idx_one_open_hold_per_seat")


@pytest.mark.usefixtures("no_locks", "no_guard", "no_index")
def test_without_locks_guard_and_index_two_buyers_get_one_seat(own_inventory, own_store):
    """The race above is one: it finds what those three are there for."""
    with pytest.raises(AssertionError, match="^2 winners"):
        race_for_a_hundred_seats(own_inventory, own_store)


@pytest.mark.usefixtures("no_locks")
@pytest.mark.parametrize("also", ["no_guard", "no_index"])
def test_without_locks_guard_or_index_alone_is_enough(also, request, own_inventory, own_store):
    request.getfixturevalue(also)
    race_for_a_hundred_seats(own_inventory, own_store)


def test_of_ten_buyers_at_once_one_takes_over_an_expired_hold(workers, store):
    for seat in store.seats(20):
        old = uuid4()
        workers.reserve(seat, uuid4(), old)
        store.lapse(old)
        outcomes = at_once(*(lambda: workers.reserve(seat, uuid4(), uuid4()) for _ in range(10)))
        assert len([one for one in outcomes if one not in LOST]) == 1
        holds = store.sql("SELECT status FROM holds WHERE seat_id = :seat", seat=seat)
        assert sorted(hold.status for hold in holds) == ["HELD", "RELEASED"]


def test_one_call_sent_twice_at_once_books_one_hold(workers, store):
    for seat in store.seats(20):
        user, hold = uuid4(), uuid4()
        outcomes = at_once(*(lambda: workers.reserve(seat, user, hold) for _ in range(2)))
        held = [one.hold_id for one in outcomes if one not in LOST]
        assert held and set(held) == {str(hold)}
        assert workers.reserve(seat, user, hold).hold_id == str(hold)


def test_confirm_and_release_of_one_hold_at_once_end_in_one_or_the_other(workers, store):
    for seat in store.seats(40):
        user, hold = uuid4(), uuid4()
        workers.reserve(seat, user, hold)
        confirmed, released = at_once(
            lambda: workers.confirm(seat, user, hold), lambda: workers.release(seat, hold)
        )
        sold = confirmed is True
        assert sold != released
        assert sold or confirmed is ErrorCode.SEAT_NOT_HELD
        expected = ("SOLD", "SOLD") if sold else ("AVAILABLE", "RELEASED")
        assert (store.row(seat).status, store.hold(hold).status) == expected


def test_confirm_and_undo_at_once_never_leave_the_seat_sold(workers, store):
    for seat in store.seats(40):
        user, hold = uuid4(), uuid4()
        workers.reserve(seat, user, hold)
        _, released = at_once(
            lambda: workers.confirm(seat, user, hold), lambda: workers.release(seat, hold, True)
        )
        assert released is True
        assert (store.row(seat).status, store.hold(hold).status) == ("AVAILABLE", "RELEASED")


def test_reserve_and_its_undo_at_once_never_leave_the_seat_held(workers, store):
    for seat in store.seats(40):
        user, hold = uuid4(), uuid4()
        at_once(lambda: workers.reserve(seat, user, hold), lambda: workers.release(seat, hold))
        assert store.row(seat).status == "AVAILABLE"
        assert store.hold(hold).status == "RELEASED"


def test_confirm_and_sweep_at_the_end_of_a_hold_end_in_one_or_the_other(workers, store, database):
    expiry = HoldExpiry(database)
    outcomes = set()
    for index, seat in enumerate(store.seats(40)):
        user, hold = uuid4(), uuid4()
        workers.reserve(seat, user, hold)
        store.lapse(hold, seconds=-0.001 * (index % 8))
        confirmed, _ = at_once(
            lambda: workers.confirm(seat, user, hold), lambda: expiry.end_batch(0.0)
        )
        sold = confirmed is True
        status = store.row(seat).status, store.hold(hold).status
        gone = {("AVAILABLE", "RELEASED"), ("HELD", "HELD")}  # the latter: the next sweep's
        assert status == ("SOLD", "SOLD") if sold else status in gone
        assert sold or confirmed is ErrorCode.HOLD_EXPIRED
        outcomes.add(sold)
    assert outcomes == {True, False}


def test_the_same_confirm_twice_at_once_sells_once_and_both_succeed(workers, store):
    for seat in store.seats(20):
        user, hold = uuid4(), uuid4()
        workers.reserve(seat, user, hold)
        both = at_once(*(lambda: workers.confirm(seat, user, hold) for _ in range(2)))
        assert both == [True, True]
