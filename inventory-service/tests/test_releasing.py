from uuid import uuid4

import pytest

from common.errors import ErrorCode

from conftest import refused


def test_a_released_seat_is_free_and_releasing_again_releases_nothing(inventory, store, held):
    seat, _, hold = held
    assert inventory.release(seat, hold) is True
    row = store.row(seat)
    assert (row.status, row.hold_id, row.held_by_user_id, row.held_until) == (
        "AVAILABLE",
        None,
        None,
        None,
    )
    assert store.hold(hold).status == "RELEASED"
    assert inventory.release(seat, hold) is False


def test_a_release_that_comes_before_its_reserve_keeps_the_reserve_out(inventory, store):
    seat, user, hold = store.seat(), uuid4(), uuid4()
    assert inventory.release(seat, hold) is False
    refused(ErrorCode.SEAT_NOT_HELD, inventory.reserve, seat, user, hold)
    refused(ErrorCode.SEAT_NOT_HELD, inventory.confirm, seat, user, hold)
    assert store.row(seat).status == "AVAILABLE"
    assert inventory.reserve(seat, user, uuid4())


def test_a_stale_release_does_not_touch_a_later_hold(inventory, store, held):
    seat, _, old = held
    store.lapse(old)
    inventory.reserve(seat, uuid4(), uuid4())
    before = store.row(seat)
    for undo_sale in (False, True):
        assert inventory.release(seat, old, undo_sale) is False
    assert store.row(seat) == before


def test_a_stale_release_does_not_touch_a_later_sale(inventory, store, held):
    seat, _, old = held
    store.lapse(old)
    buyer, later = uuid4(), uuid4()
    inventory.reserve(seat, buyer, later)
    inventory.confirm(seat, buyer, later)
    before = store.row(seat)
    for undo_sale in (False, True):
        assert inventory.release(seat, old, undo_sale) is False
    assert store.row(seat) == before


def test_a_sale_is_left_alone_without_undo_sale(inventory, store, held):
    seat, user, hold = held
    inventory.confirm(seat, user, hold)
    assert inventory.release(seat, hold) is False
    assert store.row(seat).status == "SOLD" and store.hold(hold).status == "SOLD"


def test_undoing_a_sale_frees_the_seat_once_and_the_sale_cannot_come_back(inventory, store, held):
    seat, user, hold = held
    inventory.confirm(seat, user, hold)
    assert inventory.release(seat, hold, undo_sale=True) is True
    row = store.row(seat)
    assert (row.status, row.owner_user_id, row.price_paid, row.qr_code_hash) == (
        "AVAILABLE",
        None,
        None,
        None,
    )
    assert store.hold(hold).status == "RELEASED"
    assert inventory.release(seat, hold, undo_sale=True) is False
    refused(ErrorCode.SEAT_NOT_HELD, inventory.confirm, seat, user, hold)


def test_undo_sale_also_ends_a_hold_that_was_not_sold_yet(inventory, store, held):
    seat, user, hold = held
    assert inventory.release(seat, hold, undo_sale=True) is True
    refused(ErrorCode.SEAT_NOT_HELD, inventory.confirm, seat, user, hold)


@pytest.mark.parametrize("since", ["status = 'CHECKED_IN'", "owner_user_id = gen_random_uuid()"])
def test_a_sale_of_a_seat_checked_in_or_passed_on_cannot_be_undone(inventory, store, held, since):
    seat, user, hold = held
    inventory.confirm(seat, user, hold)
    store.sql(f"UPDATE seats SET {since} WHERE seat_id = :seat", seat=seat)
    before = store.row(seat)
    refused(ErrorCode.SEAT_UNAVAILABLE, inventory.release, seat, hold, True)
    assert store.row(seat) == before and store.hold(hold).status == "SOLD"


def test_a_release_that_names_another_seat_changes_nothing(inventory, store, held):
    seat, _, hold = held
    other = store.seat()
    assert inventory.release(other, hold) is False
    assert store.row(seat).status == "HELD" and store.hold(hold).status == "HELD"


def test_releasing_a_seat_that_does_not_exist_releases_nothing(inventory):
    assert inventory.release(uuid4(), uuid4()) is False
