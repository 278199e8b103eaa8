"""Which path reaches which service, and which reaches none."""

import pytest
from conftest import Gateway, assert_refused, bearer

PROTECTED = [
    "/api/auth/logout",
    "/api/reserve",
    "/api/pay",
    "/api/verify-otp",
    "/api/otp/resend",
    "/api/orders",
    "/api/orders/1",
    "/api/orders/1/refund",
    "/api/transfer/initiate",
    "/api/transfers",
    "/api/transfers/1",
    "/api/verify",
    "/api/events/1/entries",
    "/api/tickets",
    "/api/tickets/1/qr",
    "/api/credits/balance",
    "/api/credits/ledger",
    "/api/credits/topup",
    "/api/admin/credits/grant",
    "/api/admin/users/1",
]
PUBLIC = [
    ("/api/auth/register", "/api/auth/register"),
    ("/api/auth/login", "/api/auth/login"),
    ("/api/auth/refresh", "/api/auth/refresh"),
    ("/api/webhooks/stripe", "/api/webhooks/stripe"),
    ("/api/events", "/events"),
    ("/api/events?page=2&per_page=5", "/events?page=2&per_page=5"),
    ("/api/events/1", "/events/1"),
    ("/health", "/health"),
    ("/scanner", "/scanner"),
    ("/scanner/", "/scanner/"),
    ("/scanner/app.js", "/scanner/app.js"),
]
UNROUTED = [
    "/",
    "/api",
    "/api/nothing",
    "/api/eventsfoo",
    "/api/reserve/1",
    "/api/verify/1",
    "/api/auth/loginx",
    "/api/ordersfoo",
    "/api/auth",
    "/scannerx",
    "/users/1",
    "/users/1/risk",
    "/orders",
    "/transfers",
    "/credits/deduct",
    "/credits/topup",
    "/otp/send",
    "/events",
    "/metrics",
    "/apidocs/",
    "/status",
    "/api/events/../../metrics",
    "/api/events/%2e%2e/metrics",
    "/api/events/..%2fmetrics",
    "/scanner//metrics",
]


@pytest.mark.parametrize("path", PROTECTED)
def test_a_protected_route_wants_a_token_and_passes_with_one(gateway: Gateway, path: str) -> None:
    assert_refused(gateway.client.post(path), 401, "UNAUTHORIZED")
    assert gateway.client.post(path, headers=bearer()).json() == {"method": "POST", "path": path}


@pytest.mark.parametrize(("path", "upstream_path"), PUBLIC)
def test_a_public_route_wants_none(gateway: Gateway, path: str, upstream_path: str) -> None:
    assert gateway.client.get(path).json() == {"method": "GET", "path": upstream_path}


@pytest.mark.parametrize("path", UNROUTED)
def test_any_other_path_is_no_route_even_with_a_token(gateway: Gateway, path: str) -> None:
    reached = len(gateway.stub.requests)
    answer = gateway.raw(
        f"GET {path} HTTP/1.1\r\nHost: g\r\nAuthorization: {bearer()['Authorization']}\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    assert answer.startswith(b"HTTP/1.1 404") and b'"error_code":"NOT_FOUND"' in answer
    assert answer.lower().count(b"x-correlation-id:") == 1
    assert len(gateway.stub.requests) == reached


def test_the_service_answers_for_a_wrong_method(gateway: Gateway) -> None:
    for method in ("PUT", "DELETE", "PATCH", "GET"):
        headers = bearer() | {"X-Stub-Status": "405"}
        response = gateway.client.request(method, "/api/reserve", headers=headers)
        assert (response.status_code, response.json()["method"]) == (405, method)


def test_a_body_arrives_as_it_was_sent(gateway: Gateway) -> None:
    body = b"x" * 1048576
    assert gateway.client.post("/api/auth/login", content=body).status_code == 200
    assert gateway.stub.requests[-1].body == body
