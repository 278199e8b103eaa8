"""The user service on a real database of its own, with the demo users."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import text

from common.database import Database
from common.testing import INTERNAL_TOKEN, JWT_SECRET, database_from, wait_for
from src.app import create_app
from src.settings import Settings

SERVICE = Path(__file__).parents[1]
INTERNAL = {"X-Internal-Token": INTERNAL_TOKEN}
PASSWORD = "correct horse battery"
_SUMS = """
    SELECT user_id FROM users LEFT JOIN credit_ledger USING (user_id)
    GROUP BY user_id HAVING credit_balance <> coalesce(sum(amount), 0)
"""

Call = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    with database_from(SERVICE / "init.sql", SERVICE / "seed.sql") as database:
        yield Settings(
            flask_env="development",
            internal_api_token=INTERNAL_TOKEN,
            jwt_secret=JWT_SECRET,
            bcrypt_rounds=4,
            **database.model_dump(),
        )
        logging.disable()  # the apps' threads go on asking a database that is dropped now


@pytest.fixture(scope="session")
def database(settings: Settings) -> Database:
    return Database(settings)


@pytest.fixture(scope="session")
def app(settings: Settings) -> Flask:
    app = create_app(settings)
    revocations = app.extensions["revocations"]
    wait_for(lambda: revocations._since is not None, "the first list of revoked tokens")
    return app


@pytest.fixture(scope="session")
def call(app: Flask) -> Call:
    """Calls the service as another service does, or with a token; the status and data or error."""

    def calling(method: str, path: str, token: str | None = None, **body: Any) -> tuple[int, Any]:
        headers = INTERNAL if token is None else {"Authorization": f"Bearer {token}"}
        response = app.test_client().open(path, method=method, json=body or None, headers=headers)
        answer = response.get_json()
        return response.status_code, answer.get("data", answer)

    return calling


@pytest.fixture
def new_user(call: Call) -> Callable[..., dict[str, Any]]:
    """Registers a customer and grants him credits; his profile."""

    def registering(credits: float = 0, **given: Any) -> dict[str, Any]:
        body = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, **given}
        status, account = call("POST", "/api/auth/register", **body)
        assert status == 201, account
        user_id = account["user_id"]
        if credits:
            grant = {
                "user_id": user_id,
                "amount": credits,
                "reason": "for the test",
                "grant_id": str(uuid4()),
            }
            assert call("POST", "/credits/grant", **grant)[0] == 200
        return call("GET", f"/users/{user_id}")[1]

    return registering


@pytest.fixture
def login(call: Call) -> Callable[..., dict[str, Any]]:
    """Logs a user in; the answer."""

    def logging_in(user: dict[str, Any]) -> dict[str, Any]:
        status, answer = call("POST", "/api/auth/login", email=user["email"], password=PASSWORD)
        assert status == 200, answer
        return answer

    return logging_in


@pytest.fixture
def rows(database: Database) -> Callable[..., list[Any]]:
    """Runs a query, or a change, on the database itself."""

    def running(sql: str, **values: Any) -> list[Any]:
        with database.transaction() as session:
            result = session.execute(text(sql), values)
            return result.all() if result.returns_rows else []

    return running


@pytest.fixture(autouse=True)
def _ledger_sums_equal_balances(rows: Callable[..., list[Any]]) -> Iterator[None]:
    """Whatever a test did: every balance is the sum of its ledger."""
    yield
    assert rows(_SUMS) == []


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each of `works` gives, all begun at the same moment, in threads of their own."""
    barrier = Barrier(len(works))

    def begin(work: Callable[[], Any]) -> Any:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(begin, works))
