"""What the gate is told, who is let in, and what is booked of it."""

from datetime import datetime, timezone
from uuid import uuid4

import pytest
from inventory_api import inventory_pb2 as pb

from common.errors import ErrorCode

from calls import Move
from conftest import locked, refused

HALLS = {"hall_id_presented": "HALL-1", "hall_id_expected": "HALL-2"}
REFUSALS = ("DUPLICATE", "WRONG_HALL", "NOT_OWNER", "UNPAID", "NOT_FOUND", "EXPIRED")


def test_the_ticket_of_a_sold_seat_says_whose_it_is_and_where(inventory, store, sold):
    seat, owner, hold = sold
    row, ticket = store.row(seat), inventory.ticket(seat)
    assert (ticket.status, ticket.owner_user_id) == (pb.SOLD, str(owner))
    assert (ticket.event_id, ticket.hold_id) == (str(row.event_id), str(hold))
    assert (ticket.row_number, ticket.seat_number) == ("A", 1)
    assert not ticket.HasField("first_entry_at") and not ticket.HasField("earlier")


def test_the_ticket_of_a_held_seat_is_held_until_the_hold_runs_out(inventory, store, held):
    seat, _, hold = held
    ticket = inventory.ticket(seat)
    assert (ticket.status, ticket.owner_user_id, ticket.hold_id) == (pb.HELD, "", str(hold))
    store.lapse(hold)
    ticket = inventory.ticket(seat)
    assert (ticket.status, ticket.hold_id) == (pb.AVAILABLE, "")


def test_asking_for_a_ticket_writes_nothing_and_waits_for_no_lock(inventory, store, database, sold):
    seat, *_ = sold
    before = store.row(seat)
    with locked(database, seat):
        assert inventory.ticket(seat, uuid4()).status == pb.SOLD
    assert store.row(seat) == before and store.entries(seat) == []


def test_the_owner_goes_in_and_that_is_booked(inventory, store, sold):
    seat, owner, hold = sold
    scan, staff = uuid4(), uuid4()
    entry = inventory.check_in(seat, owner, scan, scanned_by_staff_id=str(staff), **HALLS)
    assert (entry.seat_id, entry.scan_id, entry.result) == (str(seat), str(scan), pb.SUCCESS)
    assert (entry.hall_id_presented, entry.hall_id_expected) == ("HALL-1", "HALL-2")
    assert entry.scanned_by_staff_id == str(staff)
    age = datetime.now(timezone.utc) - entry.scanned_at.ToDatetime(timezone.utc)
    assert abs(age.total_seconds()) < 10
    row, [booked] = store.row(seat), store.entries(seat)
    assert (row.status, row.owner_user_id, row.hold_id) == ("CHECKED_IN", owner, hold)
    assert (str(booked.log_id), booked.scan_id, booked.result) == (entry.log_id, scan, "SUCCESS")
    assert (booked.scanned_by_staff_id, booked.hall_id_presented) == (staff, "HALL-1")


def test_a_ticket_tells_of_the_first_entry_and_of_this_scan(inventory, sold):
    seat, owner, _ = sold
    scan = uuid4()
    entry = inventory.check_in(seat, owner, scan)
    ticket = inventory.ticket(seat, scan)
    assert (ticket.status, ticket.earlier) == (pb.CHECKED_IN, entry)
    assert ticket.first_entry_at == entry.scanned_at
    duplicate = inventory.refuse("DUPLICATE", seat, later := uuid4())
    ticket = inventory.ticket(seat, later)
    assert (ticket.first_entry_at, ticket.earlier) == (entry.scanned_at, duplicate)
    assert not inventory.ticket(seat, uuid4()).HasField("earlier")


def test_a_seat_that_does_not_exist_has_no_ticket_but_its_scan_is_remembered(inventory):
    seat, scan = uuid4(), uuid4()
    refused(ErrorCode.SEAT_NOT_FOUND, inventory.ticket, seat, scan)
    entry = inventory.refuse("NOT_FOUND", seat, scan)
    assert inventory.ticket(seat, scan) == pb.Ticket(earlier=entry)
    refused(ErrorCode.SEAT_NOT_FOUND, inventory.ticket, seat, uuid4())
    refused(ErrorCode.SEAT_NOT_FOUND, inventory.ticket, seat)


def test_the_same_scan_again_gets_the_same_answer_and_another_is_refused(inventory, store, sold):
    seat, owner, _ = sold
    scan = uuid4()
    entry = inventory.check_in(seat, owner, scan, **HALLS)
    assert inventory.check_in(seat, owner, scan) == entry
    for other in (uuid4(), None):
        refusal = refused(ErrorCode.SEAT_UNAVAILABLE, inventory.check_in, seat, owner, other)
        assert refusal.details == {"status": "CHECKED_IN"}
    assert len(store.entries(seat)) == 1


def test_nobody_goes_in_on_a_free_held_or_unknown_seat_or_on_anothers(inventory, store, held):
    seat, user, hold = held
    free = store.seat()
    for closed, status in ((seat, "HELD"), (free, "AVAILABLE")):
        refusal = refused(ErrorCode.SEAT_UNAVAILABLE, inventory.check_in, closed, user, uuid4())
        assert refusal.details == {"status": status}
    refused(ErrorCode.SEAT_NOT_FOUND, inventory.check_in, uuid4(), user, uuid4())
    inventory.confirm(seat, user, hold)
    refused(ErrorCode.NOT_SEAT_OWNER, inventory.check_in, seat, uuid4(), uuid4())
    assert inventory.status(seat) == "SOLD"
    assert store.entries(seat) == store.entries(free) == []


