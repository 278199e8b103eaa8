"""What every REST service has: envelope, correlation ID, /health, /metrics."""

import io
import re
from typing import Any

import pytest
from conftest import BrokenCheck
from flask import Flask
from flask.testing import FlaskClient

from common import correlation, deadline


def error_of(answer: Any) -> tuple[int, str]:
    body = answer.get_json()
    assert body["success"] is False and body["message"]
    assert answer.content_type == "application/json"
    assert answer.headers["X-Correlation-ID"]
    return answer.status_code, body["error_code"]


def test_a_failure_the_caller_may_know_about(client: FlaskClient) -> None:
    answer = client.get("/things/00000000-0000-0000-0000-000000000001")
    assert error_of(answer) == (404, "SEAT_NOT_FOUND")
    assert answer.get_json()["details"] == {"thing_id": "00000000-0000-0000-0000-000000000001"}


@pytest.mark.parametrize("path", ["/nowhere", "/things/a/b", "//things", "/named//a", "/named/"])
def test_no_such_route(client: FlaskClient, path: str) -> None:
    assert error_of(client.get(f"http://localhost{path}")) == (404, "NOT_FOUND")


def test_a_slash_at_the_end_makes_no_difference(client: FlaskClient) -> None:
    assert client.get("/things/").status_code == 200


def test_a_method_the_route_has_not_names_those_it_has(client: FlaskClient) -> None:
    answer = client.delete("/things")
    assert error_of(answer) == (405, "METHOD_NOT_ALLOWED")
    assert {"GET", "POST"} <= set(answer.allow)


def test_a_body_over_1_mib_is_too_large(client: FlaskClient) -> None:
    assert error_of(client.post("/things", data=b" " * (1024 * 1024 + 1))) == (
        413,
        "PAYLOAD_TOO_LARGE",
    )
    assert error_of(client.post("/things", data=b" " * 1024 * 1024)) == (400, "VALIDATION_ERROR")


def test_so_is_one_that_does_not_say_how_large_it_is(client: FlaskClient) -> None:
    chunked = {"wsgi.input_terminated": True}
    body = io.BytesIO(b"{}" + b" " * 1024 * 1024)
    answer = client.post("/things", input_stream=body, environ_overrides=chunked)
    assert error_of(answer) == (413, "PAYLOAD_TOO_LARGE")


def test_a_bug_says_nothing_of_the_inside_but_is_logged(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = client.post("/bug")
    assert error_of(answer) == (500, "INTERNAL_ERROR")
    assert b"12345" not in answer.data and b"RuntimeError" not in answer.data
    assert "the secret is 12345" in caplog.text


@pytest.mark.parametrize("given", ["12345678", "a" * 64, "0f8fad5b-d9cb-469f-a165-70867728950e"])
def test_the_callers_correlation_id_is_kept(client: FlaskClient, given: str) -> None:
    answer = client.get("/named/a", headers={"X-Correlation-ID": given})
    assert answer.headers["X-Correlation-ID"] == given
    assert answer.get_json()["data"]["correlation_id"] == given


@pytest.mark.parametrize(
    "given", [None, "", "1234567", "a" * 65, "with space", "under_score", "ünïcödé-id", "a;b;c;d;e"]
)
def test_one_that_is_not_acceptable_is_replaced(client: FlaskClient, given: str | None) -> None:
    headers = {} if given is None else {"X-Correlation-ID": given}
    answers = [client.get("/named/a", headers=headers) for _ in range(2)]
    ids = [answer.headers["X-Correlation-ID"] for answer in answers]
    assert given not in ids and ids[0] != ids[1]
    assert all(re.fullmatch(r"[A-Za-z0-9-]{8,64}", one) for one in ids)
    assert answers[0].get_json()["data"]["correlation_id"] == ids[0]


def test_a_line_feed_in_a_correlation_id_is_not_let_through() -> None:
    assert correlation.adopt("12345678\n") != "12345678\n"


def test_values_have_the_form_of_the_contract(client: FlaskClient) -> None:
    text = client.get("/named/a").get_data(as_text=True)
    assert '"price":350.00' in text
    assert '"at":"2031-01-02T03:04:05.678Z"' in text
    assert '"owner_id":"00000000-0000-0000-0000-000000000001"' in text
    assert '"colour":"red"' in text


def test_health_is_bare_and_says_what_is_connected(client: FlaskClient, check: BrokenCheck) -> None:
    answer = client.get("/health")
    assert answer.status_code == 200
    timestamp = answer.get_json()["timestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", timestamp)
    assert answer.get_json() == {
        "status": "healthy",
        "service": "things",
        "timestamp": timestamp,
        "checks": {"shelf": "connected"},
    }
    check.broken = True
    answer = client.get("/health")
    assert (answer.status_code, answer.get_json()["status"]) == (503, "unhealthy")
    assert answer.get_json()["checks"] == {"shelf": "disconnected"}


def test_metrics_count_requests_by_route_and_not_by_path(client: FlaskClient) -> None:
    name = "a-name-that-is-in-no-label"
    client.get(f"/named/{name}")
    client.get(f"/{name}")
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain")
    text = answer.get_data(as_text=True)
    label = '{method="GET",route="/named/<name>",status="200"}'
    assert f"http_request_seconds_count{label}" in text
    assert 'route="no route",status="404"' in text
    assert name not in text


def test_every_request_has_a_deadline_and_what_comes_after_it_none(
    app: Flask, client: FlaskClient
) -> None:
    app.add_url_rule("/left", "left", lambda: {"left": deadline.left(60)})
    assert 0 < client.get("/left").get_json()["left"] <= deadline.REQUEST_SECONDS < 10
    assert deadline.left(60) == 60
