"""The order service as the inventory service sees it: HTTP over a socket, answers as told."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from common.errors import AppError, ErrorCode


class OrderStub:
    """Remembers every call; `refusal` is answered to each for as long as it is set."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.refusal: ErrorCode | None = None
        self._server: ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def failed(self, order_id: object) -> bool:
        """Whether the order was set FAILED."""
        return any(call["path"] == f"/orders/{order_id}" for call in self.calls)

    def start(self) -> None:
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_PATCH(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stub.calls.append(
                    {"path": self.path, "body": body, "headers": dict(self.headers.items())}
                )
                refusal = stub.refusal
                answer = {"success": True, "data": {}}
                if refusal:
                    answer = AppError(refusal, "No.").body()
                content = json.dumps(answer).encode()
                self.send_response(refusal.http_status if refusal else 200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Nobody listens on the port any more."""
        self._server.shutdown()
        self._server.server_close()
