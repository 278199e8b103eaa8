"""GET /events/{event_id}: the seat map, its encodings, its ETags, and how old it may be."""

import gzip
import json
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from inventory_api import inventory_pb2 as pb

from common.testing import wait_for
from inventory_double import InventoryDouble
from src.app import create_app
from src.settings import Settings

NewEvent = Callable[..., UUID]
GZIP = {"Accept-Encoding": "gzip"}


@pytest.fixture
def event(inventory: InventoryDouble, new_event: NewEvent) -> UUID:
    """An event of four seats, two of CAT1 and two of CAT2."""
    event_id = new_event()
    inventory.give_seats(event_id)
    return event_id


def seats_of(client: FlaskClient, event_id: UUID) -> list[dict]:
    return client.get(f"/events/{event_id}").get_json()["data"]["seats"]


def test_an_event_comes_with_its_seat_map(
    client: FlaskClient, inventory: InventoryDouble, event: UUID
) -> None:
    seats = inventory.seats[str(event)]
    seats[1].status, seats[2].status, seats[3].status = pb.HELD, pb.SOLD, pb.CHECKED_IN
    answer = client.get(f"/events/{event}")
    assert answer.content_type == "application/json"
    data = answer.get_json()["data"]
    assert answer.get_json()["success"] is True
    assert data["available_seats"] == 1
    assert {name for name in data if name != "seats"} == {
        *("event_id", "name", "venue", "hall_id", "event_date"),
        *("total_seats", "available_seats", "pricing_tiers"),
    }
    assert data["seats"] == [
        {
            "seat_id": seat.seat_id,
            "row_number": seat.row_number,
            "seat_number": seat.seat_number,
            "status": status,
            "category": seat.category,
            "price": {"CAT1": Decimal("350.00"), "CAT2": Decimal("199.90")}[seat.category],
        }
        for seat, status in zip(seats, ("AVAILABLE", "HELD", "SOLD", "CHECKED_IN"), strict=True)
    ]


def test_a_seats_price_has_two_decimals(client: FlaskClient, event: UUID) -> None:
    text = client.get(f"/events/{event}").get_data(as_text=True)
    assert '"price":350.00}' in text and '"price":199.90}' in text


def test_names_of_rows_and_categories_are_escaped(
    client: FlaskClient, inventory: InventoryDouble, event: UUID
) -> None:
    seat = inventory.seats[str(event)][0]
    seat.row_number, seat.category = '"\\é', 'a"b'
    first = seats_of(client, event)[0]
    assert (first["row_number"], first["category"]) == ('"\\é', 'a"b')
    assert first["price"] is None  # no such tier


def test_an_event_without_seats_has_an_empty_seat_map(
    client: FlaskClient, new_event: NewEvent
) -> None:
    data = client.get(f"/events/{new_event()}").get_json()["data"]
    assert (data["seats"], data["available_seats"]) == ([], 0)


def test_the_seat_map_can_be_left_out(
    client: FlaskClient, inventory: InventoryDouble, event: UUID
) -> None:
    before = sum(inventory.calls.values())
    data = client.get(f"/events/{event}?seats=false").get_json()["data"]
    assert "seats" not in data and "available_seats" not in data
    assert data["hall_id"] == "HALL-T"
    assert data["pricing_tiers"] == {"CAT1": Decimal("350.00"), "CAT2": Decimal("199.90")}
    assert sum(inventory.calls.values()) == before


@pytest.mark.parametrize("suffix", ["", "?seats=false"])
def test_an_unknown_event_is_not_found(client: FlaskClient, suffix: str) -> None:
    answer = client.get(f"/events/{uuid4()}{suffix}")
    assert (answer.status_code, answer.get_json()["error_code"]) == (404, "EVENT_NOT_FOUND")


def test_a_new_event_is_found_though_it_was_asked_for_before(
    client: FlaskClient, new_event: NewEvent
) -> None:
    event_id = uuid4()
    assert client.get(f"/events/{event_id}").status_code == 404
    new_event(event_id=event_id)
    assert client.get(f"/events/{event_id}").status_code == 200


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/events/not-a-uuid", "INVALID_UUID"),
        ("/events/20000000-0000-4000-8000-00000000000g", "INVALID_UUID"),
        ("/events/20000000-0000-4000-8000-000000000001?seats=perhaps", "VALIDATION_ERROR"),
    ],
)
def test_bad_input_is_answered_with_a_code(client: FlaskClient, path: str, code: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.get_json()["error_code"]) == (400, code)


@pytest.mark.parametrize(
    "accepted", ["gzip", "gzip, deflate, br", "*", "br;q=1.0, gzip;q=0.8, *;q=0.1"]
)
def test_it_is_compressed_where_the_reader_takes_gzip(
    client: FlaskClient, event: UUID, accepted: str
) -> None:
    answer = client.get(f"/events/{event}", headers={"Accept-Encoding": accepted})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    assert len(json.loads(gzip.decompress(answer.data))["data"]["seats"]) == 4


@pytest.mark.parametrize("accepted", [None, "", "identity", "br, deflate", "gzip;q=0", "*;q=0"])
def test_it_is_plain_where_the_reader_does_not(
    client: FlaskClient, event: UUID, accepted: str | None
) -> None:
    headers = {} if accepted is None else {"Accept-Encoding": accepted}
    answer = client.get(f"/events/{event}", headers=headers)
    assert "Content-Encoding" not in answer.headers
    assert len(answer.get_json()["data"]["seats"]) == 4


