"""The event service."""

from flask import Flask

from common import flask_defaults
from common.database import Database
from common.settings import load

from .clients.inventory_client import InventoryClient
from .routes.event_routes import events_blueprint
from .services.event_service import EventService
from .settings import Settings


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application; stops the process where a setting is missing or wrong."""
    settings = settings or load(Settings)
    app = Flask("event-service")
    database = Database(settings)
    inventory = InventoryClient(settings.inventory_service_url, settings.internal_api_token)
    flask_defaults.install(
        app,
        service="event-service",
        internal_token=settings.internal_api_token,
        checks={"database": database.ping, "inventory": inventory.ping},
    )
    app.register_blueprint(events_blueprint(EventService(database, inventory)))
    return app
