"""The clients and orchestrators of one process, made from its settings."""

from common.clients import HttpClient

from .clients.event_client import EventClient
from .clients.hold_publisher import HoldPublisher
from .clients.inventory_client import InventoryClient
from .clients.order_client import OrderClient
from .clients.user_client import UserClient
from .orchestrators.purchase_orchestrator import PurchaseOrchestrator
from .settings import Settings
from .utils.qr_util import QrCodec


class Wiring:
    """Everything that the routes and the recovery process call."""

    def __init__(self, settings: Settings) -> None:
        token = settings.internal_api_token
        self.users = UserClient(HttpClient("user-service", settings.user_service_url, token))
        self.orders = OrderClient(HttpClient("order-service", settings.order_service_url, token))
        self.events = EventClient(HttpClient("event-service", settings.event_service_url, token))
        self.inventory = InventoryClient(settings.inventory_service_url, token)
        self.publisher = HoldPublisher(settings, settings.hold_ttl_seconds)
        self.qr = QrCodec(settings.qr_encryption_key, settings.qr_encryption_key_previous)
        self.purchase = PurchaseOrchestrator(
            self.users, self.orders, self.events, self.inventory, self.publisher, self.qr
        )
