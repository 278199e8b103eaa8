"""/health and /metrics of the inventory service, over HTTP beside its gRPC port."""

import logging
import threading

from flask import Flask
from werkzeug.serving import make_server

from common import flask_defaults

from .settings import SERVICE, Settings


def create_health_app(settings: Settings, checks: flask_defaults.HealthChecks) -> Flask:
    """The app; `checks` raise AppError where what they look at is not reachable."""
    app = Flask(SERVICE)
    flask_defaults.install(
        app, service=SERVICE, internal_token=settings.internal_api_token, checks=checks
    )
    return app


def serve_in_background(app: Flask, host: str, port: int) -> None:
    """Serve `app` in a daemon thread; OSError or SystemExit where the port is not to be had."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for every health check
    server = make_server(host, port, app, threaded=True)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
