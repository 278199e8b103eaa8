"""The service as it runs: several worker processes behind one port."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from common.testing import wait_for
from src.settings import Settings

from .conftest import INTERNAL, PASSWORD, at_once, serving


@pytest.fixture(scope="module")
def server(settings: Settings) -> Iterator[httpx.Client]:
    with serving(settings) as client:
        yield client


@pytest.fixture
def account(server: httpx.Client) -> dict[str, Any]:
    given = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    answer = server.post("/api/auth/register", json=given)
    assert answer.status_code == 201
    return {**given, "user_id": answer.json()["data"]["user_id"]}


def _login(server: httpx.Client, account: dict[str, Any], password: str = PASSWORD) -> Any:
    return server.post("/api/auth/login", json={"email": account["email"], "password": password})


def test_processes_charge_a_reference_once_and_never_overspend(
    server: httpx.Client, account: dict[str, Any], rows: Callable[..., list[Any]]
) -> None:
    user = {"user_id": account["user_id"]}
    grant = {**user, "amount": 500, "reason": "for the test", "grant_id": str(uuid4())}
    server.post("/credits/grant", json=grant, headers=INTERNAL)

    def deduct(reference: str) -> int:
        body = {**user, "amount": 100, "reference_id": reference}
        return server.post("/credits/deduct", json=body, headers=INTERNAL).status_code

    reference = str(uuid4())
    assert at_once(*[lambda: deduct(reference)] * 20) == [200] * 20
    assert sorted(at_once(*[lambda: deduct(str(uuid4()))] * 12)) == [200] * 4 + [402] * 8
    query = "SELECT credit_balance FROM users WHERE user_id = :user_id"
    assert rows(query, **user) == [(0,)]


def test_guesses_do_not_outrun_the_limit_across_processes(
    server: httpx.Client, account: dict[str, Any]
) -> None:
    answers = at_once(*[lambda: _login(server, account, "a wrong one").status_code] * 24)
    assert sorted(answers) == [401] * 10 + [429] * 14


def test_a_logout_reaches_every_process_within_two_seconds(
    server: httpx.Client, account: dict[str, Any]
) -> None:
    tokens = _login(server, account).json()["data"]
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}

    def answers() -> set[int]:
        return {server.post("/api/auth/logout", headers=headers).status_code for _ in range(20)}

    assert answers() <= {200, 401}
    wait_for(lambda: answers() == {401}, "every process to know", seconds=2)
