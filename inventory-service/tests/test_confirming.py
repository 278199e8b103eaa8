from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from uuid import uuid4

import pytest
from inventory_api import inventory_pb2 as pb
from sqlalchemy import event

from common.database import Database
from common.errors import ErrorCode

from calls import HASH
from conftest import locked, refused


def test_a_held_seat_is_sold_to_its_holder(inventory, store, held):
    seat, user, hold = held
    assert inventory.confirm(seat, user, hold, price="120.50")
    row = store.row(seat)
    assert (row.status, row.owner_user_id, row.hold_id) == ("SOLD", user, hold)
    assert (str(row.price_paid), row.qr_code_hash) == ("120.50", HASH)
    assert (row.held_by_user_id, row.held_until) == (None, None)
    assert store.hold(hold).status == "SOLD" and store.hold(hold).settled_at is not None


def test_a_repeat_answers_success_and_changes_nothing(inventory, store, held):
    seat, user, hold = held
    inventory.confirm(seat, user, hold, price="350.00")
    before = store.row(seat)
    assert inventory.confirm(seat, user, hold, price="1.00")
    assert store.row(seat) == before


def test_a_repeat_after_the_seat_was_passed_on_and_checked_in_is_still_a_success(
    inventory, store, held
):
    seat, user, hold = held
    inventory.confirm(seat, user, hold)
    store.sql(
        "UPDATE seats SET owner_user_id = gen_random_uuid(), status = 'CHECKED_IN'"
        " WHERE seat_id = :seat",
        seat=seat,
    )
    assert inventory.confirm(seat, user, hold)


def test_a_lapsed_hold_is_hold_expired(inventory, store, held):
    seat, user, hold = held
    store.lapse(hold)
    refused(ErrorCode.HOLD_EXPIRED, inventory.confirm, seat, user, hold)
    assert store.row(seat).status == "HELD"  # left to the message or the sweep


def test_a_hold_that_lapsed_and_was_taken_over_is_hold_expired(inventory, store, held):
    seat, user, hold = held
    store.lapse(hold)
    other, later = uuid4(), uuid4()
    inventory.reserve(seat, other, later)
    refused(ErrorCode.HOLD_EXPIRED, inventory.confirm, seat, user, hold)
    assert inventory.confirm(seat, other, later)
    assert store.row(seat).owner_user_id == other


def test_a_hold_released_in_time_is_not_held(inventory, held):
    seat, user, hold = held
    inventory.release(seat, hold)
    refused(ErrorCode.SEAT_NOT_HELD, inventory.confirm, seat, user, hold)


def test_anothers_hold_an_unknown_hold_and_a_hold_of_another_seat_are_not_held(
    inventory, store, held
):
    seat, user, hold = held
    refused(ErrorCode.SEAT_NOT_HELD, inventory.confirm, seat, uuid4(), hold)
    refused(ErrorCode.SEAT_NOT_HELD, inventory.confirm, seat, user, uuid4())
    refused(ErrorCode.SEAT_NOT_HELD, inventory.confirm, store.seat(), user, hold)
    assert store.row(seat).status == "HELD"


def test_a_repeat_by_another_user_is_not_held(inventory, held):
    seat, user, hold = held
    inventory.confirm(seat, user, hold)
    refused(ErrorCode.SEAT_NOT_HELD, inventory.confirm, seat, uuid4(), hold)


def test_a_seat_that_does_not_exist_is_not_found(inventory):
    refused(ErrorCode.SEAT_NOT_FOUND, inventory.confirm, uuid4(), uuid4(), uuid4())


def test_confirming_waits_for_the_row(inventory, store, database, held):
    seat, user, hold = held
    with ThreadPoolExecutor(1) as pool:
        with locked(database, seat):
            confirmed = pool.submit(inventory.confirm, seat, user, hold)
            with pytest.raises(TimeoutError):
                confirmed.result(timeout=0.3)
        assert confirmed.result(timeout=2)


def test_a_hold_that_runs_out_while_its_confirm_waits_for_the_row_is_expired(
    inventory, store, database, held
):
    seat, user, hold = held
    store.lapse(hold, seconds=-0.4)
    with ThreadPoolExecutor(1) as pool:
        with locked(database, seat):
            confirmed = pool.submit(inventory.confirm, seat, user, hold)
            with pytest.raises(TimeoutError):
                confirmed.result(timeout=0.6)
        refused(ErrorCode.HOLD_EXPIRED, confirmed.result, 2)


def test_the_owner_sees_what_was_bought_and_when(inventory, client, store, held):
    seat, user, hold = held
    inventory.confirm(seat, user, hold, price="220.00")
    later, later_hold = store.seat(), uuid4()
    inventory.reserve(later, user, later_hold)
    inventory.confirm(later, user, later_hold)
    owned = client.call("ListSeatsByOwner", pb.ListSeatsByOwnerRequest(user_id=str(user))).seats
    assert [one.seat_id for one in owned] == [str(later), str(seat)]
    bought = owned[1]
    assert (bought.price_paid, bought.hold_id, bought.status) == ("220.00", str(hold), pb.SOLD)
    age = datetime.now(timezone.utc) - bought.purchased_at.ToDatetime(timezone.utc)
    assert timedelta(0) <= age + timedelta(seconds=0.5) < timedelta(seconds=10)
    assert inventory.seat(seat) == bought


def test_a_sale_costs_two_round_trips(inventory, store, database, monkeypatch):
    """One message each, which is a transaction; nothing goes through the ORM."""
    seat, user, hold = store.seat(), uuid4(), uuid4()
    sent, run = [], Database.run
    monkeypatch.setattr(Database, "run", lambda *a, **k: sent.append(a) or run(*a, **k))

    def count(*arguments):
        sent.append(arguments[2])

    event.listen(database.engine, "before_cursor_execute", count)
    try:
        inventory.reserve(seat, user, hold)
        inventory.confirm(seat, user, hold)
    finally:
        event.remove(database.engine, "before_cursor_execute", count)
    assert len(sent) == 2
