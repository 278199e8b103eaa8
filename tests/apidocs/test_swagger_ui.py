"""The page /apidocs/ of each service in real Chromium: whole, its own, and usable as it stands."""

import json
from collections.abc import Callable, Iterator

import pytest
from selenium.webdriver import Chrome

from chromium import chromium, resize
from documented import SERVICES, Documented, Tokens
from swagger_page import SwaggerPage

# one operation of each service that succeeds however often it is tried, and the token it needs
TRIED = {
    "user": ("POST /credits/topup", "internalToken"),
    "order": ("POST /orders", "internalToken"),
    "event": ("GET /events/{event_id}", None),
    "orchestrator": ("POST /api/credits/topup", "bearer"),
}


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    with chromium() as driver:
        resize(driver, 1280, 900)
        yield driver


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_filled_in_succeeds_when_it_is_tried_out(
    driver: Chrome,
    services: dict[str, Documented],
    tokens_of: Callable[[str], Tokens],
    service: str,
) -> None:
    page = SwaggerPage(driver, services[service].url)
    assert page.operations() == set(services[service].operations)
    operation, scheme = TRIED[service]
    if scheme is not None:
        page.authorize(scheme, tokens_of("user1@example.com")[scheme])
    status, body = page.try_out(operation)
    assert status in (200, 201), body
    assert json.loads(body)["success"] is True
    assert page.resources()
    assert all(one.startswith(f"{page.base_url}/") for one in page.resources())
    assert page.errors() == []


def test_somebody_logs_in_by_the_page_and_is_let_in_with_what_it_shows(
    driver: Chrome, services: dict[str, Documented]
) -> None:
    login = SwaggerPage(driver, services["user"].url).try_out("POST /api/auth/login")
    assert login[0] == 200
    page = SwaggerPage(driver, services["orchestrator"].url)
    assert page.try_out("GET /api/credits/balance")[0] == 401
    page = SwaggerPage(driver, services["orchestrator"].url)
    page.authorize("bearer", json.loads(login[1])["data"]["access_token"])
    assert page.try_out("GET /api/credits/balance")[0] == 200
