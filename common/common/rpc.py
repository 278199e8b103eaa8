"""gRPC with the house rules: internal token, correlation ID, deadlines, AppError on the wire."""

import itertools
import logging
import time
from collections.abc import Callable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from common import correlation, deadline, encoding
from common.auth import internal_token_matches
from common.errors import AppError, ErrorCode, OutOfTime, RowLocked, Unreachable

log = logging.getLogger(__name__)

INTERNAL_TOKEN_KEY = "internal-token"  # nosec B105 # a key's name
ERROR_CODE_KEY = "error-code"
ERROR_DETAILS_KEY = "error-details"
HEALTH_SERVICE = "/grpc.health.v1.Health/"
MAX_MESSAGE_BYTES = 64 * 1024 * 1024  # the seat map of a very large event

_STATUS = {
    ErrorCode.VALIDATION_ERROR: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorCode.INVALID_UUID: grpc.StatusCode.INVALID_ARGUMENT,
    ErrorCode.UNAUTHORIZED: grpc.StatusCode.UNAUTHENTICATED,
    ErrorCode.SERVICE_UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    ErrorCode.INTERNAL_ERROR: grpc.StatusCode.INTERNAL,
}
_CHANNEL_OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 250),  # back at once with a server that is back
)
_NEVER_SENT = "failed to connect to all addresses"  # grpc core's words where nothing was connected


class RpcClient:
    """Calls one gRPC service; safe to share between threads.

    Several connections, because the server's worker processes share one port and the kernel gives
    each connection to one of them. Errors come back as the AppError the servicer raised; whatever
    else goes wrong is SERVICE_UNAVAILABLE, and whether the call took effect is unknown.
    """

    def __init__(
        self,
        service: str,
        target: str,
        stub: Callable[[grpc.Channel], Any],
        internal_token: str,
        timeout_seconds: float = 2.0,
        connections: int = 4,
    ) -> None:
        self._service = service
        self._token = internal_token
        self._timeout = timeout_seconds
        self._stubs = [
            stub(grpc.insecure_channel(target, (*_CHANNEL_OPTIONS, ("ticketremaster.number", i))))
            for i in range(connections)
        ]
        self._turns = itertools.cycle(self._stubs)

    def call(self, method: str, message: Any) -> Any:
        """The answer to one unary call.

        Every call is idempotent under its natural key, so one whose connection broke is sent a
        second time; Unreachable means that nothing was sent. No call outlasts the request that it
        is made for (deadline).
        """
        if not (seconds := deadline.left(self._timeout)):
            log.warning("no time left to call", extra={"to": self._service})
            raise OutOfTime
        try:
            return self._send(method, message, seconds)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE or _carries_app_error(error):
                raise self._app_error(error) from error
            if _NEVER_SENT in (error.details() or ""):
                raise Unreachable(self._service) from error
        try:
            return self._send(method, message, deadline.left(self._timeout))
        except grpc.RpcError as error:
            raise self._app_error(error) from error

    def _send(self, method: str, message: Any, seconds: float) -> Any:
        metadata = (
            (INTERNAL_TOKEN_KEY, self._token),
            (correlation.METADATA_KEY, correlation.current()),
        )
        return getattr(next(self._turns), method)(message, timeout=seconds, metadata=metadata)

    def _app_error(self, error: Any) -> AppError:
        trailing = dict(error.trailing_metadata() or ())
        if _carries_app_error(error) and error.code() is not grpc.StatusCode.UNAUTHENTICATED:
            kind = RowLocked if error.code() is grpc.StatusCode.ABORTED else AppError
            return kind(
                ErrorCode(trailing[ERROR_CODE_KEY]),
                error.details() or "",
                **encoding.loads(trailing.get(ERROR_DETAILS_KEY, "{}")),
            )
        log.warning("call failed", extra={"to": self._service, "reason": str(error.code())})
        return AppError(
            ErrorCode.SERVICE_UNAVAILABLE, f"{self._service} did not answer as it should."
        )


class HealthProbe:
    """Asks a gRPC service whether it serves (grpc.health.v1)."""

    def __init__(self, service: str, target: str) -> None:
        self._service = service
        self._rpc = RpcClient(
            service,
            target,
            health_pb2_grpc.HealthStub,
            internal_token="",  # nosec B106 # health needs none
            timeout_seconds=1.0,
            connections=1,
        )

    def ping(self) -> None:
        """Raises AppError where it does not."""
        answer = self._rpc.call("Check", health_pb2.HealthCheckRequest())
        if answer.status != health_pb2.HealthCheckResponse.SERVING:
            raise Unreachable(self._service)


def _carries_app_error(error: Any) -> bool:
    return any(key == ERROR_CODE_KEY for key, _ in error.trailing_metadata() or ())


class ServerInterceptor(grpc.ServerInterceptor):
    """Checks the internal token, adopts the correlation ID, turns AppErrors into a status.

    Each call is a line in the log, and has a deadline of its own, and its thread with it, also
    where its caller has given up.
    """

    def __init__(self, internal_token: str) -> None:
        self._token = internal_token

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        """See grpc.ServerInterceptor; wraps unary calls, which all of ours are."""
        handler = continuation(details)
        if handler is None or details.method.startswith(HEALTH_SERVICE):
            return handler
        metadata = dict(details.invocation_metadata)
        servicer_method = deadline.within()(handler.unary_unary)

        def guarded(request: Any, context: grpc.ServicerContext) -> Any:
            correlation.adopt(metadata.get(correlation.METADATA_KEY))
            started = time.perf_counter()
            try:
                self._demand_token(metadata)
                answer = servicer_method(request, context)
            except AppError as error:
                failure = error
            except Exception:
                log.exception("unexpected error", extra={"rpc": details.method})
                failure = AppError(ErrorCode.INTERNAL_ERROR, "Something went wrong.")
            else:
                _log_call(details.method, started, "OK")
                return answer
            _log_call(details.method, started, failure.code.value)
            _abort(context, failure)

        return grpc.unary_unary_rpc_method_handler(
            guarded,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _demand_token(self, metadata: dict[str, Any]) -> None:
        if not internal_token_matches(metadata.get(INTERNAL_TOKEN_KEY), self._token):
            raise AppError(ErrorCode.UNAUTHORIZED, "The internal token is missing or wrong.")


def _log_call(method: str, started: float, outcome: str) -> None:
    seconds = time.perf_counter() - started
    fields = {"rpc": method, "outcome": outcome, "milliseconds": round(seconds * 1000, 1)}
    log.info("request", extra=fields)


def _abort(context: grpc.ServicerContext, error: AppError) -> None:
    trailing = [(ERROR_CODE_KEY, error.code.value)]
    if error.details:
        trailing.append((ERROR_DETAILS_KEY, encoding.dumps(error.details)))
    context.set_trailing_metadata(tuple(trailing))
    context.abort(_status_of(error), error.message)


def _status_of(error: AppError) -> grpc.StatusCode:
    if isinstance(error, RowLocked):
        return grpc.StatusCode.ABORTED
    if error.code.http_status == 404:
        return grpc.StatusCode.NOT_FOUND
    return _STATUS.get(error.code, grpc.StatusCode.FAILED_PRECONDITION)
