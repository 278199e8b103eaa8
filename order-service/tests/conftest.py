"""The order service on a real database of its own."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.engine import Engine

from common import prepared
from common.database import Database
from common.testing import INTERNAL_TOKEN, database_from
from src.app import create_app
from src.settings import Settings

from desk import Desk

SERVICE = Path(__file__).parents[1]


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
def desk(client: FlaskClient, database: Database) -> Desk:
    return Desk(client, database)


@pytest.fixture
def own_desk(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The service on a database of one test, which may take both apart; nothing expires there."""
    monkeypatch.setattr("src.app.run_every", lambda *_: None)
    with database_from(SERVICE / "init.sql") as own:
        own_settings = settings.model_copy(update=own.model_dump())
        yield Desk(create_app(own_settings).test_client(), Database(own_settings))


@pytest.fixture
def take_out(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Leaves out what matches a pattern from the statements of the product, for one test.

    Or puts something instead, as re.sub does. Where a connection has planned a statement already,
    it is too late.
    """
    times: Counter[tuple[str, str]] = Counter()
    plan = prepared._plan

    def taking_out(pattern: str, instead: str = "") -> None:
        times[pattern, instead] = 0

    def without(statement: str) -> str:
        for pattern, instead in times:
            statement, found = re.subn(pattern, instead, statement)
            times[pattern, instead] += found
        return statement

    def rewrite(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> Any:
        return without(statement), parameters

    monkeypatch.setattr(prepared, "_plan", lambda c, name, sql: plan(c, name, without(sql)))
    event.listen(Engine, "before_cursor_execute", rewrite, retval=True)
    yield taking_out
    event.remove(Engine, "before_cursor_execute", rewrite)
    assert all(times.values()), times


@pytest.fixture
def call(desk: Desk) -> Callable[..., Any]:
    """Calls the service as another service does; gives the status and `data` or the error."""
    return desk.call


@pytest.fixture
def new_order(desk: Desk) -> Callable[..., dict[str, Any]]:
    """Books a PENDING order of a new seat and a new user."""
    return desk.order


@pytest.fixture
def claim(desk: Desk) -> Callable[..., tuple[int, Any]]:
    """Claims an order for its own user's pay, as a new driver."""
    return desk.claim_pay
