"""How large a body may be, whether or not it says so."""

import socket
from collections.abc import Iterator

import pytest
from conftest import Gateway, assert_refused, bearer

MIB = 1048576


def _pieces(size: int, piece: int = 4096) -> Iterator[bytes]:
    for _ in range(size // piece):
        yield b"x" * piece


def test_a_body_over_the_limit_is_refused(gateway: Gateway) -> None:
    reached = len(gateway.stub.requests)
    for size in (MIB + 1, 2 * MIB):
        for path, headers in (("/api/pay", bearer()), ("/api/auth/login", {})):
            response = gateway.client.post(path, content=b"x" * size, headers=headers)
            assert_refused(response, 413, "PAYLOAD_TOO_LARGE")
    assert len(gateway.stub.requests) == reached


@pytest.mark.parametrize("length", [2**32, 2**32 + 10, 2**64 - 10, 10**15])
def test_no_length_is_too_large_to_be_compared(gateway: Gateway, length: int) -> None:
    reached = len(gateway.stub.requests)
    head = f"POST /api/auth/login HTTP/1.1\r\nHost: g\r\nContent-Length: {length}\r\n"
    answer = gateway.raw((head + "Connection: close\r\n\r\n0123456789").encode())
    assert answer.startswith((b"HTTP/1.1 413", b"HTTP/1.1 400"))
    assert len(gateway.stub.requests) == reached


def test_one_that_waits_to_be_asked_for_is_refused_too(gateway: Gateway) -> None:
    head = f"POST /api/auth/login HTTP/1.1\r\nHost: g\r\nContent-Length: {2 * MIB}\r\n"
    answer = gateway.raw((head + "Expect: 100-continue\r\nConnection: close\r\n\r\n").encode())
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("size", [52 * 1024, 64 * 1024, 2 * MIB, 8 * MIB])
def test_a_chunked_body_over_the_limit_reaches_no_service_and_is_told_the_way(
    gateway: Gateway, size: int
) -> None:
    reached = len(gateway.stub.requests)
    response = gateway.client.post("/api/pay", content=_pieces(size), headers=bearer())
    assert_refused(response, 413, "PAYLOAD_TOO_LARGE")
    assert response.json()["message"].startswith("Send a Content-Length: ")
    assert len(gateway.stub.requests) == reached


@pytest.mark.parametrize(("size", "piece"), [(8192, 1), (8192, 16), (48 * 1024, 4096)])
def test_a_small_chunked_body_arrives_whole(gateway: Gateway, size: int, piece: int) -> None:
    response = gateway.client.post("/api/auth/login", content=_pieces(size, piece))
    assert response.status_code == 200
    assert gateway.stub.requests[-1].body == b"x" * size


@pytest.mark.parametrize("large", ["X-Large: " + "h" * 40_000, "X-Large: " + "h" * 8_200])
def test_large_headers_do_not_hide_a_large_chunked_body(gateway: Gateway, large: str) -> None:
    reached = len(gateway.stub.requests)
    head = f"POST /api/auth/login HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n{large}\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as connection:
        connection.sendall(f"{head}\r\n".encode() + b"1000\r\n" + b"x" * 4096 + b"\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 413")
    assert len(gateway.stub.requests) == reached


def test_a_chunked_body_that_never_ends_reaches_no_service(gateway: Gateway) -> None:
    reached = len(gateway.stub.requests)
    head = b"POST /api/auth/login HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(head + b"5\r\nhello\r\n")
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 408") and b'"success":false' in answer
    assert len(gateway.stub.requests) == reached


def test_http_2_which_has_no_chunks_does_not_get_past_the_limit(gateway: Gateway) -> None:
    """A frame of settings would be the answer of who speaks it."""
    answer = gateway.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
    assert answer.startswith(b"HTTP/1.1 400")
