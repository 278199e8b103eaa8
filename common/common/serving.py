"""gunicorn's worker: a broken request is answered in the envelope too, and never as a bug."""

import select
import threading
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from gunicorn import util
from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.http import errors, wsgi
from gunicorn.http.body import ChunkedReader
from gunicorn.workers.gthread import ThreadWorker

from common import correlation, encoding
from common.errors import AppError, ErrorCode

_Wsgi = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
# of our own making, although gunicorn counts them among what can be wrong with a request
_OURS = (
    errors.ConfigurationProblem,
    errors.InvalidResponseHeader,
    errors.InvalidResponseHeaderName,
)


# How long a thread waits for the next request of a connection before it goes back among the idle
# ones: longer than a saga's next step takes, and than most clients of the gateway's connection.
_LINGER_MILLISECONDS = 250


class Logger(GunicornLogger):
    """Without access lines: each service writes its own (flask_defaults)."""

    access_log_enabled = False


class _Collected:
    """In a socket's place: keeps what would be sent."""

    def __init__(self) -> None:
        self.sent = b""

    def sendall(self, data: bytes) -> None:
        self.sent += data


class Response(wsgi.Response):
    """Head and body leave together, so that whoever waits for them is woken once."""

    _head = b""

    def send_headers(self) -> None:
        """See gunicorn.http.wsgi.Response; they wait for what follows them."""
        if not self.headers_sent:
            sock, self.sock = self.sock, _Collected()
            super().send_headers()
            self._head, self.sock = self.sock.sent, sock

    def _emit_body(self, data: bytes) -> None:
        if self.chunked:
            self._send_head()
        else:
            data, self._head = self._head + data, b""
        super()._emit_body(data)

    def sendfile(self, respiter: Any) -> bool:
        """See gunicorn.http.wsgi.Response."""
        self.send_headers()
        self._send_head()
        return super().sendfile(respiter)

    def close(self) -> None:
        """See gunicorn.http.wsgi.Response."""
        self.send_headers()
        self._send_head()
        super().close()

    def _send_head(self) -> None:
        if self._head:
            util.write(self.sock, self._head)
            self._head = b""


wsgi.Response = Response  # for which gunicorn has no setting


class Worker(ThreadWorker):
    """Threads; what no service gets to see is refused as VALIDATION_ERROR.

    A thread that has answered waits a moment for the next request of its connection: to hand the
    connection to the main thread and back costs more than many a request. At most half of them
    wait; the others take what comes.
    """

    def init_process(self) -> None:
        """See gunicorn.workers.base.Worker."""
        self._may_linger = threading.Semaphore(self.cfg.threads // 2)
        super().init_process()

    def handle(self, conn: Any) -> Any:
        """See gunicorn.workers.gthread.ThreadWorker."""
        is_kept = super().handle(conn)
        if not self._may_linger.acquire(blocking=False):
            return is_kept
        try:
            while is_kept is True and self.alive and _has_more(conn):
                is_kept = super().handle(conn)
        finally:
            self._may_linger.release()
        return is_kept

    def load_wsgi(self) -> None:
        """See gunicorn.workers.base.Worker."""
        super().load_wsgi()
        self.wsgi = _with_readable_input(self.wsgi)

    def handle_request(self, req: Any, conn: Any) -> bool:
        """See gunicorn.workers.gthread.ThreadWorker.

        What is wrong with a chunked body may be found after the answer. Its connection then ends,
        which the answer has to say, or the gateway may have sent the next request already.
        """
        if isinstance(req.body.reader, ChunkedReader):
            req.force_close()
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        """Answer what could not be read as HTTP; its own pages would be HTML without an ID."""
        correlation.adopt(None)
        error = AppError(ErrorCode.INTERNAL_ERROR, "Something went wrong on our side.")
        if isinstance(exc, errors.ParseException) and not isinstance(exc, _OURS):
            error = AppError(ErrorCode.VALIDATION_ERROR, "The request could not be read.")
            self.log.warning("no request: %s", type(exc).__name__)
        else:
            self.log.error("unexpected error", exc_info=exc)
        try:
            util.write_nonblock(client, _answer(error))
        except OSError:
            self.log.debug("nobody takes the answer")


class _Input:
    """The body of a request; what breaks its syntax reads as a connection that broke off."""

    def __init__(self, body: Any) -> None:
        self._body = body

    def read(self, size: int | None = None) -> bytes:
        try:
            return self._body.read(size)
        except errors.ParseException as error:
            raise OSError("the body is not what HTTP says") from error


def _has_more(conn: Any) -> bool:
    """Whether the next request comes within the moment that it is waited for."""
    if conn.parser.unreader.buf.getvalue():
        return True
    poller = select.poll()
    poller.register(conn.sock, select.POLLIN)
    return bool(poller.poll(_LINGER_MILLISECONDS))


def _with_readable_input(app: _Wsgi) -> _Wsgi:
    def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["wsgi.input"] = _Input(environ["wsgi.input"])
        return app(environ, start_response)

    return call


def _answer(error: AppError) -> bytes:
    status, body = error.code.http_status, encoding.dumps(error.body()).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"{correlation.HEADER}: {correlation.current()}",
    )
    return "\r\n".join((*head, "", "")).encode() + body
