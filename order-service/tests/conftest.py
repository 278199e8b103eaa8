"""The order service on a real database of its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from common.database import Database
from common.testing import INTERNAL_TOKEN, database_from
from src.app import create_app
from src.settings import Settings

SERVICE = Path(__file__).parents[1]
HEADERS = {"X-Internal-Token": INTERNAL_TOKEN}


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    with database_from(SERVICE / "init.sql") as database:
        yield Settings(
            flask_env="development", internal_api_token=INTERNAL_TOKEN, **database.model_dump()
        )


@pytest.fixture(scope="session")
def database(settings: Settings) -> Database:
    return Database(settings)


@pytest.fixture(scope="session")
def client(settings: Settings) -> FlaskClient:
    return create_app(settings).test_client()


@pytest.fixture
def call(client: FlaskClient) -> Callable[..., Any]:
    """Calls the service as another service does; gives the status and `data` or the error."""

    def calling(method: str, path: str, **body: Any) -> tuple[int, Any]:
        response = client.open(path, method=method, json=body or None, headers=HEADERS)
        answer = response.get_json()
        return response.status_code, answer.get("data", answer)

    return calling


@pytest.fixture
def new_order(call: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Books a PENDING order of a new seat and a new user."""

    def booking(**given: Any) -> dict[str, Any]:
        ids = {name: str(uuid4()) for name in ("order_id", "user_id", "seat_id", "event_id")}
        status, order = call("POST", "/orders", **{**ids, "credits_charged": 350.00, **given})
        assert status == 201
        return order

    return booking


@pytest.fixture
def claim(call: Callable[..., Any]) -> Callable[..., tuple[int, Any]]:
    """Claims an order for its own user's pay, as a new driver."""

    def claiming(order: dict[str, Any], **given: Any) -> tuple[int, Any]:
        body = {"saga": "pay", "step": "pay.charge", "driver": str(uuid4()), **given}
        path = f"/orders/{order['order_id']}/saga"
        return call("POST", path, **{"user_id": order["user_id"], **body})

    return claiming
