"""Buyers against buyers, through gRPC; where it matters, against two worker processes."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.errors import AppError, ErrorCode
from common.testing import wait_for
from src.grpc_server import build_server
from src.services.hold_expiry import HoldExpiry
from src.services.lock_service import HeldSeat
from src.servicer import InventoryServicer

from conftest import Inventory, at_once, free_port, inventory_client, running_service, serving

LOST = (ErrorCode.SEAT_UNAVAILABLE, ErrorCode.SEAT_ALREADY_SOLD)


@pytest.fixture(scope="module")
def workers(settings):
    """The calls, on two worker processes."""
    port = free_port()
    own = {"grpc_port": port, "health_port": free_port(), "grpc_workers": 2, "rabbitmq_port": 1}
    with running_service(settings, **own):
        wait_for(lambda: serving(port), "the gRPC port", 20)
        yield Inventory(inventory_client(port))


def race_for(seat: UUID, reserve: Callable[..., Any]) -> list[Any]:
    """What two buyers get who want this seat at the same moment."""
    return at_once(*(lambda: reserve(seat, uuid4(), uuid4()) for _ in range(2)))


def test_of_two_buyers_at_once_exactly_one_gets_the_seat_a_hundred_times(workers, store):
    for seat in store.seats(100):
        outcomes = race_for(seat, workers.reserve)
        winners = [one for one in outcomes if one not in LOST]
        assert len(winners) == 1, outcomes
        assert str(store.row(seat).hold_id) == winners[0].hold_id
        [booked] = store.sql("SELECT hold_id FROM holds WHERE seat_id = :seat", seat=seat)
        assert str(booked.hold_id) == winners[0].hold_id


def test_without_lock_and_guard_both_get_it(settings, store):
    """The race is one: it finds a reserve that checks first and writes later."""

    class Unguarded:
        def reserve(self, seat_id: UUID, user_id: UUID, hold_id: UUID) -> HeldSeat:
            row = store.row(seat_id)
            if row.status != "AVAILABLE":
                raise AppError(ErrorCode.SEAT_UNAVAILABLE, "The seat is held.")
            [held] = store.sql(
                "UPDATE seats SET status = 'HELD', held_by_user_id = :user, hold_id = :hold,"
                " held_until = now() + interval '5 minutes' WHERE seat_id = :seat"
                " RETURNING held_until",
                seat=seat_id,
                user=user_id,
                hold=hold_id,
            )
            return HeldSeat(hold_id, seat_id, row.event_id, row.category, held.held_until, 300)

    own = settings.model_copy(update={"grpc_port": free_port()})
    server = build_server(own, InventoryServicer(Unguarded(), None, None))
    server.start()
    try:
        unguarded = Inventory(inventory_client(own.grpc_port))
        rounds = [race_for(seat, unguarded.reserve) for seat in store.seats(100)]
    finally:
        server.stop(0).wait()
    assert any(all(one not in LOST for one in outcomes) for outcomes in rounds)


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
    seen = set()
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
        seen.add(sold)
    assert seen, "both orders are right"


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
