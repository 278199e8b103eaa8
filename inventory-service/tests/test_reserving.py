from datetime import datetime, timedelta, timezone
from uuid import uuid4

from sqlalchemy import text

from common.errors import ErrorCode, RowLocked

from conftest import locked, refused
from racing import at_once


def test_a_free_seat_is_held_for_its_time(inventory, store):
    seat, user, hold = store.seat(), uuid4(), uuid4()
    held = inventory.reserve(seat, user, hold)
    assert (held.hold_id, held.seat_id, held.ttl_seconds) == (str(hold), str(seat), 300)
    assert held.event_id == str(store.row(seat).event_id) and held.category == "CAT1"
    ends_in = held.held_until.ToDatetime(timezone.utc) - datetime.now(timezone.utc)
    assert timedelta(seconds=295) < ends_in <= timedelta(seconds=300.5)
    row = store.row(seat)
    assert (row.status, row.held_by_user_id, row.hold_id) == ("HELD", user, hold)
    assert store.hold(hold).held_until == row.held_until


def test_a_seat_that_does_not_exist_is_not_found(inventory):
    refused(ErrorCode.SEAT_NOT_FOUND, inventory.reserve, uuid4(), uuid4(), uuid4())


def test_anothers_live_hold_makes_the_seat_unavailable(inventory, store):
    seat, hold = store.seat(), uuid4()
    inventory.reserve(seat, uuid4(), hold)
    refused(ErrorCode.SEAT_UNAVAILABLE, inventory.reserve, seat, uuid4(), uuid4())
    assert store.row(seat).hold_id == hold


def test_a_sold_seat_is_already_sold_also_for_its_owner(inventory, store):
    seat, user, hold = store.seat(), uuid4(), uuid4()
    inventory.reserve(seat, user, hold)
    inventory.confirm(seat, user, hold)
    for someone in (uuid4(), user):
        refused(ErrorCode.SEAT_ALREADY_SOLD, inventory.reserve, seat, someone, uuid4())


def test_reserving_the_seat_one_holds_answers_that_hold_and_books_nothing(inventory, store):
    seat, user, hold, second = store.seat(), uuid4(), uuid4(), uuid4()
    first = inventory.reserve(seat, user, hold)
    again = inventory.reserve(seat, user, second)
    assert (again.hold_id, again.held_until) == (first.hold_id, first.held_until)
    assert again.ttl_seconds in (298, 299)
    assert store.hold(second) is None


def test_the_same_call_again_gets_the_same_answer(inventory, store):
    seat, user, hold = store.seat(), uuid4(), uuid4()
    first = inventory.reserve(seat, user, hold)
    again = inventory.reserve(seat, user, hold)
    assert (again.hold_id, again.held_until) == (first.hold_id, first.held_until)


def test_an_expired_hold_is_taken_over_at_once_by_another(inventory, store):
    seat, old, new, buyer = store.seat(), uuid4(), uuid4(), uuid4()
    inventory.reserve(seat, uuid4(), old)
    store.lapse(old)
    assert inventory.status(seat) == "AVAILABLE"
    assert inventory.reserve(seat, buyer, new).hold_id == str(new)
    assert store.row(seat).held_by_user_id == buyer
    assert store.hold(old).status == "RELEASED" and store.hold(new).status == "HELD"


def test_an_expired_hold_cannot_be_had_again_under_its_id(inventory, store):
    seat, user, hold = store.seat(), uuid4(), uuid4()
    inventory.reserve(seat, user, hold)
    store.lapse(hold)
    refused(ErrorCode.SEAT_NOT_HELD, inventory.reserve, seat, user, hold)
    assert inventory.reserve(seat, user, uuid4()).ttl_seconds == 300


def test_a_hold_id_serves_one_seat_only(inventory, store):
    (first, second), user, hold = store.seats(2), uuid4(), uuid4()
    inventory.reserve(first, user, hold)
    refused(ErrorCode.SEAT_NOT_HELD, inventory.reserve, second, user, hold)
    assert store.row(second).status == "AVAILABLE"


def test_a_locked_row_is_answered_at_once_with_aborted(inventory, store, database):
    seat = store.seat()
    with locked(database, seat):
        began = datetime.now()
        error = refused(ErrorCode.SEAT_UNAVAILABLE, inventory.reserve, seat, uuid4(), uuid4())
        assert datetime.now() - began < timedelta(seconds=1)
        assert isinstance(error, RowLocked)


def test_a_user_whose_other_reserve_hangs_is_not_told_that_the_seat_is_busy(
    inventory, store, database
):
    seat, user, hold = store.seat(), uuid4(), uuid4()
    lock = text("SELECT pg_advisory_xact_lock(hashtextextended(CAST(:user AS text), 0))")
    with database.transaction() as session:
        session.execute(lock, {"user": user})
        refused(ErrorCode.SERVICE_UNAVAILABLE, inventory.reserve, seat, user, hold)
        assert inventory.reserve(seat, uuid4(), uuid4())


def test_the_eleventh_hold_of_an_event_is_refused_and_says_the_limit(inventory, store):
    user, event = uuid4(), uuid4()
    *ten, eleventh = store.seats(11, event)
    holds = [uuid4() for _ in ten]
    for seat, hold in zip(ten, holds):
        inventory.reserve(seat, user, hold)
    error = refused(ErrorCode.HOLD_LIMIT_REACHED, inventory.reserve, eleventh, user, uuid4())
    assert error.details == {"limit": 10}
    assert inventory.reserve(store.seat(), user, uuid4())  # another event
    assert inventory.reserve(eleventh, uuid4(), uuid4())  # another user


def test_only_live_holds_count_towards_the_limit(inventory, store):
    user, event = uuid4(), uuid4()
    *ten, eleventh, twelfth = store.seats(12, event)
    holds = [uuid4() for _ in ten]
    for seat, hold in zip(ten, holds):
        inventory.reserve(seat, user, hold)
    store.lapse(holds[0])
    assert inventory.reserve(eleventh, user, uuid4())
    assert inventory.confirm(ten[1], user, holds[1])
    assert inventory.reserve(twelfth, user, uuid4())


def test_parallel_reserves_of_one_user_cannot_outrun_the_limit(inventory, store):
    for _ in range(5):
        user, seats = uuid4(), store.seats(11)
        outcomes = at_once(
            *(lambda seat=seat: inventory.reserve(seat, user, uuid4()) for seat in seats)
        )
        assert outcomes.count(ErrorCode.HOLD_LIMIT_REACHED) == 1
        held = store.sql(
            "SELECT FROM seats WHERE status = 'HELD' AND held_by_user_id = :user", user=user
        )
        assert len(held) == 10
