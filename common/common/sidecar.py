"""/health and /metrics over HTTP for a process that serves no REST API."""

import logging
import threading

from flask import Flask
from werkzeug.serving import make_server

from common import flask_defaults


def create_sidecar(service: str, internal_token: str, checks: flask_defaults.HealthChecks) -> Flask:
    """The app; `checks` raise AppError where what they look at is not reachable."""
    app = Flask(service)
    flask_defaults.install(app, service=service, internal_token=internal_token, checks=checks)
    return app


def serve_sidecar(
    service: str,
    internal_token: str,
    checks: flask_defaults.HealthChecks,
    host: str,
    port: int,
) -> None:
    """Serve it in a daemon thread; OSError or SystemExit where the port is not to be had."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for every health check
    app = create_sidecar(service, internal_token, checks)
    server = make_server(host, port, app, threaded=True)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="sidecar", daemon=True).start()
