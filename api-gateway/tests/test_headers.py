"""CORS, the correlation ID, and what of a caller's headers a service may see."""

import json
import re

import pytest
from conftest import Gateway, assert_refused, bearer

ORIGINS = ["http://localhost:3000", "http://localhost:5173", "https://tickets.example.com"]
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_preflight_passes_without_a_token(gateway: Gateway, origin: str) -> None:
    reached = len(gateway.stub.requests)
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    response = gateway.client.options("/api/reserve", headers=asked)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == origin
    assert response.headers["Access-Control-Allow-Credentials"] == "true"
    assert response.headers["Access-Control-Max-Age"] == "3600"
    assert response.headers["Access-Control-Allow-Methods"] == "GET, POST, PATCH, DELETE, OPTIONS"
    allowed = response.headers["Access-Control-Allow-Headers"].split(", ")
    assert {"Authorization", "Content-Type", "Idempotency-Key", "apikey"} <= set(allowed)
    assert response.headers["X-Correlation-ID"]
    assert len(gateway.stub.requests) == reached


@pytest.mark.parametrize("origin", ["http://evil.example", "http://localhost:30000", "null"])
def test_a_foreign_origin_is_never_echoed(gateway: Gateway, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for response in (
        gateway.client.options("/api/reserve", headers=asked),
        gateway.client.get("/api/events", headers={"Origin": origin}),
    ):
        assert response.status_code == 200
        assert "Access-Control-Allow-Origin" not in response.headers


@pytest.mark.parametrize("path", ["/api/events", "/api/orders", "/api/nothing"])
def test_answers_and_refusals_alike_can_be_read_by_our_pages(gateway: Gateway, path: str) -> None:
    response = gateway.client.get(path, headers={"Origin": ORIGINS[0]})
    assert response.headers["Access-Control-Allow-Origin"] == ORIGINS[0]
    assert "X-Correlation-ID" in response.headers["Access-Control-Expose-Headers"]
    assert "Origin" in response.headers["Vary"]


@pytest.mark.parametrize("path", ["/api/events", "/api/orders", "/api/nothing"])
def test_the_callers_correlation_id_is_kept(gateway: Gateway, path: str) -> None:
    response = gateway.client.get(path, headers={"X-Correlation-ID": "my-own-id-1"})
    assert response.headers.get_list("X-Correlation-ID") == ["my-own-id-1"]


def test_the_service_gets_the_id_that_the_caller_gets(gateway: Gateway) -> None:
    response = gateway.client.get("/api/events")
    made_up = response.headers.get_list("X-Correlation-ID")
    assert len(made_up) == 1 and UUID.fullmatch(made_up[0])
    assert gateway.stub.requests[-1].header("X-Correlation-ID") == made_up


@pytest.mark.parametrize("bad", ["short", "x" * 65, 'with "quotes"', "two,values-in-one"])
def test_an_id_that_no_service_would_take_is_replaced(gateway: Gateway, bad: str) -> None:
    response = gateway.client.get("/api/orders", headers={"X-Correlation-ID": bad})
    assert_refused(response, 401, "UNAUTHORIZED")
    assert UUID.fullmatch(response.headers["X-Correlation-ID"])


def test_an_internal_token_does_not_get_through(gateway: Gateway) -> None:
    gateway.client.get("/api/orders", headers=bearer() | {"x-internal-token": "guess"})
    assert gateway.stub.requests[-1].header("X-Internal-Token") == []


def test_the_callers_word_on_its_address_is_not_believed(gateway: Gateway) -> None:
    said = {"X-Forwarded-For": "10.9.8.7", "X-Forwarded-Proto": "https"}
    gateway.client.get("/api/events", headers=said)
    assert gateway.stub.requests[-1].header("X-Forwarded-For") == ["127.0.0.1"]
    assert gateway.stub.requests[-1].header("X-Forwarded-Proto") == ["http"]


def test_the_log_has_a_json_line_without_query_and_token(gateway: Gateway) -> None:
    headers = bearer() | {"X-Correlation-ID": "log-line-of-this-test"}
    gateway.client.get('/api/orders/"quoted"?secret=in-the-query', headers=headers)
    gateway.client.get("/health")  # its line comes after the first one's
    text = gateway.log.read_text()
    line = next(row for row in text.splitlines() if "log-line-of-this-test" in row)
    entry = json.loads(line)
    assert (entry["method"], entry["status"], entry["route"]) == ("GET", 200, "platform")
    assert "in-the-query" not in text and headers["Authorization"][7:] not in text


@pytest.mark.parametrize("method", ["GET", "PATCH", "OPTIONS", "BREW"])
def test_the_log_names_the_method_whatever_it_is(gateway: Gateway, method: str) -> None:
    own = f"a-method-of-this-test-{method}"
    gateway.client.request(method, "/api/nothing", headers={"X-Correlation-ID": own})
    gateway.client.get("/health")  # its line comes after
    (line,) = (row for row in gateway.log.read_text().splitlines() if own in row)
    assert json.loads(line)["method"] == method


@pytest.mark.parametrize("long", ["GET /" + "a" * 9000, "GET /" + '"' * 9000, "G" * 9000 + " /"])
def test_a_line_of_the_log_is_whole_however_long_the_request(gateway: Gateway, long: str) -> None:
    own = f"a-long-one-{hash(long) % 10**9}"
    head = f"{long} HTTP/1.1\r\nHost: g\r\nX-Correlation-ID: {own}\r\nConnection: close\r\n\r\n"
    assert gateway.raw(head.encode()).startswith(b"HTTP/1.1 404")
    gateway.client.get("/health")  # its line comes after
    (line,) = (row for row in gateway.log.read_text().splitlines() if own in row)
    assert json.loads(line)["status"] == 404
