"""Requests that two readers might read differently: refused, and never taken for another one."""

from itertools import product
from uuid import uuid4

import pytest
from local_stack.stack import Stack

from common.testing import wait_for
from http_raw import RawAnswer, request, send
from logs import Logs
from operations import REST_SERVICES

_PUBLIC = "/api/auth/login"
# how long the body is, said in ways on which gateway and service might not agree
_FRAMINGS = (
    ("Content-Length: 5", "Transfer-Encoding: chunked"),
    ("Transfer-Encoding: chunked", "Content-Length: 5"),
    ("Transfer-Encoding: chunked", "Content-Length: 500"),
    ("Content-Length: 2", "Content-Length: 200"),
    ("Content-Length: 200", "Content-Length: 2"),
    ("Content-Length: 2, 2",),
    ("Content-Length: 2, 200",),
    *(
        (f"Content-Length:{value}",)
        for value in (" +2", " -2", " 0x2", " 2_0", " 2 0", "", " 2;", "\t2")
    ),
    *((f"Content-Length{value}: 2",) for value in (" ", "\t", "\0", "_", "\x0b")),
    ("Content_Length: 2", "Transfer-Encoding: chunked"),
    *(
        (f"Transfer-Encoding:{value}", "Content-Length: 2")
        for value in (
            " xchunked",
            " chunked, identity",
            " identity, chunked",
            " chunked, chunked",
            " gzip, chunked",
            "\tchunked",
            " \x0bchunked",
            " chunked\x0b",
            " CHUNKED",
            " chunked;a=b",
            ' "chunked"',
            "\n chunked",
            "\r\n chunked",
            "",
        )
    ),
    *((f"Transfer-Encoding{value}: chunked", "Content-Length: 2") for value in (" ", "\t", "\0")),
    ("Transfer_Encoding: chunked", "Content-Length: 2"),
    ("X-A: b\nTransfer-Encoding: chunked", "Content-Length: 2"),
    ("X-A: b\rTransfer-Encoding: chunked", "Content-Length: 2"),
    ("Transfer-Encoding: identity", "Transfer-Encoding: chunked"),
    ("Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
    ("Connection: Content-Length", "Content-Length: 2"),
    ("Connection: Transfer-Encoding", "Transfer-Encoding: chunked"),
    ("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk"),
    ("Expect: 100-continue", "Content-Length: 2"),
    ("Expect: 100-continue\r\nTransfer-Encoding: chunked", "Content-Length: 2"),
)
_BODIES = (
    "{hidden}",
    "{{}}{hidden}",
    "0\r\n\r\n{hidden}",
    "0\n\n{hidden}",
    "2\r\n{{}}\r\n0\r\n\r\n{hidden}",
    "2;a=b\r\n{{}}\r\n0\r\n\r\n{hidden}",
    "2\n{{}}\n0\n\n{hidden}",
    "2;\n{hidden}\r\n0\r\n\r\n",
    "0x2\r\n{{}}\r\n0\r\n\r\n{hidden}",
    "00000000000000000000002\r\n{{}}\r\n0\r\n\r\n{hidden}",
    "100000000000000002\r\n{{}}\r\n0\r\n\r\n{hidden}",
    "0\r\nContent-Length: 5\r\n\r\n{hidden}",
)
_WHOLE = {
    "nothing": b"\r\n\r\n",
    "one word": b"GET\r\n\r\n",
    "no version": b"GET /api/events\r\n\r\n",
    "no number": b"GET /api/events HTTP/1.x\r\nHost: g\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64) + b"\r\n\r\n",
    "small letters": b"get /api/events HTTP/1.1\r\nHost: g\r\n\r\n",
    "an odd method": b"GE(T /api/events HTTP/1.1\r\nHost: g\r\n\r\n",
    "a long method": b"G" * 20_000 + b" /api/events HTTP/1.1\r\nHost: g\r\n\r\n",
    "TRACE": b"TRACE /api/events HTTP/1.1\r\nHost: g\r\n\r\n",
    "CONNECT": b"CONNECT order-service:5001 HTTP/1.1\r\nHost: order-service:5001\r\n\r\n",
    "two hosts": b"GET /api/events/x HTTP/1.1\r\nHost: g\r\nHost: h\r\n\r\n",
    "no colon": b"GET /api/events HTTP/1.1\r\nHost: g\r\nX-A\r\n\r\n",
    "no name": b"GET /api/events HTTP/1.1\r\nHost: g\r\n: a\r\n\r\n",
    "a blank in a name": b"GET /api/events HTTP/1.1\r\nHost: g\r\nX A: a\r\n\r\n",
    "NUL in a value": b"GET /api/events HTTP/1.1\r\nHost: g\r\nX-A: a\0b\r\n\r\n",
    "a blank in the path": b"GET /api/events/a b HTTP/1.1\r\nHost: g\r\n\r\n",
    "bytes in the path": b"GET /api/events/\xff\xfe HTTP/1.1\r\nHost: g\r\n\r\n",
    "a NUL in the path": b"GET /api/events/\0 HTTP/1.1\r\nHost: g\r\n\r\n",
    "no escape in the path": b"GET /api/events/%zz HTTP/1.1\r\nHost: g\r\n\r\n",
    "no UTF-8 in the path": b"GET /api/events/%ff%fe HTTP/1.1\r\nHost: g\r\n\r\n",
    "no UTF-8 in the query": b"GET /api/events/x?page=%ff%fe HTTP/1.1\r\nHost: g\r\n\r\n",
    "a path of 5,000": b"GET /api/events/" + b"a" * 5_000 + b" HTTP/1.1\r\nHost: g\r\n\r\n",
    "a path of 200,000": b"GET /api/events/" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: g\r\n\r\n",
    "a query of 5,000": b"GET /api/events/x?" + b"a" * 5_000 + b" HTTP/1.1\r\nHost: g\r\n\r\n",
    "1,000 parameters": b"GET /api/events/x?" + b"a&" * 1_000 + b" HTTP/1.1\r\nHost: g\r\n\r\n",
    "a header of 9,000": b"GET /api/events/x HTTP/1.1\r\nHost: g\r\nX-A: "
    + b"a" * 9_000
    + b"\r\n\r\n",
    "one of 200,000": b"GET /api/events/x HTTP/1.1\r\nHost: g\r\nX-A: "
    + b"a" * 200_000
    + b"\r\n\r\n",
    "a token of 9,000": b"GET /api/orders HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer "
    + b"a" * 9_000
    + b"\r\n\r\n",
    "98 headers": b"GET /api/events/x HTTP/1.1\r\nHost: g\r\n" + b"X-A: a\r\n" * 97 + b"\r\n",
    "5,000 headers": b"GET /api/events/x HTTP/1.1\r\nHost: g\r\n" + b"X-A: a\r\n" * 5_000 + b"\r\n",
    "an expectation": b"POST /api/auth/login HTTP/1.1\r\nHost: g\r\nExpect: gold\r\n"
    b"Content-Length: 2\r\n\r\n{}",
}


def is_refused(answer: RawAnswer, by_haproxy: bool) -> bool:
    """A 4xx in the envelope; what breaks HTTP itself, HAProxy answers with a page of its own."""
    if by_haproxy and answer.body.startswith(b"<html><body><h1>4"):
        return answer.status in (400, 422)
    return 400 <= answer.refusal[0] < 500


@pytest.mark.parametrize("what", _WHOLE)
def test_what_is_no_request_is_refused_by_gateway_and_services(stack: Stack, what: str) -> None:
    for name in ("gateway", *REST_SERVICES):
        answers = send(stack.ports[name], _WHOLE[what])
        assert answers or what == "nothing", name
        for answer in answers:
            assert is_refused(answer, name == "gateway"), (name, answers)


@pytest.mark.parametrize("framing", _FRAMINGS, ids=repr)
def test_no_request_gets_past_the_gateway_inside_another_one(
    stack: Stack, logs: Logs, framing: tuple[str, ...]
) -> None:
    """Whatever a service takes for a request, the gateway has taken for one, too."""
    port, tried = stack.ports["gateway"], {}
    for target, body in product((_PUBLIC, "/api/events"), _BODIES):
        own, hidden = f"outer-{uuid4()}", f"hidden-{uuid4()}"
        inner = (
            f"GET /api/events/{hidden} HTTP/1.1\r\nHost: g\r\nX-Correlation-ID: {hidden}\r\n\r\n"
        )
        tried[hidden] = body
        head = ("POST " + target + " HTTP/1.1", "Host: g", f"X-Correlation-ID: {own}", *framing)
        sent = "\r\n".join((*head, "", "")) + body.format(hidden=inner)
        for answer in send(port, sent.encode("latin-1")):
            assert answer.status < 500, (framing, body, answer)
        innocent = f"innocent-{uuid4()}"
        (answer,) = send(port, request("GET", "/api/events/x", f"X-Correlation-ID: {innocent}"))
        assert answer.header("X-Correlation-ID") == [innocent], (framing, body)
    # the gateway may write a line down after it has answered
    wait_for(lambda: not tried.keys() & got_past(logs), f"nothing to get past by {framing}")


def got_past(logs: Logs) -> set[str]:
    """The requests that a service saw, and the gateway did not."""
    seen = logs.complete().requests().items()
    return {own for own, those in seen if "gateway" not in {name for name, _, _ in those}}


def test_a_request_that_got_past_would_be_noticed(stack: Stack, logs: Logs) -> None:
    """The negative control."""
    for port, expected in ((stack.ports["event"], True), (stack.ports["gateway"], False)):
        own = f"control-{uuid4()}"
        path = "/events/x" if expected else "/api/events/x"
        send(port, request("GET", path, f"X-Correlation-ID: {own}"))
        assert (own in got_past(logs)) is expected
