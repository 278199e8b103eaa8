"""Buying a ticket: reserve holds a seat under a new order, pay charges for it and sells it."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID, uuid4

from common.errors import AppError, ErrorCode

from ..clients.event_client import EventClient
from ..clients.hold_publisher import HoldPublisher
from ..clients.inventory_client import Hold, InventoryClient
from ..clients.order_client import Order, OrderClient
from ..clients.user_client import UserClient
from ..utils.qr_util import QrCodec
from .driver import Driver
from .purchase_codes import PurchaseCodes
from .purchase_sagas import Payment, Reservation, pay_saga, reserve_saga
from .record_journal import NoJournal


@dataclass(frozen=True)
class Purchase:
    """What became of a pay: CONFIRMED, or PENDING while it is being completed."""

    order: Order
    status: str
    remaining_balance: Decimal | None = None
    qr_payload: str | None = None


class PurchaseOrchestrator:
    """Scenario 1 of the task list."""

    def __init__(
        self,
        users: UserClient,
        orders: OrderClient,
        events: EventClient,
        inventory: InventoryClient,
        publisher: HoldPublisher,
        qr: QrCodec,
        codes: PurchaseCodes,
    ) -> None:
        self._users = users
        self._events = events
        self._qr = qr
        self._codes = codes
        self._reserve = reserve_saga(orders, events, inventory, publisher)
        self._pay: Driver[Order, Payment] = Driver(
            pay_saga(users, orders, inventory),
            orders,
            done="CONFIRMED",
            undone="FAILED",
            prepare=lambda order: Payment(order, self._new_code(order)),
            bare=Payment,
        )

    def reserve(self, user_id: UUID, seat_id: UUID) -> Hold:
        """Hold a seat under a new order (`hold_id` is its ID); one's own hold is answered again.

        Raises SEAT_NOT_FOUND, SEAT_UNAVAILABLE, SEAT_ALREADY_SOLD, EVENT_ENDED, HOLD_LIMIT_REACHED.
        """
        reservation = Reservation(user_id=user_id, seat_id=seat_id, order_id=uuid4())
        self._reserve.run(reservation, NoJournal())
        return reservation.hold

    def pay(self, user_id: UUID, order_id: UUID) -> Purchase:
        """Charge for the order and sell its seat; once, however often and from wherever asked.

        Raises ORDER_NOT_FOUND, ORDER_ALREADY_CONFIRMED, OTP_REQUIRED (a code is on its way),
        HOLD_EXPIRED, SEAT_NOT_HELD, INSUFFICIENT_CREDITS; RATE_LIMITED or OTP_MAX_RETRIES where no
        code can be sent; ORDER_INVALID_STATE where another pay takes too long.
        """
        claim = {"user_id": user_id, "otp_required": self._users.is_flagged(user_id)}
        try:
            outcome = self._pay.run(order_id, lambda: self._pay.begin(order_id, **claim))
        except AppError as error:
            if error.code is ErrorCode.OTP_REQUIRED:
                self._codes.send(user_id, order_id)
            raise
        if not outcome.is_done:
            return Purchase(outcome.record, "PENDING")
        if outcome.driven is not None:
            paid = outcome.driven
            return Purchase(paid.order, "CONFIRMED", paid.remaining_balance, paid.qr_payload)
        order = outcome.record
        balance = self._users.get(order.user_id)["credit_balance"]
        return Purchase(order, "CONFIRMED", balance, self._new_code(order))

    def recover(self, order: Order) -> None:
        """Settle a pay whose driver is gone; `order` has been taken over."""
        self._pay.recover(order)

    def _new_code(self, order: Order) -> str:
        hall_id = self._events.get(order.event_id).hall_id
        return self._qr.generate_qr(order.seat_id, order.user_id, hall_id)
