"""What REST services have alike: error envelope, correlation ID, /health, /metrics, /apidocs/."""

import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone

from flasgger import swag_from
from flask import Flask, Response, g, request
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, Histogram
from prometheus_client import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from common import apidocs, correlation, deadline, encoding, logs
from common.auth import install_internal_token
from common.errors import AppError, ErrorCode

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024
_CODE_BY_STATUS = {
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    413: ErrorCode.PAYLOAD_TOO_LARGE,
}
_REQUESTS = Histogram(
    "http_request_seconds", "Time to answer a request", ("method", "route", "status")
)

HealthChecks = Mapping[str, Callable[[], None]]


def install(app: Flask, *, service: str, internal_token: str, checks: HealthChecks) -> None:
    """Give `app` the defaults; `checks` raise where what they look at is not reachable."""
    logs.configure(service)
    app.json = encoding.ContractJSON(app)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY_BYTES
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # a redirect would carry no envelope and our inner address
    install_internal_token(app, internal_token)
    app.wsgi_app = deadline.within()(app.wsgi_app)
    app.before_request(_begin)
    app.after_request(_end)
    app.register_error_handler(AppError, _answer_app_error)
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(Exception, _answer_bug)
    _add_health_and_metrics(app, service, checks)
    apidocs.install(app, service)


def _add_health_and_metrics(app: Flask, service: str, checks: HealthChecks) -> None:
    health = swag_from(apidocs.health_operation(list(checks)))(lambda: _health(service, checks))
    app.add_url_rule("/health", "health", health)
    app.add_url_rule("/metrics", "metrics", swag_from(apidocs.METRICS)(_metrics))


def _begin() -> None:
    g.started = time.perf_counter()
    g.correlation_id = correlation.adopt(request.headers.get(correlation.HEADER))


def _end(response: Response) -> Response:
    response.headers[correlation.HEADER] = g.correlation_id
    seconds = time.perf_counter() - g.started
    route = request.url_rule.rule if request.url_rule else "no route"
    if route in ("/health", "/metrics"):
        return response
    _REQUESTS.labels(request.method, route, response.status_code).observe(seconds)
    log.info(
        "request",
        extra={
            "method": request.method,
            "path": request.path,
            "status": response.status_code,
            "milliseconds": round(seconds * 1000, 1),
        },
    )
    return response


def _envelope(error: AppError, status: int | None = None) -> Response:
    return Response(
        encoding.dumps(error.body()),
        status=status or error.code.http_status,
        mimetype="application/json",
    )


def _answer_app_error(error: AppError) -> Response:
    return _envelope(error)


def _answer_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    if status < 400:
        return Response.force_type(error.get_response())
    if status >= 500:
        return _answer_bug(error)
    code = _CODE_BY_STATUS.get(status, ErrorCode.VALIDATION_ERROR)
    response = _envelope(AppError(code, error.description or error.name))
    if isinstance(error, MethodNotAllowed):
        response.allow.update(error.valid_methods or ())
    return response


def _answer_bug(error: Exception) -> Response:
    log.error("unexpected error", exc_info=error)
    return _envelope(AppError(ErrorCode.INTERNAL_ERROR, "Something went wrong on our side."))


def _health(service: str, checks: HealthChecks) -> tuple[Response, int]:
    states = {}
    for name, check in checks.items():
        try:
            check()
            states[name] = "connected"
        except AppError:
            states[name] = "disconnected"
    healthy = "disconnected" not in states.values()
    body = {
        "status": "healthy" if healthy else "unhealthy",
        "service": service,
        "timestamp": datetime.now(timezone.utc),
        "checks": states,
    }
    return Response(encoding.dumps(body), mimetype="application/json"), 200 if healthy else 503


def _metrics() -> Response:
    registry = CollectorRegistry()
    try:
        MultiProcessCollector(registry)
    except ValueError:  # not one of several worker processes
        registry = REGISTRY
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
