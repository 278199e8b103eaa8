"""What holds for the whole service: schema, seed, health, faults, correlation."""

import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from common.database import Database
from common.testing import schema_differences
from inventory_double import InventoryDouble
from src.app import create_app
from src.models.base import Base
from src.settings import Settings

SERVICE = Path(__file__).parents[1]
NewEvent = Callable[..., UUID]
DEMO = (
    "20000000-0000-4000-8000-000000000001",
    "20000000-0000-4000-8000-000000000002",
)


def test_models_and_schema_agree(database: Database) -> None:
    assert schema_differences(Base.metadata, database.engine) == []


def test_schema_and_seed_can_be_loaded_again_and_change_nothing(database: Database) -> None:
    def demo_events() -> list[object]:
        with database.transaction() as session:
            return session.execute(
                text("SELECT * FROM events WHERE event_id::text = ANY(:ids)"), {"ids": list(DEMO)}
            ).all()

    before = demo_events()
    for script in ("init.sql", "seed.sql"):
        with database.engine.begin() as connection:
            connection.exec_driver_sql((SERVICE / script).read_text().replace("%", "%%"))
    assert demo_events() == before and len(before) == 2


def test_the_demo_events_are_in_the_future(database: Database) -> None:
    with database.transaction() as session:
        events = session.execute(
            text(
                "SELECT hall_id, total_seats, event_date > now() + interval '7 days' AS later"
                "  FROM events WHERE event_id::text = ANY(:ids) ORDER BY event_id"
            ),
            {"ids": list(DEMO)},
        ).all()
    assert events == [("HALL-A", 24, True), ("HALL-B", 5000, True)]


@pytest.mark.parametrize(
    "bad",
    [
        {"total_seats": 0},
        {"pricing_tiers": ["CAT1"]},
        {"pricing_tiers": {"CAT1": -1}},
        {"pricing_tiers": {"CAT1": 1.005}},
        {"pricing_tiers": {"CAT1": "350.00"}},
        {"pricing_tiers": {"CAT1": [350]}},
        {"pricing_tiers": {"CAT1": 100_000_000}},
    ],
)
def test_the_database_refuses_an_event_that_cannot_be(
    new_event: NewEvent, bad: dict[str, object]
) -> None:
    with pytest.raises(IntegrityError):
        new_event(**bad)


def test_health_tells_of_database_and_inventory(client: FlaskClient) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    assert answer.get_json()["service"] == "event-service"
    assert answer.get_json()["checks"] == {"database": "connected", "inventory": "connected"}


def test_health_tells_that_the_database_is_gone(settings: Settings) -> None:
    gone = create_app(settings.model_copy(update={"db_port": 1})).test_client()
    answer = gone.get("/health")
    assert answer.status_code == 503
    assert answer.get_json()["checks"] == {"database": "disconnected", "inventory": "connected"}
    assert gone.get("/events").status_code == 503


def test_health_tells_that_the_inventory_is_gone(without_inventory: FlaskClient) -> None:
    answer = without_inventory.get("/health")
    assert answer.status_code == 503
    assert answer.get_json()["status"] == "unhealthy"
    assert answer.get_json()["checks"] == {"database": "connected", "inventory": "disconnected"}


def test_health_tells_that_the_inventory_does_not_serve(
    client: FlaskClient, inventory: InventoryDouble
) -> None:
    inventory.be_healthy(False)
    try:
        assert client.get("/health").get_json()["checks"]["inventory"] == "disconnected"
    finally:
        inventory.be_healthy(True)


@pytest.mark.parametrize("path", ["/events", f"/events/{DEMO[0]}"])
def test_what_needs_the_inventory_is_unavailable_without_it(
    without_inventory: FlaskClient, path: str
) -> None:
    answer = without_inventory.get(path)
    assert (answer.status_code, answer.get_json()["error_code"]) == (503, "SERVICE_UNAVAILABLE")


def test_what_does_not_need_it_still_works(without_inventory: FlaskClient) -> None:
    answer = without_inventory.get(f"/events/{DEMO[0]}?seats=false")
    assert (answer.status_code, answer.get_json()["data"]["hall_id"]) == (200, "HALL-A")


def test_the_inventory_is_asked_again_as_soon_as_it_is_back(
    settings: Settings, new_event: NewEvent
) -> None:
    event_id = new_event()
    with InventoryDouble(settings.internal_api_token) as first:
        moved = settings.model_copy(update={"inventory_service_url": first.target})
        first.give_seats(event_id)
        client = create_app(moved).test_client()
        first.delay_seconds = 3  # longer than the deadline
        began = time.monotonic()
        assert client.get(f"/events/{event_id}").status_code == 503
        assert time.monotonic() - began < 2.9
        first.delay_seconds = 0
        assert client.get(f"/events/{event_id}").status_code == 200


def test_a_wrong_internal_token_is_our_own_fault(settings: Settings) -> None:
    with InventoryDouble("another-token") as stranger:
        moved = settings.model_copy(update={"inventory_service_url": stranger.target})
        answer = create_app(moved).test_client().get(f"/events/{DEMO[0]}")
    assert (answer.status_code, answer.get_json()["error_code"]) == (503, "SERVICE_UNAVAILABLE")
    assert not stranger.calls


def test_the_correlation_id_reaches_the_inventory(
    client: FlaskClient, inventory: InventoryDouble, new_event: NewEvent
) -> None:
    event_id = new_event()
    answer = client.get(f"/events/{event_id}", headers={"X-Correlation-ID": "from-the-caller-1"})
    assert answer.headers["X-Correlation-ID"] == "from-the-caller-1"
    assert inventory.correlation_ids[-1] == "from-the-caller-1"


@pytest.mark.parametrize("path", ["/events", f"/events/{DEMO[0]}"])
def test_events_cannot_be_changed_from_outside(client: FlaskClient, path: str) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = client.open(path, method=method)
        assert (answer.status_code, answer.get_json()["error_code"]) == (405, "METHOD_NOT_ALLOWED")
