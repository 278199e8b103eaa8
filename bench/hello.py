"""A service that says hello, on the servers and with the defaults of all others."""

from typing import Any

from flask import Flask

from common import flask_defaults


def create_app() -> Flask:
    """`/api/reserve` and `/api/pay`, where nothing is done."""
    app = Flask(__name__)
    none = ""  # it has no internal endpoint
    flask_defaults.install(app, service="hello", internal_token=none, checks={})
    for path in ("/api/reserve", "/api/pay"):
        app.add_url_rule(path, path, _hello, methods=["POST"])
    return app


def _hello() -> dict[str, Any]:
    return {"success": True, "data": {"order_id": "hello"}}
