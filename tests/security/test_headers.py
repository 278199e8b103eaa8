"""Headers that want to be two, and lines of the log that want to be more."""

import json
import re
from uuid import uuid4

import pytest
from local_stack.stack import Stack

from asking import Keys
from http_raw import answers_in, request, send
from logs import Logs
from operations import REST_SERVICES

_LINE = '{"level": "INFO", "service": "user-service", "message": "forged", "correlation_id": "x"}'
_BREAKS = {
    "CR LF": "\r\n",
    "LF": "\n",
    "CR": "\r",
    "a folded line": "\r\n ",
    "an escaped CR LF": "%0d%0a",
    "a backslash": "\\r\\n",
    "NUL": "\0",
    "a vertical tab": "\x0b",
    "a form feed": "\x0c",
    "NEL": "\x85",
    "NEL in UTF-8": "\xc2\x85",
    "a line separator in UTF-8": "\xe2\x80\xa8",
    "a letter that becomes CR LF when it is cut": "\xe5\x98\x8d\xe5\x98\x8a",
    "a quotation mark": '"}',
    "a terminal's escape": "\x1b[2J",
}
_HEADERS = (
    "X-Correlation-ID",
    "Idempotency-Key",
    "Origin",
    "Authorization",
    "Stripe-Signature",
    "If-None-Match",
    "Accept",
    "Host",
    "User-Agent",
    "X-Forwarded-For",
)
_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_PATHS = ("/api/events/x", "/api/nowhere", "/api/credits/topup", "/api/webhooks/stripe", "/scanner")


@pytest.mark.parametrize("name", _HEADERS)
@pytest.mark.parametrize("line_break", _BREAKS)
def test_no_value_of_a_header_becomes_a_header_or_a_line_of_the_log(
    stack: Stack, keys: Keys, logs: Logs, name: str, line_break: str
) -> None:
    value = f"some-value{_BREAKS[line_break]}X-Injected: {_BREAKS[line_break]}{_LINE}"
    for process in ("gateway", *REST_SERVICES):
        for path in _PATHS:
            authorization = () if name == "Authorization" else keys["login"]
            method = "GET" if path == "/scanner" else "POST"
            sent = request(method, path, f"{name}: {value}", *authorization)
            for answer in send(stack.ports[process], sent):
                assert answer.status < 500, (process, path)
                assert answer.header("X-Injected") == []
                ids = answer.header("X-Correlation-ID")
                page_of_haproxy = answer.body.startswith(b"<html><body><h1>4")
                assert page_of_haproxy or (len(ids) == 1 and _ID.fullmatch(ids[0])), ids
    logs.complete()
    for process in ("gateway", *REST_SERVICES):
        assert not [one for one in logs.records(process) if one["message"] == "forged"]


@pytest.mark.parametrize("line_break", _BREAKS)
def test_no_value_in_path_or_body_becomes_a_line_of_the_log(
    stack: Stack, keys: Keys, logs: Logs, line_break: str
) -> None:
    value = f"{uuid4()}{_BREAKS[line_break]}{_LINE}"
    escaped = "".join(f"%{byte:02x}" for byte in value.encode())
    fields = ("email", "password", "full_name", "reason", "qr_payload", "otp_code", "seat_id")
    body = json.dumps(dict.fromkeys(fields, value)).encode()
    for process in ("gateway", *REST_SERVICES):
        for method, path, carried in (
            ("GET", f"/api/events/{escaped}", b""),
            ("GET", f"/api/orders/{escaped}?status={escaped}", b""),
            ("GET", f"/scanner/{escaped}", b""),
            ("GET", f"/{escaped}", b""),
            ("POST", "/api/auth/login", body),
            ("POST", "/api/verify", body),
        ):
            headers = (*keys["login"], f"Content-Length: {len(carried)}")
            sent = request(method, path, *headers, body=carried)
            (answer,) = send(stack.ports[process], sent)
            assert 400 <= answer.status < 500, (process, path)
            assert answer.refusal
    logs.complete()
    for process in ("gateway", *REST_SERVICES):
        assert not [one for one in logs.records(process) if one["message"] == "forged"]


@pytest.mark.parametrize("key", ["a" * 201, "", "caf\xe9", "a\tb", "\x7f"])
def test_a_key_that_stripe_would_not_take_is_refused(stack: Stack, keys: Keys, key: str) -> None:
    body = b'{"amount": 5}'
    headers = (*keys["login"], f"Content-Length: {len(body)}", f"Idempotency-Key: {key}")
    for port in (stack.ports["gateway"], stack.ports["orchestrator"]):
        (answer,) = send(port, request("POST", "/api/credits/topup", *headers, body=body))
        assert answer.refusal == (400, "VALIDATION_ERROR")


def test_what_the_caller_says_of_where_we_are_is_not_believed(stack: Stack) -> None:
    for port in (stack.ports["gateway"], stack.ports["orchestrator"]):
        for lie in (
            "Host: evil.example",
            "X-Forwarded-Host: evil.example",
            "Forwarded: host=evil.example",
        ):
            (answer,) = send(port, request("GET", "/scanner", lie))
            assert answer.status in (302, 308), answer
            assert answer.header("Location") == ["/scanner/"]
            assert b"evil.example" not in answer.body


@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r"])
def test_a_header_that_a_value_has_become_is_noticed(line_break: str) -> None:
    """The negative control."""
    head = f"HTTP/1.1 302 Found\r\nLocation: /a{line_break}X-Injected: 1\r\n\r\n"
    if line_break == "\r\n":
        assert answers_in(head.encode())[0].header("X-Injected") == ["1"]
    else:
        with pytest.raises(AssertionError):
            answers_in(head.encode())
