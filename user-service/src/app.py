"""The user service."""

from collections.abc import Iterator

from flask import Blueprint, Flask

from common import flask_defaults
from common.auth import Revocations, install_tokens
from common.database import Database
from common.settings import load

from .routes.audit_routes import audit_blueprint
from .routes.auth_routes import auth_blueprint
from .routes.credit_routes import credits_blueprint
from .routes.freeze_routes import freezes_blueprint
from .routes.otp_routes import otp_blueprint
from .routes.revocation_routes import revocations_blueprint
from .routes.topup_routes import topups_blueprint
from .routes.transfer_routes import transfers_blueprint
from .routes.user_routes import users_blueprint
from .services.audit import Audit
from .services.auth_service import AuthService
from .services.credit_service import CreditService
from .services.freeze_service import FreezeService
from .services.otp_service import OtpService
from .services.passwords import Passwords
from .services.payments import Payments
from .services.revocations import RevocationService
from .services.smu_client import SmuClient
from .services.topup_service import TopupService
from .services.transfer_service import TransferService
from .services.user_service import UserService
from .settings import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application; stops the process where a setting is missing or wrong."""
    settings = settings or load(Settings)
    app = Flask("user-service")
    database = Database(settings)
    revoked = RevocationService(database)
    revocations = Revocations(revoked.fetch)
    flask_defaults.install(
        app,
        service="user-service",
        internal_token=settings.internal_api_token,
        checks={"database": database.ping},
    )
    install_tokens(app, settings, revocations)
    for blueprint in _blueprints(settings, database):
        app.register_blueprint(blueprint)
    app.register_blueprint(revocations_blueprint(revoked))
    revocations.start()
    return app


def _blueprints(settings: Settings, database: Database) -> Iterator[Blueprint]:
    """What the service does, over HTTP."""
    smu = SmuClient(settings.smu_api_url, settings.smu_api_key)
    payments = Payments(
        settings.stripe_secret_key, settings.stripe_webhook_secret, settings.stripe_api_base
    )
    yield auth_blueprint(AuthService(database, Passwords(settings.bcrypt_rounds)))
    yield users_blueprint(UserService(database))
    yield credits_blueprint(CreditService(database))
    yield transfers_blueprint(TransferService(database))
    yield freezes_blueprint(FreezeService(database))
    yield otp_blueprint(OtpService(database, smu, settings.jwt_secret))
    yield topups_blueprint(TopupService(database, payments))
    yield audit_blueprint(Audit(database))
