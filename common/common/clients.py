"""HTTP calls to other services: pooled, bounded in time, refusals raised as they were meant."""

import logging
from typing import Any

import httpx

from common import correlation, deadline, encoding
from common.auth import INTERNAL_TOKEN_HEADER
from common.errors import AppError, ErrorCode, OutOfTime, Unreachable

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 1.0
# Below the server's keep-alive (gunicorn_conf), so that we close an idle connection before it does.
_KEEPALIVE_EXPIRY_SECONDS = 30


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
        self._client = httpx.Client(
            base_url=base_url,
            headers={INTERNAL_TOKEN_HEADER: internal_token, "Content-Type": "application/json"},
            limits=httpx.Limits(max_connections=64, keepalive_expiry=_KEEPALIVE_EXPIRY_SECONDS),
            trust_env=False,  # no proxy between services
        )

    def get(self, path: str, **params: Any) -> Any:
        """`data` of the answer; a parameter that is None is left out."""
        return self._data(self.get_envelope(path, **params))

    def get_envelope(self, path: str, **params: Any) -> dict[str, Any]:
        """The whole answer, for a page with its `pagination` or a bare one like /health."""
        given = {name: str(value) for name, value in params.items() if value is not None}
        return self._call("GET", path, params=given)

    def post(self, path: str, **body: Any) -> Any:
        """`data` of the answer to a POST of `body`."""
        return self._data(self._call("POST", path, content=encoding.dumps(body)))

    def put(self, path: str, **body: Any) -> Any:
        """`data` of the answer to a PUT of `body`."""
        return self._data(self._call("PUT", path, content=encoding.dumps(body)))

    def patch(self, path: str, **body: Any) -> Any:
        """`data` of the answer to a PATCH with `body`."""
        return self._data(self._call("PATCH", path, content=encoding.dumps(body)))

    def _data(self, envelope: dict[str, Any]) -> Any:
        if "data" not in envelope:
            raise self._unavailable("answered without data")
        return envelope["data"]

    def _call(self, method: str, path: str, **request: Any) -> dict[str, Any]:
        response = self._send(method, path, **request)
        try:
            body = encoding.loads(response.content)
        except ValueError:
            body = None
        if response.is_success and isinstance(body, dict):
            return body
        error = AppError.from_body(body)
        if error is None or error.code is ErrorCode.UNAUTHORIZED:
            # an internal token that was refused is our fault, not the caller's
            raise self._unavailable(f"answered {response.status_code}")
        raise error

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        request["headers"] = {correlation.HEADER: correlation.current()}
        if not (seconds := deadline.left(self._timeout_seconds)):
            log.warning("no time left to call", extra={"to": self._service})
            raise OutOfTime
        try:
            return self._request(method, path, seconds, **request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            log.warning("cannot connect", extra={"to": self._service, "reason": str(error)})
            raise Unreachable(self._service) from error
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            return self._send_again(method, path, **request)
        except httpx.HTTPError as error:
            raise self._unavailable(type(error).__name__) from error

    def _send_again(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The second try after a broken connection: from here on nothing is certain any more."""
        if not (seconds := deadline.left(self._timeout_seconds)):
            raise self._unavailable("no time left")
        try:
            return self._request(method, path, seconds, **request)
        except httpx.HTTPError as error:
            raise self._unavailable(type(error).__name__) from error

    def _request(self, method: str, path: str, seconds: float, **request: Any) -> httpx.Response:
        to_connect = min(seconds, _CONNECT_SECONDS)
        timeout = httpx.Timeout(seconds, connect=to_connect, pool=to_connect)
        return self._client.request(method, path, timeout=timeout, **request)

    def _unavailable(self, reason: str) -> AppError:
        log.warning("call failed", extra={"to": self._service, "reason": reason})
        return AppError(
            ErrorCode.SERVICE_UNAVAILABLE, f"{self._service} did not answer as it should."
        )
