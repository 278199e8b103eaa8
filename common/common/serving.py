"""gunicorn's worker: a broken request is answered in the envelope too, and never as a bug."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from gunicorn import util
from gunicorn.http import errors
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


class Worker(ThreadWorker):
    """Threads; what no service gets to see is refused as VALIDATION_ERROR."""

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
