"""GET /events: order, shape, pages, and how old its figures may be."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from inventory_api import inventory_pb2 as pb

from common.testing import wait_for
from inventory_double import InventoryDouble
from src.app import create_app
from src.settings import Settings

NewEvent = Callable[..., UUID]


def whole_list(client: FlaskClient) -> list[dict[str, Any]]:
    """Every event, page after page."""

    def page(number: int) -> dict[str, Any]:
        return client.get(f"/events?per_page=100&page={number}").get_json()

    first = page(1)
    others = range(2, first["pagination"]["total_pages"] + 1)
    return first["data"] + [event for number in others for event in page(number)["data"]]


def listed(client: FlaskClient, event_id: UUID) -> dict[str, Any] | None:
    """The event as the list has it; None where it is missing."""
    return next((e for e in whole_list(client) if e["event_id"] == str(event_id)), None)


def test_an_event_is_listed_in_the_shape_of_the_contract(
    client: FlaskClient, inventory: InventoryDouble, new_event: NewEvent
) -> None:
    moment = datetime(2031, 5, 1, 20, tzinfo=timezone(timedelta(hours=8)))
    event_id = new_event(event_date=moment)
    inventory.give_seats(event_id)[0].status = pb.SOLD
    event = wait_for(lambda: listed(client, event_id), "the new event to be listed")
    assert event == {
        "event_id": str(event_id),
        "name": "A Night in the Tests",
        "venue": {"venue_id": event["venue"]["venue_id"], "name": "Hall", "address": "Here"},
        "hall_id": "HALL-T",
        "event_date": "2031-05-01T12:00:00.000Z",
        "total_seats": 4,
        "available_seats": 3,
        "pricing_tiers": {"CAT1": Decimal("350.00"), "CAT2": Decimal("199.90")},
    }


def test_prices_are_numbers_with_two_decimals(client: FlaskClient) -> None:
    text = client.get("/events?per_page=2").get_data(as_text=True)
    assert '"pricing_tiers":{"CAT1":350.00,"CAT2":200.00}' in text


def test_the_earliest_comes_first_and_then_the_smaller_id(
    settings: Settings, inventory: InventoryDouble, new_event: NewEvent
) -> None:
    moment = datetime(2032, 1, 1, tzinfo=timezone.utc)
    made = [new_event(event_date=moment + timedelta(days=day)) for day in (1, 0, 0, 1, 0)]
    events = whole_list(create_app(settings).test_client())
    order = [(event["event_date"], event["event_id"]) for event in events]
    assert order == sorted(order)
    assert {str(event_id) for event_id in made} <= {event_id for _, event_id in order}


def test_a_page_is_a_slice_of_the_whole_list(settings: Settings, new_event: NewEvent) -> None:
    for _ in range(3):
        new_event()
    client = create_app(settings).test_client()
    whole, page = whole_list(client), client.get("/events?per_page=2&page=2").get_json()
    assert page["data"] == whole[2:4]
    assert page["pagination"] == {
        "page": 2,
        "per_page": 2,
        "total": len(whole),
        "total_pages": (len(whole) + 1) // 2,
    }


def test_a_page_beyond_the_end_is_empty_and_says_the_total(
    client: FlaskClient, inventory: InventoryDouble
) -> None:
    answer = client.get("/events?page=1000000&per_page=100")
    assert answer.status_code == 200
    assert answer.get_json()["data"] == []
    assert answer.get_json()["pagination"]["total"] >= 2
    assert ("CountAvailableSeats",) not in inventory.calls  # nothing to ask for


@pytest.mark.parametrize(
    "query", ["page=0", "page=-1", "page=abc", "page=", "per_page=0", "per_page=101", "page=1.5"]
)
def test_a_page_that_cannot_be_is_refused(client: FlaskClient, query: str) -> None:
    answer = client.get(f"/events?{query}")
    assert answer.status_code == 400
    assert answer.get_json()["error_code"] == "VALIDATION_ERROR"
    assert query.partition("=")[0] in answer.get_json()["details"]["fields"]


def test_a_sale_shows_in_the_list_within_a_second(
    client: FlaskClient, inventory: InventoryDouble, new_event: NewEvent
) -> None:
    event_id = new_event()
    seats = inventory.give_seats(event_id)
    wait_for(lambda: listed(client, event_id), "the new event to be listed")
    seats[0].status = pb.HELD
    wait_for(lambda: listed(client, event_id)["available_seats"] == 3, "the hold to show", 1)


def test_one_call_counts_the_seats_of_a_whole_page(
    settings: Settings, inventory: InventoryDouble, new_event: NewEvent
) -> None:
    new_event()
    client = create_app(settings).test_client()
    before = sum(inventory.calls.values())
    events = client.get("/events").get_json()["data"]
    assert len(events) >= 3
    assert sum(inventory.calls.values()) == before + 1


def test_many_readers_cost_the_inventory_two_calls_a_second(
    settings: Settings, inventory: InventoryDouble
) -> None:
    client = create_app(settings).test_client()
    before, end = sum(inventory.calls.values()), time.monotonic() + 1.2
    while time.monotonic() < end:
        assert client.get("/events").status_code == 200
    assert sum(inventory.calls.values()) - before <= 3


def test_an_event_without_seats_has_none_free(client: FlaskClient, new_event: NewEvent) -> None:
    event_id = new_event()
    event = wait_for(lambda: listed(client, event_id), "the new event to be listed")
    assert event["available_seats"] == 0
