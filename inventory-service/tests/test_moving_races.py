"""Transfers against transfers, refunds and their own undoing; against two worker processes."""

from dataclasses import replace
from uuid import uuid4

import pytest

from common.errors import ErrorCode
from src.services import seat_moves

from calls import HASH, Inventory, Move
from conftest import Store
from racing import at_once, take_out

LOST = (ErrorCode.NOT_SEAT_OWNER, ErrorCode.TRANSFER_INVALID_STATE)


def sold_moves(inventory: Inventory, store: Store, count: int) -> list[Move]:
    """A move each of that many sold seats, not asked for yet."""
    sales = [(seat, *inventory.sell(seat)) for seat in store.seats(count)]
    return [Move(seat, owner, hold) for seat, owner, hold in sales]


def race_for_fifty_seats(inventory: Inventory, store: Store) -> None:
    """Two transfers pass each on at the same moment; exactly one may."""
    for one in sold_moves(inventory, store, 50):
        both = one, Move(one.seat, one.from_user, one.hold)
        outcomes = at_once(*(lambda move=move: inventory.move(move) for move in both))
        winners = [move for move, moved in zip(both, outcomes, strict=True) if moved is True]
        assert len(winners) == 1, f"{len(winners)} winners: {outcomes}"
        assert any(outcome in LOST for outcome in outcomes)
        assert store.row(one.seat).owner_user_id == winners[0].to_user
        assert [booked.move_id for booked in store.moves(one.seat)] == [winners[0].move]


def test_of_two_transfers_at_once_exactly_one_moves_the_seat_fifty_times(workers, store):
    race_for_fifty_seats(workers, store)


@pytest.fixture
def no_lock(monkeypatch) -> None:
    take_out(monkeypatch, seat_moves, "_WAIT_AND_READ", " FOR UPDATE")


@pytest.fixture
def no_guard(monkeypatch) -> None:
    guard = """
       AND seats.status = 'SOLD' AND seats.hold_id = booked.hold_id
       AND seats.owner_user_id = booked.from_user_id"""
    take_out(monkeypatch, seat_moves, "_MOVE", guard)


@pytest.mark.usefixtures("no_lock", "no_guard")
def test_without_lock_and_guard_two_transfers_move_one_seat(own_inventory, own_store):
    """The race above is one: it finds what those two are there for."""
    with pytest.raises(AssertionError, match="^2 winners"):
        race_for_fifty_seats(own_inventory, own_store)


@pytest.mark.parametrize("missing", ["no_lock", "no_guard"])
def test_lock_or_guard_alone_is_enough(missing, request, own_inventory, own_store):
    request.getfixturevalue(missing)
    race_for_fifty_seats(own_inventory, own_store)


def test_the_same_move_twice_at_once_moves_once_and_both_succeed(workers, store):
    for move in sold_moves(workers, store, 20):
        assert at_once(*[lambda: workers.move(move)] * 2) == [True, True]
        assert store.row(move.seat).owner_user_id == move.to_user
        assert len(store.moves(move.seat)) == 1


def test_one_transfer_under_two_ids_at_once_moves_once(workers, store):
    for one in sold_moves(workers, store, 20):
        both = one, replace(one, move=uuid4())
        outcomes = at_once(*(lambda move=move: workers.move(move) for move in both))
        assert set(outcomes) == {True, ErrorCode.TRANSFER_INVALID_STATE}
        assert len(store.moves(one.seat)) == 1


def test_one_id_for_two_seats_at_once_moves_one_of_them(workers, store):
    moves = sold_moves(workers, store, 40)
    for one, other in zip(moves[::2], moves[1::2], strict=True):
        both = one, replace(other, move=one.move)
        outcomes = at_once(*(lambda move=move: workers.move(move) for move in both))
        assert set(outcomes) == {True, ErrorCode.TRANSFER_INVALID_STATE}
        owners = [store.row(move.seat).owner_user_id for move in both]
        came = [owner == move.to_user for owner, move in zip(owners, both, strict=True)]
        assert came == [outcome is True for outcome in outcomes]


def test_a_move_and_its_undoing_at_once_never_leave_the_seat_moved(workers, store):
    for move in sold_moves(workers, store, 40):
        moved, undone = at_once(lambda: workers.move(move), lambda: workers.undo(move))
        assert undone is True
        assert moved in (True, ErrorCode.TRANSFER_INVALID_STATE)
        row, [booked] = store.row(move.seat), store.moves(move.seat)
        assert (row.owner_user_id, row.qr_code_hash) == (move.from_user, HASH)
        assert booked.status == "UNDONE"


def test_a_move_and_a_refund_at_once_end_in_one_or_the_other(workers, store):
    for move in sold_moves(workers, store, 40):
        moved, released = at_once(
            lambda: workers.move(move),
            lambda: workers.release(move.seat, move.hold, True, move.from_user),
        )
        row = store.row(move.seat)
        if moved is True:
            assert released is ErrorCode.SEAT_UNAVAILABLE
            assert (row.status, row.owner_user_id) == ("SOLD", move.to_user)
        else:
            assert (moved, released) == (ErrorCode.SEAT_UNAVAILABLE, True)
            assert row.status == "AVAILABLE" and store.moves(move.seat) == []
