"""A sold seat passed on, taken back, and refunded after that."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from uuid import uuid4

import pytest
from inventory_api import inventory_pb2 as pb

from common.errors import ErrorCode

from calls import HASH, NEW_HASH, Move
from conftest import locked, refused


@pytest.fixture
def move(sold):
    """A move of a sold seat that nobody asked for yet."""
    seat, owner, hold = sold
    return Move(seat, owner, hold)


def seats_of(client, user):
    request = pb.ListSeatsByOwnerRequest(user_id=str(user))
    return [seat.seat_id for seat in client.call("ListSeatsByOwner", request).seats]


def state(store, seat):
    return store.row(seat), store.moves(seat)


def test_a_sold_seat_goes_to_another_user_and_stays_what_it_was(inventory, client, store, move):
    before = store.row(move.seat)
    assert inventory.move(move)
    row = store.row(move.seat)
    assert (row.owner_user_id, row.qr_code_hash) == (move.to_user, NEW_HASH)
    assert (row.status, row.hold_id, row.price_paid) == ("SOLD", move.hold, before.price_paid)
    assert inventory.seat(move.seat).owner_user_id == str(move.to_user)
    assert seats_of(client, move.to_user) == [str(move.seat)]
    assert seats_of(client, move.from_user) == []
    [booked] = store.moves(move.seat)
    assert (booked.move_id, booked.status, booked.settled_at) == (move.move, "MOVED", None)
    assert (booked.from_user_id, booked.to_user_id) == (move.from_user, move.to_user)
    assert (booked.transfer_id, booked.direction) == (move.transfer, "FORWARD")
    assert booked.qr_code_hash_before == HASH


def test_a_repeat_succeeds_and_changes_nothing_whatever_became_of_the_seat(inventory, store, move):
    inventory.move(move)
    for since in (
        lambda: None,
        lambda: inventory.move(Move(move.seat, move.to_user, move.hold, to_user=move.from_user)),
        lambda: inventory.check_in(move.seat, move.from_user),
    ):
        since()
        before = state(store, move.seat)
        assert inventory.move(move, qr_code_hash="ef" * 32)
        assert state(store, move.seat) == before


def test_only_the_owner_can_pass_a_seat_on(inventory, store, move):
    inventory.move(move)
    before = state(store, move.seat)
    for stranger in (move.from_user, uuid4()):
        late = Move(move.seat, stranger, move.hold)
        refused(ErrorCode.NOT_SEAT_OWNER, inventory.move, late)
    assert state(store, move.seat) == before


def test_a_seat_that_is_free_held_or_checked_in_cannot_be_passed_on(inventory, store, sold):
    free, held, (checked_in, owner, hold) = store.seat(), store.seat(), sold
    inventory.reserve(held, owner, held_by := uuid4())
    inventory.check_in(checked_in, owner)
    for seat, sale, status in (
        (free, uuid4(), "AVAILABLE"),
        (held, held_by, "HELD"),
        (checked_in, hold, "CHECKED_IN"),
    ):
        refusal = refused(ErrorCode.SEAT_UNAVAILABLE, inventory.move, Move(seat, owner, sale))
        assert refusal.details == {"status": status}
        assert inventory.status(seat) == status and store.moves(seat) == []


def test_a_seat_that_was_sold_anew_cannot_be_passed_on_by_the_old_sale(inventory, store, move):
    inventory.release(move.seat, move.hold, undo_sale=True)
    owner, hold = inventory.sell(move.seat)
    refused(ErrorCode.SEAT_UNAVAILABLE, inventory.move, replace(move, from_user=owner))
    assert store.row(move.seat).owner_user_id == owner
    assert inventory.move(Move(move.seat, owner, hold))


def test_a_seat_that_does_not_exist_is_not_found(inventory):
    move = Move(uuid4(), uuid4(), uuid4())
    refused(ErrorCode.SEAT_NOT_FOUND, inventory.move, move)


def test_a_transfer_moves_its_seat_once_and_once_back(inventory, store, move):
    inventory.move(move)
    back = move.back()
    assert inventory.move(back)
    assert store.row(move.seat).owner_user_id == move.from_user
    before = state(store, move.seat)
    for again in (replace(move, move=uuid4()), replace(back, move=uuid4())):
        refused(ErrorCode.TRANSFER_INVALID_STATE, inventory.move, again)
    assert inventory.move(move) and inventory.move(back)
    assert state(store, move.seat) == before


@pytest.mark.parametrize("field", ["seat", "hold", "transfer", "direction", "from_user", "to_user"])
def test_the_id_of_another_move_is_refused_either_way(inventory, store, move, field):
    inventory.move(move)
    other_seat = store.seat()
    own = {"seat": other_seat, "direction": "BACK"}
    other = replace(move, **{field: own.get(field, uuid4())})
    before = state(store, move.seat)
    refused(ErrorCode.TRANSFER_INVALID_STATE, inventory.move, other)
    refused(ErrorCode.TRANSFER_INVALID_STATE, inventory.undo, other)
    assert state(store, move.seat) == before
    assert store.moves(other_seat) == []


def test_a_move_to_oneself_in_no_direction_or_with_a_bad_hash_is_invalid(inventory, client, move):
    for request in (
        replace(move, to_user=move.from_user).request(qr_code_hash=HASH),
        replace(move, direction="MOVE_DIRECTION_UNSPECIFIED").request(qr_code_hash=HASH),
        move.request(qr_code_hash=HASH, direction=9),
        move.request(),
    ):
        refused(ErrorCode.VALIDATION_ERROR, client.call, "UpdateOwner", request)
    assert inventory.seat(move.seat).owner_user_id == str(move.from_user)


def test_an_undone_move_gives_seat_and_code_back_once_and_never_comes_again(inventory, store, move):
    inventory.move(move)
    assert inventory.undo(move)
    row, [booked] = state(store, move.seat)
    assert (row.owner_user_id, row.qr_code_hash, row.status) == (move.from_user, HASH, "SOLD")
    assert booked.status == "UNDONE" and booked.settled_at is not None
    assert inventory.undo(move)
    refused(ErrorCode.TRANSFER_INVALID_STATE, inventory.move, move)
    assert state(store, move.seat) == (row, [booked])
    assert inventory.move(replace(move, move=uuid4()))


def test_a_move_that_was_undone_before_it_came_is_refused(inventory, store, move):
    before = store.row(move.seat)
    assert inventory.undo(move) and inventory.undo(move)
    refused(ErrorCode.TRANSFER_INVALID_STATE, inventory.move, move)
    row, [booked] = state(store, move.seat)
    assert row == before
    assert (booked.status, booked.qr_code_hash_before) == ("UNDONE", None)


def test_undoing_a_move_that_was_refused_changes_nothing(inventory, store, move):
    late = Move(move.seat, uuid4(), move.hold)
    refused(ErrorCode.NOT_SEAT_OWNER, inventory.move, late)
    before = store.row(move.seat)
    assert inventory.undo(late)
    assert store.row(move.seat) == before
    assert inventory.move(move)


@pytest.mark.parametrize("since", ["checked in", "passed on", "refunded", "sold anew"])
def test_a_move_whose_seat_went_further_cannot_be_undone(inventory, store, move, since):
    inventory.move(move)
    if since == "checked in":
        inventory.check_in(move.seat, move.to_user)
    elif since == "passed on":
        inventory.move(Move(move.seat, move.to_user, move.hold))
    else:
        inventory.release(move.seat, move.hold, undo_sale=True, owner=move.to_user)
    if since == "sold anew":
        hold = uuid4()
        inventory.reserve(move.seat, move.to_user, hold)
        inventory.confirm(move.seat, move.to_user, hold)
    before = state(store, move.seat)
    refused(ErrorCode.SEAT_UNAVAILABLE, inventory.undo, move)
    assert state(store, move.seat) == before


def test_undoing_a_move_of_a_seat_that_does_not_exist_does_nothing(inventory, store):
    move = Move(uuid4(), uuid4(), uuid4())
    assert inventory.undo(move)
    assert store.moves(move.seat) == []


def test_moving_waits_for_the_row(inventory, database, move):
    with ThreadPoolExecutor(1) as pool:
        with locked(database, move.seat):
            moved = pool.submit(inventory.move, move)
            with pytest.raises(TimeoutError):
                moved.result(timeout=0.3)
        assert moved.result(timeout=2)


def test_the_sale_of_a_seat_that_was_passed_on_is_undone_from_its_owner(inventory, store, move):
    inventory.move(move)
    before = store.row(move.seat)
    for other in (None, move.from_user, uuid4()):
        refused(ErrorCode.SEAT_UNAVAILABLE, inventory.release, move.seat, move.hold, True, other)
    assert store.row(move.seat) == before
    assert inventory.release(move.seat, move.hold, undo_sale=True, owner=move.to_user) is True
    assert inventory.status(move.seat) == "AVAILABLE"
    assert store.hold(move.hold).status == "RELEASED"
    assert inventory.release(move.seat, move.hold, undo_sale=True, owner=move.to_user) is False
    assert inventory.release(move.seat, move.hold, undo_sale=True) is False


def test_the_first_owner_can_be_named_and_has_to_be_the_owner(inventory, store, sold):
    seat, owner, hold = sold
    refused(ErrorCode.SEAT_UNAVAILABLE, inventory.release, seat, hold, True, uuid4())
    assert inventory.release(seat, hold, undo_sale=True, owner=owner) is True


def test_the_sale_of_a_checked_in_seat_is_not_undone_whoever_is_named(inventory, store, move):
    inventory.move(move)
    inventory.check_in(move.seat, move.to_user)
    refused(ErrorCode.SEAT_UNAVAILABLE, inventory.release, move.seat, move.hold, True, move.to_user)
    assert inventory.status(move.seat) == "CHECKED_IN"
    assert store.hold(move.hold).status == "SOLD"
