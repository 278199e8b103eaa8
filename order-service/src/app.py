"""The order service."""

from flask import Flask

from common import flask_defaults
from common.database import Database
from common.periodic import run_every
from common.settings import load

from .routes.audit_routes import audit_blueprint
from .routes.order_routes import orders_blueprint
from .routes.saga_routes import saga_blueprint
from .routes.transfer_routes import transfers_blueprint
from .services.audit import Audit
from .services.order_claims import OrderClaims
from .services.order_service import OrderService
from .services.records import ORDERS, TRANSFERS
from .services.saga_journal import SagaJournal
from .services.transfer_claims import TransferClaims
from .services.transfer_initiation import TransferInitiation
from .services.transfer_service import TransferService
from .settings import Settings

EXPIRY_INTERVAL_SECONDS = 5


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application; stops the process where a setting is missing or wrong."""
    settings = settings or load(Settings)
    app = Flask("order-service")
    database = Database(settings)
    orders, transfers = OrderService(database), TransferService(database)
    flask_defaults.install(
        app,
        service="order-service",
        internal_token=settings.internal_api_token,
        checks={"database": database.ping},
    )
    app.register_blueprint(orders_blueprint(orders, OrderClaims(database)))
    app.register_blueprint(
        transfers_blueprint(
            transfers,
            TransferInitiation(database, transfers),
            TransferClaims(database, transfers),
        )
    )
    for kind in (ORDERS, TRANSFERS):
        app.register_blueprint(saga_blueprint(SagaJournal(database, kind)))
    app.register_blueprint(audit_blueprint(Audit(database)))
    run_every(EXPIRY_INTERVAL_SECONDS, orders.expire_orders, "order expiry")
    run_every(EXPIRY_INTERVAL_SECONDS, transfers.expire, "transfer expiry")
    return app
