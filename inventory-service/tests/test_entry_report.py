"""How an event's gates stand."""

from uuid import UUID, uuid4

import pytest
from inventory_api import inventory_pb2 as pb

from common.errors import ErrorCode

from calls import Inventory
from conftest import Store, refused


@pytest.fixture
def sold_seats(inventory: Inventory, store: Store) -> tuple[UUID, list[tuple[UUID, UUID]]]:
    """An event, and three of its seats with their owners; a fourth one is only held."""
    event = uuid4()
    sales = [(seat, uuid4()) for seat in store.seats(4, event)]
    for seat, owner in sales:
        hold = uuid4()
        inventory.reserve(seat, owner, hold)
        if (seat, owner) != sales[3]:
            inventory.confirm(seat, owner, hold)
    return event, sales[:3]


def test_it_counts_who_is_expected_who_went_in_and_who_was_refused(inventory, sold_seats) -> None:
    event, sales = sold_seats
    for seat, owner in sales[:2]:
        inventory.check_in(seat, owner)
    for result in ("DUPLICATE", "DUPLICATE", "WRONG_HALL"):
        inventory.refuse(result, sales[0][0])
    report = inventory.entries(event)
    assert (report.expected, report.admitted) == (3, 2)
    assert dict(report.refusals) == {"DUPLICATE": 2, "WRONG_HALL": 1}


def test_it_lists_the_latest_scans_with_their_seats_newest_first(inventory, sold_seats) -> None:
    event, [(first, owner), (second, _), _] = sold_seats
    inventory.check_in(first, owner)
    inventory.refuse("NOT_OWNER", second)
    inventory.refuse("DUPLICATE", first)
    latest = inventory.entries(event, latest=2).latest
    seen = [(one.entry.seat_id, one.entry.result, one.seat_number) for one in latest]
    assert seen == [(str(first), pb.DUPLICATE, 1), (str(second), pb.NOT_OWNER, 2)]
    assert inventory.entries(event, latest=0).admitted == 1


def test_scans_of_other_events_and_of_no_seat_are_not_in_it(inventory, sold_seats, sold) -> None:
    event, _ = sold_seats
    inventory.check_in(*sold[:2])
    inventory.refuse("INVALID", None)
    report = inventory.entries(event)
    assert (report.admitted, dict(report.refusals), len(report.latest)) == (0, {}, 0)


def test_an_event_without_seats_expects_nobody(inventory) -> None:
    report = inventory.entries(uuid4())
    assert (report.expected, report.admitted, len(report.latest)) == (0, 0, 0)


@pytest.mark.parametrize("latest", [-1, 101])
def test_it_lists_a_hundred_scans_at_most(inventory, latest: int) -> None:
    refused(ErrorCode.VALIDATION_ERROR, inventory.entries, uuid4(), latest)
