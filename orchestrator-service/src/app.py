"""The orchestrator."""

from flask import Flask

from common import flask_defaults
from common.auth import Revocations, install_tokens
from common.settings import load

from .routes.admin_routes import admin_blueprint
from .routes.audit_routes import audit_blueprint
from .routes.code_routes import codes_blueprint
from .routes.credit_routes import credits_blueprint
from .routes.purchase_routes import purchase_blueprint
from .routes.refund_routes import refunds_blueprint
from .routes.scanner_routes import scanner_blueprint
from .routes.ticket_routes import tickets_blueprint
from .routes.transfer_routes import disputes_blueprint, transfers_blueprint
from .routes.verification_routes import verification_blueprint
from .settings import Settings
from .wiring import Wiring


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application; stops the process where a setting is missing or wrong."""
    settings = settings or load(Settings)
    app = Flask("orchestrator-service")
    wiring = Wiring(settings)
    revocations = Revocations(wiring.users.revocations)
    flask_defaults.install(
        app,
        service="orchestrator-service",
        internal_token=settings.internal_api_token,
        checks={
            "inventory": wiring.inventory.ping,
            "user": wiring.users.ping,
            "order": wiring.orders.ping,
            "event": wiring.events.ping,
            "rabbitmq": wiring.publisher.ping,
        },
    )
    install_tokens(app, settings, revocations)
    app.register_blueprint(purchase_blueprint(wiring.purchase, wiring.orders))
    app.register_blueprint(codes_blueprint(wiring.purchase_codes, wiring.transfer_codes))
    app.register_blueprint(refunds_blueprint(wiring.refunds))
    app.register_blueprint(transfers_blueprint(wiring.transfer, wiring.transfers))
    app.register_blueprint(disputes_blueprint(wiring.transfer))
    app.register_blueprint(verification_blueprint(wiring.verification, wiring.gate, wiring.events))
    app.register_blueprint(scanner_blueprint(settings.scanner_app))
    app.register_blueprint(tickets_blueprint(wiring.inventory, wiring.events, wiring.qr))
    app.register_blueprint(credits_blueprint(wiring.users))
    app.register_blueprint(admin_blueprint(wiring.users))
    app.register_blueprint(audit_blueprint(wiring.audit))
    wiring.publisher.start()
    revocations.start()
    return app
