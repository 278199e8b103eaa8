"""A real HAProxy on the rendered kong.yml, in front of a stub that remembers what reached it."""

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import jwt
import pytest

from kong_config import load
from render_haproxy import render

KONG_YML = Path(__file__).parent.parent / "kong.yml"
# Quotes, commas, brackets, a dollar: a secret must not have to suit a configuration language.
SECRET = 'a "secret", with (odd) $characters \\ and long enough for whatever algorithm'
SETTINGS = {
    "RATE_LIMIT_PER_MINUTE": "5000",
    "RATE_LIMIT_SCAN_PER_MINUTE": "5000",
    "RATE_LIMIT_AUTH_PER_MINUTE": "5000",
    "PUBLIC_ORIGIN": "https://tickets.example.com",
}
SERVICES = ("user-service", "event-service", "orchestrator-service")


@dataclass
class Received:
    """One request as the service saw it."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> list[str]:
        """Every value of a header."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def _answer(self) -> None:
        received = Received(self.command, self.path, list(self.headers.items()), self._body())
        self.server.requests.append(received)
        time.sleep(float(self.headers.get("X-Stub-Delay", 0)))
        if "X-Stub-Hang-Up" in self.headers:
            self.close_connection = True
            return
        body = json.dumps({"method": self.command, "path": self.path}).encode()
        self.send_response(int(self.headers.get("X-Stub-Status", 200)))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Correlation-ID", self.headers["X-Correlation-ID"])
        self.end_headers()
        self.wfile.write(body)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    do_GET = do_POST = do_PATCH = do_DELETE = do_OPTIONS = do_PUT = _answer

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


class Stub(ThreadingHTTPServer):
    """A service that answers everything and remembers it."""

    daemon_threads = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.requests: list[Received] = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        """host:port"""
        return f"127.0.0.1:{self.server_address[1]}"


@dataclass
class Gateway:
    """A running gateway, and what a test needs to call it."""

    port: int
    stub: Stub
    log: Path
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=10)

    def raw(self, request: bytes) -> bytes:
        """Send bytes as they are, and return all that comes until the gateway hangs up."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def start_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Gateway]]:
    """Starts gateways with settings and a kong.yml of a test's own; ends them all."""
    processes: list[subprocess.Popen[bytes]] = []

    def start(
        text: str = KONG_YML.read_text(),
        upstream: str = "",
        secret: str = SECRET,
        tls_cert: Path | None = None,
        tls_bind: str = "",
        **settings: str,
    ) -> Gateway:
        stub, port, folder = Stub(), free_port(), tmp_path_factory.mktemp("gateway")
        upstreams = dict.fromkeys(SERVICES, upstream or stub.address)
        config = render(
            load(text, SETTINGS | settings), upstreams, f"127.0.0.1:{port}", tls_bind, tls_cert
        )
        (folder / "haproxy.cfg").write_text(config)
        with (folder / "log").open("wb") as log:
            processes.append(
                subprocess.Popen(
                    ["haproxy", "-db", "-f", folder / "haproxy.cfg"],
                    env=os.environ | {"JWT_SECRET": secret},
                    stdout=log,
                    stderr=log,
                )
            )
        _wait_until_it_listens(port, processes[-1], folder / "log")
        return Gateway(port, stub, folder / "log")

    yield start
    for process in processes:
        process.terminate()
        process.wait()


def _wait_until_it_listens(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise RuntimeError(f"HAProxy does not listen: {log.read_text()}")


@pytest.fixture(scope="session")
def gateway(start_gateway: Callable[..., Gateway]) -> Gateway:
    """The gateway as kong.yml has it, with limits that no test reaches."""
    return start_gateway()


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: object) -> str:
    """An access token; a claim given as None is left out."""
    now = int(time.time())
    merged = {"sub": "u", "iss": "ticketremaster", "type": "access", "iat": now, "exp": now + 900}
    merged |= {"jti": os.urandom(8).hex()} | claims
    given = {name: value for name, value in merged.items() if value is not None}
    return jwt.encode(given, secret if algorithm != "none" else None, algorithm=algorithm)


def bearer(*args: str, **claims: object) -> dict[str, str]:
    """The header with such a token."""
    return {"Authorization": f"Bearer {token(*args, **claims)}"}


def assert_refused(response: httpx.Response, status: int, code: str) -> None:
    """The status, the code in the envelope, and exactly one correlation ID."""
    assert (response.status_code, response.json()["error_code"]) == (status, code), response.text
    assert response.json()["success"] is False and response.json()["message"]
    assert response.headers["Content-Type"] == "application/json"
    assert len(response.headers.get_list("X-Correlation-ID")) == 1
