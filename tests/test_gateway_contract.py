"""What every gateway of the platform refuses, and how: Kong and HAProxy alike.

It runs against the test stack, or against any gateway that GATEWAY_URL names; GATEWAY_JWT_SECRET is
then the secret of that platform's tokens.
"""

import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from uuid import uuid4

import httpx
import jwt
import pytest

OUR_PAGE = "http://localhost:3000"
OTHER_SECRET = "a secret of somebody else, long enough"
MIB = 1048576


@dataclass
class Gateway:
    """The gateway under test, a client of it, and the secret of its tokens."""

    client: httpx.Client
    secret: str
    settings: Mapping[str, str]

    def bearer(
        self, secret: str = "", algorithm: str = "HS256", **claims: object
    ) -> dict[str, str]:
        """The header with an access token of nobody in particular; a claim of None is left out."""
        now = int(time.time())
        usual = {"sub": str(uuid4()), "iss": "ticketremaster", "role": "customer", "iat": now}
        usual |= {"type": "access", "sid": str(uuid4()), "jti": str(uuid4()), "exp": now + 900}
        given = {name: value for name, value in (usual | claims).items() if value is not None}
        key = None if algorithm == "none" else secret or self.secret
        return {"Authorization": f"Bearer {jwt.encode(given, key, algorithm=algorithm)}"}


@pytest.fixture(scope="module")
def gateway(request: pytest.FixtureRequest) -> Iterator[Gateway]:
    """The gateway that the environment names, else that of the test stack."""
    url, settings = os.environ.get("GATEWAY_URL"), dict(os.environ)
    if url:
        secret = os.environ["GATEWAY_JWT_SECRET"]
    else:
        stack = request.getfixturevalue("stack")
        url, settings = stack.gateway_url, stack.settings
        secret = settings["JWT_SECRET"]
    with httpx.Client(base_url=url, timeout=30) as client:
        yield Gateway(client, secret, settings)


def assert_refused(response: httpx.Response, status: int, *codes: str) -> None:
    """The status, one of the codes, the error envelope, and exactly one correlation ID."""
    assert response.status_code == status, response.text
    body = response.json()
    assert body["success"] is False and body["error_code"] in codes and body["message"]
    assert len(response.headers.get_list("X-Correlation-ID")) == 1


def test_a_good_token_passes_the_gateway_and_the_service_refuses_the_method(
    gateway: Gateway,
) -> None:
    for path in ("/api/reserve", "/api/pay", "/api/credits/balance"):
        response = gateway.client.put(path, headers=gateway.bearer())
        assert_refused(response, 405, "METHOD_NOT_ALLOWED")


@pytest.mark.parametrize("path", ["/api/events", "/api/auth/login", "/health"])
def test_a_wrong_method_on_a_public_route_is_refused(gateway: Gateway, path: str) -> None:
    assert_refused(gateway.client.delete(path), 405, "METHOD_NOT_ALLOWED")


def test_no_token_is_unauthorized(gateway: Gateway) -> None:
    for path in (
        "/api/orders",
        "/api/tickets",
        "/api/transfers",
        "/api/admin/users",
        "/api/credits/ledger",
        "/api/events/1/entries",
    ):
        assert_refused(gateway.client.get(path), 401, "UNAUTHORIZED")
    for path in (
        "/api/reserve",
        "/api/pay",
        "/api/verify-otp",
        "/api/otp/resend",
        "/api/transfer/initiate",
        "/api/credits/topup",
        "/api/verify",
        "/api/auth/logout",
    ):
        assert_refused(gateway.client.post(path, json={}), 401, "UNAUTHORIZED")


def test_a_bad_token_is_unauthorized(gateway: Gateway) -> None:
    for headers in (
        {"Authorization": "Bearer nonsense"},
        gateway.bearer(OTHER_SECRET),
        gateway.bearer(algorithm="none"),
        gateway.bearer(iss="somebody"),
        gateway.bearer(iss=None),
        gateway.bearer(exp=None),
    ):
        response = gateway.client.get("/api/orders", headers=headers)
        assert_refused(response, 401, "UNAUTHORIZED")


