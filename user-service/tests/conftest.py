"""The user service on a real database of its own, with the demo users."""

import logging
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import uuid4

import httpx
import pytest
from flask import Flask
from sqlalchemy import text

from common.database import Database
from common.testing import INTERNAL_TOKEN, JWT_SECRET, database_from, wait_for
from src.app import create_app
from src.settings import Settings

from .credits import Credits

SERVICE = Path(__file__).parents[1]
STANDINS = SERVICE.parent / "local-stack" / "standins"
INTERNAL = {"X-Internal-Token": INTERNAL_TOKEN}
PASSWORD = "correct horse battery"
_SUMS = """
    SELECT user_id FROM users LEFT JOIN credit_ledger USING (user_id)
    GROUP BY user_id HAVING credit_balance <> coalesce(sum(amount), 0)
"""
_FROZEN_SUMS = """
    SELECT user_id FROM users LEFT JOIN credit_freezes USING (user_id) GROUP BY user_id
    HAVING frozen_credits <> coalesce(sum(amount) FILTER (WHERE ended_at IS NULL), 0)
"""

Call = Callable[..., tuple[int, Any]]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(
    command: list[str], url: str, health: str = "/health", **options: Any
) -> Iterator[httpx.Client]:
    """A server as a process of its own, once it answers `health`; a client that calls it."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, **options)
    # a connection for each call, so that each of several worker processes gets some
    limits = httpx.Limits(max_keepalive_connections=0)
    try:
        with httpx.Client(base_url=url, limits=limits, timeout=10, trust_env=False) as client:
            wait_for(lambda: _answers(client, health), f"{command} to answer", seconds=20)
            yield client
    finally:
        process.terminate()
        process.wait(15)


@contextmanager
def serving(settings: Settings, address: str | None = None) -> Iterator[httpx.Client]:
    """The service as it runs: two worker processes behind one port."""
    values = settings.model_dump(mode="json", exclude_none=True)
    own = {name.upper(): str(value) for name, value in values.items()}
    address = address or f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "gunicorn", "-c", "python:common.gunicorn_conf"]
    with running(
        [*command, "--bind", address, "src.app:create_app()"],
        f"http://{address}",
        cwd=SERVICE,
        env={**os.environ, **own, "WEB_CONCURRENCY": "2"},
    ) as client:
        yield client


def _answers(client: httpx.Client, health: str) -> bool:
    try:
        return client.get(health).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(scope="session")
def smu() -> Iterator[httpx.Client]:
    """The SMU notification API's stand-in: what it sent, and its switches."""
    port = free_port()
    command = [sys.executable, str(STANDINS / "smu.py"), "--port", str(port)]
    with running(command, f"http://127.0.0.1:{port}") as client:
        yield client


@pytest.fixture(scope="session")
def settings(smu: httpx.Client) -> Iterator[Settings]:
    with database_from(SERVICE / "init.sql", SERVICE / "seed.sql") as database:
        yield Settings(
            flask_env="development",
            internal_api_token=INTERNAL_TOKEN,
            jwt_secret=JWT_SECRET,
            bcrypt_rounds=4,
            smu_api_url=str(smu.base_url).rstrip("/"),
            smu_api_key="key-of-the-tests",
            stripe_secret_key="sk_test_of_the_tests",
            stripe_webhook_secret="whsec_of_the_tests",
            stripe_api_base="http://127.0.0.1:1",
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
def credits(call: Call) -> Credits:
    return Credits(call)


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
def _sums_are_right(rows: Callable[..., list[Any]]) -> Iterator[None]:
    """Whatever a test did: a balance is the sum of its ledger, frozen credits of open freezes."""
    yield
    assert rows(_SUMS) == []
    assert rows(_FROZEN_SUMS) == []


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each of `works` gives, all begun at the same moment, in threads of their own."""
    barrier = Barrier(len(works))

    def begin(work: Callable[[], Any]) -> Any:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(begin, works))
