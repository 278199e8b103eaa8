"""The user service."""

from flask import Flask

from common import flask_defaults
from common.auth import Revocations, install_tokens
from common.database import Database
from common.settings import load

from .routes.auth_routes import auth_blueprint
from .routes.credit_routes import credits_blueprint
from .routes.revocation_routes import revocations_blueprint
from .routes.user_routes import users_blueprint
from .services.auth_service import AuthService
from .services.credit_service import CreditService
from .services.passwords import Passwords
from .services.revocations import RevocationService
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
    app.register_blueprint(auth_blueprint(AuthService(database, Passwords(settings.bcrypt_rounds))))
    app.register_blueprint(users_blueprint(UserService(database)))
    app.register_blueprint(credits_blueprint(CreditService(database)))
    app.register_blueprint(revocations_blueprint(revoked))
    revocations.start()
    return app
