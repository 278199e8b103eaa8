"""The clients and orchestrators of one process, made from its settings."""

from common.clients import HttpClient

from .audit.walk import Audit
from .clients.audit_client import AuditClient
from .clients.event_client import EventClient
from .clients.gate_client import GateClient
from .clients.hold_publisher import HoldPublisher
from .clients.inventory_client import InventoryClient
from .clients.order_client import OrderClient
from .clients.transfer_client import TransferClient
from .clients.user_client import UserClient
from .orchestrators.purchase_codes import PurchaseCodes
from .orchestrators.purchase_orchestrator import PurchaseOrchestrator
from .orchestrators.refund_orchestrator import RefundOrchestrator
from .orchestrators.transfer_codes import TransferCodes
from .orchestrators.transfer_orchestrator import TransferOrchestrator
from .orchestrators.verification_orchestrator import VerificationOrchestrator
from .settings import Settings
from .utils.qr_util import QrCodec

# For calls that the user service answers once SMU or Stripe has: within 5 s, it gives up earlier.
_PATIENCE_SECONDS = 4.8


class Wiring:
    """Everything that the routes and the recovery process call."""

    def __init__(self, settings: Settings) -> None:
        token = settings.internal_api_token
        at_users = ("user-service", settings.user_service_url, token)
        users = HttpClient(*at_users)
        self.users = UserClient(users, HttpClient(*at_users, _PATIENCE_SECONDS))
        orders = HttpClient("order-service", settings.order_service_url, token)
        self.orders = OrderClient(orders)
        self.transfers = TransferClient(orders)
        self.events = EventClient(HttpClient("event-service", settings.event_service_url, token))
        self.inventory = InventoryClient(settings.inventory_service_url, token)
        self.publisher = HoldPublisher(settings, settings.hold_ttl_seconds)
        self.qr = QrCodec(settings.qr_encryption_key, settings.qr_encryption_key_previous)
        self.purchase_codes = PurchaseCodes(self.users, self.orders, self.inventory)
        self.purchase = PurchaseOrchestrator(
            self.users,
            self.orders,
            self.events,
            self.inventory,
            self.publisher,
            self.qr,
            self.purchase_codes,
        )
        self.refunds = RefundOrchestrator(self.users, self.orders, self.inventory)
        self.transfer_codes = TransferCodes(self.users, self.transfers)
        self.transfer = TransferOrchestrator(
            self.users,
            self.orders,
            self.transfers,
            self.events,
            self.inventory,
            self.qr,
            self.transfer_codes,
        )
        self.gate = GateClient(settings.inventory_service_url, token)
        self.verification = VerificationOrchestrator(
            self.users,
            self.orders,
            self.events,
            self.gate,
            self.qr,
        )
        self.audit = Audit(AuditClient(users, orders, settings.inventory_service_url, token))
