"""Scanner against scanner, and against a transfer; against two worker processes."""

from uuid import uuid4

import pytest
from inventory_api import inventory_pb2 as pb

from common.errors import ErrorCode
from src.services import seat_moves, verification_service

from calls import Inventory, Move
from conftest import Store
from racing import at_once, linger, take_out


def is_success(outcome: object) -> bool:
    return isinstance(outcome, pb.EntryLog) and outcome.result == pb.SUCCESS


def race_of_two_scanners(inventory: Inventory, store: Store) -> None:
    """Two scanners see the same ticket at the same moment, fifty times; exactly one lets in."""
    for seat in store.seats(50):
        owner, _ = inventory.sell(seat)
        outcomes = at_once(*[lambda: inventory.check_in(seat, owner, uuid4())] * 2)
        winners = [one for one in outcomes if is_success(one)]
        assert len(winners) == 1, f"{len(winners)} winners: {outcomes}"
        assert ErrorCode.SEAT_UNAVAILABLE in outcomes
        assert store.row(seat).status == "CHECKED_IN"
        [booked] = store.entries(seat)
        assert (booked.result, str(booked.scan_id)) == ("SUCCESS", winners[0].scan_id)


def test_of_two_scanners_at_once_exactly_one_lets_in_fifty_times(workers, store):
    race_of_two_scanners(workers, store)


@pytest.fixture
def only_owner(monkeypatch) -> None:
    guard = "\n           AND status = 'SOLD'"
    take_out(monkeypatch, verification_service, "_CHECK_IN", guard)


@pytest.fixture
def only_sold(monkeypatch) -> None:
    guard = "\n           AND owner_user_id = :owner_user_id"
    take_out(monkeypatch, verification_service, "_CHECK_IN", guard)


@pytest.fixture
def no_index(own_store) -> None:
    own_store.sql("DROP INDEX idx_one_success_per_seat")


@pytest.mark.usefixtures("only_owner", "no_index")
def test_without_guard_and_index_two_scanners_let_in(own_inventory, own_store):
    """The race above is one: it finds what those two are there for."""
    with pytest.raises(AssertionError, match="^2 winners"):
        race_of_two_scanners(own_inventory, own_store)


@pytest.mark.parametrize("missing", ["only_owner", "no_index"])
def test_guard_or_index_alone_is_enough(missing, request, own_inventory, own_store):
    request.getfixturevalue(missing)
    race_of_two_scanners(own_inventory, own_store)


def race_of_gate_and_transfer(inventory: Inventory, store: Store) -> None:
    """A seat is passed on while its owner goes in, fifty times; one or the other."""
    for seat in store.seats(50):
        owner, hold = inventory.sell(seat)
        move = Move(seat, owner, hold)
        moved, entered = at_once(
            lambda: inventory.move(move), lambda: inventory.check_in(seat, owner, uuid4())
        )
        winners = [moved is True, is_success(entered)].count(True)
        assert winners == 1, f"{winners} winners: {moved}, {entered}"
        row, results = store.row(seat), [booked.result for booked in store.entries(seat)]
        if moved is True:
            assert entered is ErrorCode.NOT_SEAT_OWNER
            assert (row.status, row.owner_user_id, results) == ("SOLD", move.to_user, [])
        else:
            assert moved in (ErrorCode.SEAT_UNAVAILABLE, ErrorCode.TRANSFER_INVALID_STATE)
            assert (row.status, row.owner_user_id) == ("CHECKED_IN", owner)
            assert results == ["SUCCESS"] and store.moves(seat) == []


def test_of_gate_and_transfer_at_once_exactly_one_has_the_seat_fifty_times(workers, store):
    race_of_gate_and_transfer(workers, store)


@pytest.fixture
def no_lock(monkeypatch) -> None:
    take_out(monkeypatch, seat_moves, "_WAIT_AND_READ", " FOR UPDATE")


@pytest.fixture
def no_guard(monkeypatch) -> None:
    guard = "seats.status = 'SOLD' AND "
    take_out(monkeypatch, seat_moves, "_MOVE", guard)


@pytest.fixture
def slow_look(monkeypatch) -> None:
    linger(monkeypatch, seat_moves, "_WAIT_AND_READ", "\n      FROM seats AS seat")


@pytest.mark.parametrize("missing", [("no_lock", "no_guard", "slow_look"), ("only_sold",)])
def test_without_what_keeps_them_apart_both_have_the_seat(
    missing, request, own_inventory, own_store
):
    """The race above is one: the transfer needs lock or guard, the gate its guard.

    The window between the transfer's look and its write is a round trip, too short to be met by
    chance; the slow look makes it wide, as a busy database would.
    """
    for fixture in missing:
        request.getfixturevalue(fixture)
    with pytest.raises(AssertionError, match="^2 winners"):
        race_of_gate_and_transfer(own_inventory, own_store)


@pytest.mark.usefixtures("slow_look")
@pytest.mark.parametrize("missing", ["no_lock", "no_guard"])
def test_lock_or_guard_of_the_transfer_alone_is_enough(missing, request, own_inventory, own_store):
    request.getfixturevalue(missing)
    race_of_gate_and_transfer(own_inventory, own_store)


def test_one_scan_sent_twice_at_once_is_one_entry_and_one_answer(workers, store):
    for seat in store.seats(50):
        owner, _ = workers.sell(seat)
        scan = uuid4()
        one, other = at_once(*[lambda: workers.check_in(seat, owner, scan)] * 2)
        assert one == other and is_success(one)
        assert [str(booked.log_id) for booked in store.entries(seat)] == [one.log_id]


def test_one_refused_scan_sent_twice_at_once_is_one_entry_and_one_answer(workers, store):
    for seat in store.seats(50):
        scan = uuid4()
        one, other = at_once(*[lambda: workers.refuse("UNPAID", seat, scan)] * 2)
        assert one == other and one.result == pb.UNPAID
        assert [str(booked.log_id) for booked in store.entries(seat)] == [one.log_id]


def test_one_scan_let_in_and_refused_at_once_is_one_entry_and_one_answer(workers, store):
    for seat in store.seats(50):
        owner, _ = workers.sell(seat)
        scan = uuid4()
        one, other = at_once(
            lambda: workers.check_in(seat, owner, scan),
            lambda: workers.refuse("WRONG_HALL", seat, scan),
        )
        assert one == other
        assert [str(booked.log_id) for booked in store.entries(seat)] == [one.log_id]
        assert store.row(seat).status == ("CHECKED_IN" if is_success(one) else "SOLD")


def test_an_undone_move_and_its_buyer_at_the_gate_at_once_end_in_one_or_the_other(workers, store):
    for seat in store.seats(40):
        owner, hold = workers.sell(seat)
        move = Move(seat, owner, hold)
        workers.move(move)
        undone, entered = at_once(
            lambda: workers.undo(move), lambda: workers.check_in(seat, move.to_user, uuid4())
        )
        row = store.row(seat)
        if undone is True:
            assert entered is ErrorCode.NOT_SEAT_OWNER
            assert (row.status, row.owner_user_id) == ("SOLD", owner)
        else:
            assert undone is ErrorCode.SEAT_UNAVAILABLE and is_success(entered)
            assert (row.status, row.owner_user_id) == ("CHECKED_IN", move.to_user)
