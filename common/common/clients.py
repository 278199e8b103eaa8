"""HTTP calls to other services: pooled, bounded in time, refusals raised as they were meant."""

import logging
import select
import time
from collections import deque
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pycurl

from common import correlation, deadline, encoding
from common.auth import INTERNAL_TOKEN_HEADER
from common.errors import AppError, ErrorCode, OutOfTime, Unreachable

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 1.0
# Below the server's keep-alive (gunicorn_conf), so that we close an idle connection before it does.
_KEEPALIVE_EXPIRY_SECONDS = 30
_BROKEN = (pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR, pycurl.E_GOT_NOTHING, pycurl.E_PARTIAL_FILE)


class _Answer(NamedTuple):
    status: int
    content: bytes


class _Failure(Exception):
    """No answer. `was_sent`: the request may have arrived; `again`: it is to be sent once more."""

    def __init__(self, reason: str, was_sent: bool, again: bool) -> None:
        super().__init__(reason)
        self.was_sent = was_sent
        self.again = again


class _Line:
    """One kept-alive connection, by libcurl, for one request at a time.

    Where it breaks before a byte of an answer, and was not new, libcurl makes another and sends
    once more by itself (Curl_retry_request in its lib/transfer.c).
    """

    def __init__(self) -> None:
        self._curl = pycurl.Curl()
        self._used_at: float | None = None
        options = {
            pycurl.NOSIGNAL: 1,  # of other threads
            pycurl.PROXY: "",  # no proxy between services
            pycurl.DNS_CACHE_TIMEOUT: 0,  # a service may come back at another address
            pycurl.HTTP_VERSION: pycurl.CURL_HTTP_VERSION_1_1,
        }
        for option, value in options.items():
            self._curl.setopt(option, value)

    @property
    def is_open(self) -> bool:
        """Whether it can be used again: not for too long idle, and not ended by the other side.

        Unasked, a server has nothing to say but that; libcurl does not look for a second or so.
        """
        socket = self._curl.getinfo(pycurl.ACTIVESOCKET)
        if socket < 0 or time.monotonic() - self._used_at > _KEEPALIVE_EXPIRY_SECONDS:
            return False
        poller = select.poll()
        poller.register(socket, select.POLLIN)
        return not poller.poll(0)

    def ask(
        self, method: str, url: str, headers: list[str], body: str | None, seconds: float
    ) -> _Answer:
        """Raises _Failure."""
        curl = self._curl
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.HTTPHEADER, headers)
        if body is None:
            curl.setopt(pycurl.HTTPGET, 1)
        else:
            curl.setopt(pycurl.POSTFIELDS, body)
        curl.setopt(pycurl.CUSTOMREQUEST, method)
        curl.setopt(pycurl.TIMEOUT_MS, max(1, round(seconds * 1000)))
        connecting = max(1, round(min(seconds, _CONNECT_SECONDS) * 1000))
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, connecting)
        try:
            content = curl.perform_rb()
        except pycurl.error as error:
            number, words = error.args
            was_sent = curl.getinfo(pycurl.REQUEST_SIZE) > 0
            sent_twice = self._used_at is not None and curl.getinfo(pycurl.NUM_CONNECTS) > 0
            again = was_sent and not sent_twice and number in _BROKEN
            raise _Failure(words or f"libcurl's error {number}", was_sent, again) from error
        self._used_at = time.monotonic()
        return _Answer(curl.getinfo(pycurl.RESPONSE_CODE), content)


class HttpClient:
    """Calls one service's internal API; safe to share between threads.

    Every internal call is idempotent under its natural key, which is why a call whose connection
    broke is sent a second time. What the other side refused is raised again as the same AppError;
    Unreachable means that nothing was sent; any other failure is SERVICE_UNAVAILABLE, and whether
    it took effect is unknown. No call outlasts the request that it is made for (deadline).
    """

    def __init__(
        self, service: str, base_url: str, internal_token: str, timeout_seconds: float = 2.0
    ) -> None:
        self._service = service
        self._timeout_seconds = timeout_seconds
        self._base_url = base_url.rstrip("/")
        self._headers = [
            f"{INTERNAL_TOKEN_HEADER}: {internal_token}",
            "Content-Type: application/json",
            "Expect:",  # no asking first whether a large body is welcome
            "Accept:",  # nor what nobody reads
            "User-Agent:",
        ]
        self._idle: deque[_Line] = deque()

    def get(self, path: str, **params: Any) -> Any:
        """`data` of the answer; a parameter that is None is left out."""
        return self._data(self.get_envelope(path, **params))

    def get_envelope(self, path: str, **params: Any) -> dict[str, Any]:
        """The whole answer, for a page with its `pagination` or a bare one like /health."""
        given = {name: str(value) for name, value in params.items() if value is not None}
        return self._call("GET", f"{path}?{urlencode(given)}" if given else path)

    def post(self, path: str, **body: Any) -> Any:
        """`data` of the answer to a POST of `body`."""
        return self._data(self._call("POST", path, encoding.dumps(body)))

    def put(self, path: str, **body: Any) -> Any:
        """`data` of the answer to a PUT of `body`."""
        return self._data(self._call("PUT", path, encoding.dumps(body)))

    def patch(self, path: str, **body: Any) -> Any:
        """`data` of the answer to a PATCH with `body`."""
        return self._data(self._call("PATCH", path, encoding.dumps(body)))

    def _data(self, envelope: dict[str, Any]) -> Any:
        if "data" not in envelope:
            raise self._unavailable("answered without data")
        return envelope["data"]

    def _call(self, method: str, path: str, content: str | None = None) -> dict[str, Any]:
        answer = self._send(method, path, content)
        try:
            body = encoding.loads(answer.content)
        except ValueError:
            body = None
        if 200 <= answer.status < 300 and isinstance(body, dict):
            return body
        error = AppError.from_body(body)
        if error is None or error.code is ErrorCode.UNAUTHORIZED:
            # an internal token that was refused is our fault, not the caller's
            raise self._unavailable(f"answered {answer.status}")
        raise error

    def _send(self, method: str, path: str, content: str | None) -> _Answer:
        if not deadline.left(self._timeout_seconds):
            log.warning("no time left to call", extra={"to": self._service})
            raise OutOfTime
        try:
            return self._ask(method, path, content)
        except _Failure as failure:
            if not failure.was_sent:
                log.warning("cannot connect", extra={"to": self._service, "reason": str(failure)})
                raise Unreachable(self._service) from failure
            if not failure.again:
                raise self._unavailable(str(failure)) from failure
        # From here on nothing is certain any more.
        if not deadline.left(self._timeout_seconds):
            raise self._unavailable("no time left")
        try:
            return self._ask(method, path, content)
        except _Failure as failure:
            raise self._unavailable(str(failure)) from failure

    def _ask(self, method: str, path: str, content: str | None) -> _Answer:
        """On the line that was used last, so that those that are not needed grow old."""
        line = self._line()
        headers = [*self._headers, f"{correlation.HEADER}: {correlation.current()}"]
        seconds = deadline.left(self._timeout_seconds)
        answer = line.ask(method, self._base_url + path, headers, content, seconds)
        self._idle.append(line)
        return answer

    def _line(self) -> _Line:
        while True:
            try:
                line = self._idle.pop()
            except IndexError:
                return _Line()
            if line.is_open:
                return line

    def _unavailable(self, reason: str) -> AppError:
        log.warning("call failed", extra={"to": self._service, "reason": reason})
        return AppError(
            ErrorCode.SERVICE_UNAVAILABLE, f"{self._service} did not answer as it should."
        )