def test_nobody_goes_in_by_another_sale_than_the_one_that_was_seen_to_be_paid(inventory, sold):
    seat, owner, hold = sold
    earlier = {"hold_id": str(uuid4())}
    refused(ErrorCode.SEAT_UNAVAILABLE, lambda: inventory.check_in(seat, owner, uuid4(), **earlier))
    assert inventory.check_in(seat, owner, uuid4(), hold_id=str(hold)).result == pb.SUCCESS


def test_after_a_move_the_new_owner_goes_in_and_the_old_one_does_not(inventory, sold):
    move = Move(*sold)
    inventory.move(move)
    refused(ErrorCode.NOT_SEAT_OWNER, inventory.check_in, move.seat, move.from_user)
    assert inventory.check_in(move.seat, move.to_user).result == pb.SUCCESS


@pytest.mark.parametrize("result", REFUSALS)
def test_a_refused_scan_is_booked_once_and_lets_nobody_in(inventory, store, sold, result):
    seat, *_ = sold
    scan = uuid4()
    entry = inventory.refuse(result, seat, scan, **HALLS)
    assert pb.EntryResult.Name(entry.result) == result
    assert (entry.seat_id, entry.scan_id) == (str(seat), str(scan))
    assert inventory.refuse("UNPAID", seat, scan) == entry
    [booked] = store.entries(seat)
    assert (booked.result, booked.hall_id_expected) == (result, "HALL-2")
    assert inventory.status(seat) == "SOLD"


def test_a_scan_without_an_id_is_another_one_every_time(inventory, store, sold):
    seat, *_ = sold
    first, second = (inventory.refuse("EXPIRED", seat) for _ in range(2))
    assert first.scan_id == "" and first.log_id != second.log_id
    assert len(store.entries(seat)) == 2


def test_a_code_that_did_not_decrypt_is_booked_without_a_seat(inventory, store):
    scan = uuid4()
    entry = inventory.refuse("INVALID", None, scan)
    assert (entry.seat_id, entry.result) == ("", pb.INVALID)
    assert (entry.hall_id_presented, entry.hall_id_expected) == ("", "")
    assert inventory.refuse("INVALID", None, scan) == entry
    [booked] = store.sql("SELECT * FROM entry_logs WHERE scan_id = :scan", scan=scan)
    assert (booked.seat_id, booked.hall_id_presented) == (None, None)


@pytest.mark.parametrize(
    "result, with_seat",
    [
        ("SUCCESS", True),
        ("SUCCESS", False),
        ("INVALID", True),
        ("NOT_FOUND", False),
        ("ENTRY_RESULT_UNSPECIFIED", True),
        (99, True),
    ],
)
def test_a_refusal_that_is_none_or_contradicts_itself_is_invalid(
    inventory, store, result, with_seat
):
    seat = store.seat()
    arguments = result, seat if with_seat else None
    refused(ErrorCode.VALIDATION_ERROR, inventory.refuse, *arguments)
    assert store.entries(seat) == []


@pytest.mark.parametrize("hall", ["hall_id_presented", "hall_id_expected"])
def test_a_hall_id_has_at_most_twenty_characters(inventory, store, sold, hall):
    seat, owner, _ = sold
    for text in ("Ö" * 21, "\0"):
        for call in (
            lambda: inventory.refuse("WRONG_HALL", seat, **{hall: text}),
            lambda: inventory.check_in(seat, owner, **{hall: text}),
        ):
            refused(ErrorCode.VALIDATION_ERROR, call)
    assert inventory.status(seat) == "SOLD" and store.entries(seat) == []
    assert getattr(inventory.refuse("WRONG_HALL", seat, **{hall: "Ö" * 20}), hall) == "Ö" * 20


def test_a_scan_id_is_of_one_seat(inventory, store, sold):
    seat, owner, _ = sold
    elsewhere, nowhere = uuid4(), uuid4()
    inventory.refuse("UNPAID", store.seat(), elsewhere)
    inventory.refuse("INVALID", None, nowhere)
    for scan in (elsewhere, nowhere):
        refused(ErrorCode.VALIDATION_ERROR, inventory.ticket, seat, scan)
        refused(ErrorCode.VALIDATION_ERROR, inventory.check_in, seat, owner, scan)
        refused(ErrorCode.VALIDATION_ERROR, inventory.refuse, "EXPIRED", seat, scan)
    refused(ErrorCode.VALIDATION_ERROR, inventory.refuse, "INVALID", None, elsewhere)
    assert inventory.status(seat) == "SOLD" and store.entries(seat) == []
    inventory.check_in(seat, owner)
    refused(ErrorCode.VALIDATION_ERROR, inventory.check_in, seat, owner, elsewhere)


def test_a_scan_that_was_refused_does_not_let_in_later(inventory, store, sold):
    seat, owner, _ = sold
    scan = uuid4()
    entry = inventory.refuse("WRONG_HALL", seat, scan)
    assert inventory.check_in(seat, owner, scan) == entry
    assert inventory.status(seat) == "SOLD" and len(store.entries(seat)) == 1