def test_it_may_be_kept_but_must_be_revalidated(client: FlaskClient, event: UUID) -> None:
    answer = client.get(f"/events/{event}")
    assert answer.headers["Cache-Control"] == "no-cache"
    assert answer.headers["Vary"] == "Accept-Encoding"


def test_each_encoding_has_a_strong_etag_of_its_own(client: FlaskClient, event: UUID) -> None:
    plain = client.get(f"/events/{event}").headers["ETag"]
    compressed = client.get(f"/events/{event}", headers=GZIP).headers["ETag"]
    assert plain.startswith('"') and compressed.startswith('"')
    assert plain != compressed


def test_equal_content_has_an_equal_etag_in_every_process(settings: Settings, event: UUID) -> None:
    etags = {
        create_app(settings).test_client().get(f"/events/{event}", headers=GZIP).headers["ETag"]
        for _ in range(2)
    }
    assert len(etags) == 1


@pytest.mark.parametrize(
    "condition", ["{etag}", "W/{etag}", '"another", {etag}', '"another",W/{etag} , "third"', "*"]
)
@pytest.mark.parametrize("headers", [{}, GZIP])
def test_a_reader_who_has_it_gets_304_and_no_body(
    client: FlaskClient, event: UUID, condition: str, headers: dict[str, str]
) -> None:
    first = client.get(f"/events/{event}", headers=headers)
    etag = first.headers["ETag"]
    asking = {**headers, "If-None-Match": condition.format(etag=etag)}
    answer = client.get(f"/events/{event}", headers=asking)
    assert (answer.status_code, answer.data) == (304, b"")
    assert answer.headers["ETag"] == etag
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Cache-Control"] == "no-cache"
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["X-Correlation-ID"]


@pytest.mark.parametrize("condition", ['"another"', 'W/"another", "third"', "", "garbage"])
def test_a_reader_who_has_something_else_gets_it_all(
    client: FlaskClient, event: UUID, condition: str
) -> None:
    answer = client.get(f"/events/{event}", headers={"If-None-Match": condition})
    assert (answer.status_code, len(answer.get_json()["data"]["seats"])) == (200, 4)


def test_the_plain_etag_does_not_stand_for_the_compressed_one(
    client: FlaskClient, event: UUID
) -> None:
    plain = client.get(f"/events/{event}").headers["ETag"]
    answer = client.get(f"/events/{event}", headers={**GZIP, "If-None-Match": plain})
    assert answer.status_code == 200


def test_head_tells_the_same_without_a_body(client: FlaskClient, event: UUID) -> None:
    whole, head = client.get(f"/events/{event}"), client.head(f"/events/{event}")
    assert (head.status_code, head.data) == (200, b"")
    for name in ("ETag", "Content-Length", "Content-Type"):
        assert head.headers[name] == whole.headers[name]


def test_a_sale_shows_within_a_second_and_changes_the_etag(
    client: FlaskClient, inventory: InventoryDouble, event: UUID
) -> None:
    before = client.get(f"/events/{event}").headers["ETag"]
    inventory.seats[str(event)][0].status = pb.SOLD
    wait_for(lambda: seats_of(client, event)[0]["status"] == "SOLD", "the sale to show", 1)
    answer = client.get(f"/events/{event}", headers={"If-None-Match": before})
    assert answer.status_code == 200
    assert answer.get_json()["data"]["available_seats"] == 3


def test_many_readers_cost_two_builds_a_second(
    settings: Settings, inventory: InventoryDouble, event: UUID
) -> None:
    app, asked = create_app(settings), ("ListSeats", str(event))
    before, end, statuses = inventory.calls[asked], time.monotonic() + 1.2, []

    def read() -> None:
        client = app.test_client()
        while time.monotonic() < end:
            statuses.append(client.get(f"/events/{event}").status_code)

    in_parallel(8, read)
    assert set(statuses) == {200} and len(statuses) > 50
    assert inventory.calls[asked] - before <= 3


def test_concurrent_readers_wait_for_one_build(
    settings: Settings, inventory: InventoryDouble, event: UUID
) -> None:
    app, asked, bodies = create_app(settings), ("ListSeats", str(event)), []
    inventory.delay_seconds = 0.3
    try:
        in_parallel(8, lambda: bodies.append(app.test_client().get(f"/events/{event}").data))
    finally:
        inventory.delay_seconds = 0.0
    assert len(bodies) == 8 and len(set(bodies)) == 1
    assert inventory.calls[asked] == 1


def test_a_hall_of_5000_seats_fits(
    client: FlaskClient, inventory: InventoryDouble, new_event: NewEvent
) -> None:
    event_id = new_event(total_seats=5000)
    inventory.give_seats(event_id, rows="ABCDEFGHIJKLMNOPQRSTUVWXY", per_row=200)
    answer = client.get(f"/events/{event_id}", headers=GZIP)
    data = json.loads(gzip.decompress(answer.data))["data"]
    assert (len(data["seats"]), data["available_seats"]) == (5000, 5000)
    assert len(answer.data) < 250_000


def in_parallel(count: int, work: Callable[[], object]) -> None:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
