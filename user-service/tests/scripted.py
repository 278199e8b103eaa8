"""An HTTP server that answers what the test says, and remembers what it was asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any, NamedTuple


class Seen(NamedTuple):
    """A request that came."""

    path: str
    headers: dict[str, str]
    body: bytes


class Scripted:
    """Its address, what it answers next, and what it has seen."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.status, self.content = 200, b""
        self.seen: list[Seen] = []

    def answers(self, answer: Any, status: int = 200) -> None:
        """`answer` as it is if bytes, else as JSON."""
        self.status = status
        self.content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()


@contextmanager
def scripted() -> Iterator[Scripted]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            script.seen.append(Seen(self.path, dict(self.headers), body))
            self.send_response(script.status)
            self.send_header("Content-Length", str(len(script.content)))
            self.end_headers()
            self.wfile.write(script.content)

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    script = Scripted(server.server_port)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
