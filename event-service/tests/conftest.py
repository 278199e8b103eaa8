"""The event service on a real database of its own, with an inventory of the tests' making."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient

from common.database import Database
from common.testing import INTERNAL_TOKEN, database_from
from src.app import create_app
from src.models.event import Event
from src.models.venue import Venue
from src.settings import Settings

from inventory_double import InventoryDouble

SERVICE = Path(__file__).parents[1]
PRICES = {"CAT1": Decimal("350.00"), "CAT2": Decimal("199.9")}


@pytest.fixture(scope="session")
def inventory() -> Iterator[InventoryDouble]:
    with InventoryDouble(INTERNAL_TOKEN) as double:
        yield double


@pytest.fixture(scope="session")
def settings(inventory: InventoryDouble) -> Iterator[Settings]:
    with database_from(SERVICE / "init.sql", SERVICE / "seed.sql") as database:
        yield Settings(
            flask_env="development",
            internal_api_token=INTERNAL_TOKEN,
            inventory_service_url=inventory.target,
            **database.model_dump(),
        )


@pytest.fixture(scope="session")
def database(settings: Settings) -> Database:
    return Database(settings)


@pytest.fixture(scope="session")
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


@pytest.fixture
def without_inventory(settings: Settings) -> FlaskClient:
    """The service while nothing listens where the inventory should be."""
    away = settings.model_copy(update={"inventory_service_url": "127.0.0.1:1"})
    return create_app(away).test_client()


@pytest.fixture
def new_event(database: Database) -> Callable[..., UUID]:
    """Books an event of a venue of its own; far in the future where no date is given."""

    def booking(**given: Any) -> UUID:
        venue_id = uuid4()
        event = {
            "event_id": uuid4(),
            "name": "A Night in the Tests",
            "hall_id": "HALL-T",
            "event_date": datetime.now(timezone.utc) + timedelta(days=365),
            "total_seats": 4,
            "pricing_tiers": PRICES,
            **given,
        }
        with database.transaction() as session:
            session.add(Venue(venue_id=venue_id, name="Hall", address="Here", total_halls=1))
            session.flush()
            session.add(Event(venue_id=venue_id, **event))
        return event["event_id"]

    return booking
