"""How often a token or an address may call.

A calendar minute may end while a test counts, so it asks until it is refused, at most twice the
limit and one more time: within that many quick calls one refusal is certain.
"""

from collections.abc import Callable

import httpx
import pytest
from conftest import Gateway, assert_refused, bearer


@pytest.fixture(scope="module")
def strict(start_gateway: Callable[..., Gateway]) -> Gateway:
    """A gateway with low limits, and ceilings of ten times that."""
    return start_gateway(
        RATE_LIMIT_PER_MINUTE="4", RATE_LIMIT_SCAN_PER_MINUTE="7", RATE_LIMIT_AUTH_PER_MINUTE="3"
    )


def _call_until_refused(call: Callable[[], httpx.Response], limit: int) -> httpx.Response:
    for attempt in range(2 * limit + 1):
        response = call()
        if response.status_code == 429:
            assert attempt >= limit
            return response
    raise AssertionError(f"{2 * limit + 1} calls, and none was refused")


def test_a_token_has_its_limit_over_all_protected_routes(strict: Gateway) -> None:
    headers, paths = bearer(), iter(["/api/orders", "/api/tickets", "/api/auth/logout"] * 3)
    refused = _call_until_refused(lambda: strict.client.post(next(paths), headers=headers), 4)
    assert_refused(refused, 429, "RATE_LIMITED")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert refused.headers["RateLimit-Limit"] == "4"
    assert refused.headers["RateLimit-Remaining"] == "0"


def test_another_token_of_the_same_address_goes_on(strict: Gateway) -> None:
    headers = bearer()
    _call_until_refused(lambda: strict.client.get("/api/orders", headers=headers), 4)
    other = strict.client.get("/api/orders", headers=bearer())
    assert other.status_code == 200
    assert other.headers["RateLimit-Remaining"] == "3"


def test_scans_have_a_limit_of_their_own(strict: Gateway) -> None:
    headers = bearer()
    _call_until_refused(lambda: strict.client.post("/api/verify", headers=headers), 7)
    assert strict.client.get("/api/orders", headers=headers).status_code == 200


def test_register_and_login_share_a_limit_by_address(strict: Gateway) -> None:
    paths = iter(["/api/auth/login", "/api/auth/register"] * 4)
    refused = _call_until_refused(lambda: strict.client.post(next(paths), headers=bearer()), 3)
    assert_refused(refused, 429, "RATE_LIMITED")


def test_other_public_routes_have_ten_times_the_limit_by_address(strict: Gateway) -> None:
    refused = _call_until_refused(lambda: strict.client.get("/api/events"), 40)
    assert refused.headers["RateLimit-Limit"] == "40"


def test_many_tokens_of_one_address_meet_the_ceiling(
    start_gateway: Callable[..., Gateway],
) -> None:
    low = start_gateway(RATE_LIMIT_PER_MINUTE="4", RATE_LIMIT_SCAN_PER_MINUTE="1")
    refused = _call_until_refused(lambda: low.client.get("/api/orders", headers=bearer()), 40)
    assert_refused(refused, 429, "RATE_LIMITED")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    _call_until_refused(lambda: low.client.post("/api/verify", headers=bearer()), 10)


def test_forged_tokens_use_up_nobodys_limit(start_gateway: Callable[..., Gateway]) -> None:
    low = start_gateway(RATE_LIMIT_PER_MINUTE="1")
    for _ in range(12):
        forged = bearer("another secret that is long enough")
        assert low.client.get("/api/orders", headers=forged).status_code == 401
    assert low.client.get("/api/orders", headers=bearer()).status_code == 200