def test_an_expired_token_is_refused(gateway: Gateway) -> None:
    response = gateway.client.get("/api/orders", headers=gateway.bearer(exp=1))
    assert_refused(response, 401, "TOKEN_EXPIRED", "UNAUTHORIZED")


def test_a_preflight_passes_without_a_token(gateway: Gateway) -> None:
    asked = {"Origin": OUR_PAGE, "Access-Control-Request-Method": "POST"}
    response = gateway.client.options("/api/reserve", headers=asked)
    assert response.status_code in (200, 204)
    assert response.headers["Access-Control-Allow-Origin"] == OUR_PAGE
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
    assert "POST" in response.headers["Access-Control-Allow-Methods"]


def test_our_pages_can_read_answers_and_refusals_and_foreign_ones_cannot(gateway: Gateway) -> None:
    for path in ("/api/events", "/api/orders"):
        ours = gateway.client.get(path, headers={"Origin": OUR_PAGE})
        assert ours.headers["Access-Control-Allow-Origin"] == OUR_PAGE
        foreign = gateway.client.get(path, headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in foreign.headers


@pytest.mark.parametrize("path", ["/api/events", "/api/orders", "/api/no-such-route"])
def test_the_callers_correlation_id_is_kept(gateway: Gateway, path: str) -> None:
    own = f"contract-test-{uuid4()}"
    response = gateway.client.get(path, headers={"X-Correlation-ID": own})
    assert response.headers.get_list("X-Correlation-ID") == [own]


def test_a_correlation_id_is_made_up_where_there_is_none(gateway: Gateway) -> None:
    answers = [gateway.client.get("/api/events").headers["X-Correlation-ID"] for _ in range(2)]
    assert all(answers) and answers[0] != answers[1]


def test_a_body_over_one_mebibyte_is_refused_whether_or_not_it_says_its_length(
    gateway: Gateway,
) -> None:
    pieces = (b"x" * 65536 for _ in range(2 * MIB // 65536))
    for body in (b"x" * 2 * MIB, pieces):
        response = gateway.client.post("/api/pay", content=body, headers=gateway.bearer())
        assert_refused(response, 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("path", ["/api/no-such-route", "/api/eventsfoo", "/nothing"])
def test_an_unknown_route_is_not_found(gateway: Gateway, path: str) -> None:
    assert_refused(gateway.client.get(path, headers=gateway.bearer()), 404, "NOT_FOUND")


def test_internal_routes_are_not_routed(gateway: Gateway) -> None:
    reads = (f"/users/{uuid4()}", "/orders", "/transfers", "/metrics", "/apidocs/", "/events")
    for path in reads:
        assert_refused(gateway.client.get(path, headers=gateway.bearer()), 404, "NOT_FOUND")
    for path in ("/credits/deduct", "/credits/refund", "/otp/send", "/orders"):
        response = gateway.client.post(path, json={}, headers=gateway.bearer())
        assert_refused(response, 404, "NOT_FOUND")


def test_a_token_that_calls_too_often_is_refused_for_the_rest_of_the_minute(
    gateway: Gateway,
) -> None:
    limit = int(gateway.settings.get("RATE_LIMIT_PER_MINUTE", 0))
    if not 0 < limit <= 200:
        pytest.skip("the limit is not known, or too high to be reached here")
    headers = gateway.bearer()
    # A minute may end meanwhile: within twice the limit, and one more, one refusal is certain.
    calls = (gateway.client.put("/api/reserve", headers=headers) for _ in range(2 * limit + 1))
    refused = next(response for response in calls if response.status_code == 429)
    assert_refused(refused, 429, "RATE_LIMITED")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
