"""Requests as no client would send them, byte by byte, and all that comes back."""

import json
import re
import socket
from contextlib import suppress
from dataclasses import dataclass

_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n")
_LINE_END = re.compile("[\r\n]")
_PATIENCE_SECONDS = 15


@dataclass(frozen=True)
class RawAnswer:
    """One answer of a connection."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code of an error in the envelope, with its one correlation ID."""
        body = json.loads(self.body)
        assert body["success"] is False and len(self.header("X-Correlation-ID")) == 1
        return self.status, body["error_code"]


def send(port: int, request: bytes, to_the_end: bool = True) -> list[RawAnswer]:
    """Send this on a connection of its own; its answers until it is closed.

    `to_the_end`: and say that nothing more will come.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_SECONDS) as connection:
        received = b""
        # who has heard enough of us hangs up: what it said before counts
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(request)
        with suppress(OSError):
            if to_the_end:
                connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                received += piece
    return answers_in(received)


def request(method: str, path: str, *headers: str, body: bytes = b"") -> bytes:
    """A request that ends its connection; a body has to be spoken of in the headers.

    It is for the gateway, where no header says another host.
    """
    host = () if any(one.startswith("Host:") for one in headers) else ("Host: gateway",)
    head = (f"{method} {path} HTTP/1.1", *host, "Connection: close", *headers, "", "")
    return "\r\n".join(head).encode("latin-1") + body


def answers_in(received: bytes) -> list[RawAnswer]:
    """Every answer in what a connection gave; AssertionError where it is not HTTP."""
    answers = []
    while match := _STATUS.match(received):
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")[1:]
        headers = [
            (name.lower(), value) for name, _, value in (one.partition(": ") for one in lines)
        ]
        # to some a single one of both ends a line too
        assert not _LINE_END.search("".join(lines)), f"a header of several lines: {head!r}"
        length = int(dict(headers).get("content-length", len(rest)))
        answers.append(RawAnswer(int(match[1]), headers, rest[:length]))
        received = rest[length:]
    assert not received, f"no answer of HTTP: {received[:200]!r}"
    return answers
