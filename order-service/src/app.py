"""The order service."""

from flask import Flask

from common import flask_defaults
from common.database import Database
from common.periodic import run_every
from common.settings import load

from .routes.order_routes import orders_blueprint
from .routes.saga_routes import saga_blueprint
from .services.order_service import OrderService
from .services.saga_journal import SagaJournal
from .settings import Settings

EXPIRY_INTERVAL_SECONDS = 5


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application; stops the process where a setting is missing or wrong."""
    settings = settings or load(Settings)
    app = Flask("order-service")
    database = Database(settings)
    orders = OrderService(database)
    flask_defaults.install(
        app,
        service="order-service",
        internal_token=settings.internal_api_token,
        checks={"database": database.ping},
    )
    app.register_blueprint(orders_blueprint(orders))
    app.register_blueprint(saga_blueprint(SagaJournal(database)))
    run_every(EXPIRY_INTERVAL_SECONDS, orders.expire_orders, "order expiry")
    return app
