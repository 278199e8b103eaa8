"""Buying a ticket: reserve holds a seat under a new order, pay charges for it and sells it."""

import time
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
from .order_journal import NoJournal, OrderJournal
from .purchase_sagas import Payment, Reservation, pay_saga, reserve_saga
from .saga import Overtaken, Unfinished

# How long a pay waits for another one of the same order to come to its end.
_WAIT_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Outcome:
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
    ) -> None:
        self._users = users
        self._orders = orders
        self._events = events
        self._qr = qr
        self._reserve = reserve_saga(orders, events, inventory, publisher)
        self._pay = pay_saga(users, orders, inventory)

    def reserve(self, user_id: UUID, seat_id: UUID) -> Hold:
        """Hold a seat under a new order (`hold_id` is its ID); one's own hold is answered again.

        Raises SEAT_NOT_FOUND, SEAT_UNAVAILABLE, SEAT_ALREADY_SOLD, EVENT_ENDED, HOLD_LIMIT_REACHED.
        """
        reservation = Reservation(user_id=user_id, seat_id=seat_id, order_id=uuid4())
        self._reserve.run(reservation, NoJournal())
        return reservation.hold

    def pay(self, user_id: UUID, order_id: UUID) -> Outcome:
        """Charge for the order and sell its seat; once, however often and from wherever asked.

        Raises ORDER_NOT_FOUND, ORDER_ALREADY_CONFIRMED, OTP_REQUIRED, HOLD_EXPIRED, SEAT_NOT_HELD,
        INSUFFICIENT_CREDITS; ORDER_INVALID_STATE where another pay takes too long.
        """
        otp_required = self._users.is_flagged(user_id)
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                order = self._orders.begin_saga(
                    order_id, "pay", self._pay.step_names[0], user_id, otp_required
                )
            except AppError as error:
                if "saga" not in error.details:
                    raise
                outcome = self._outcome_of_other_driver(order_id, deadline)
                if outcome is not None:
                    return outcome
            else:
                return self._drive(order, deadline)

    def recover(self, order: Order) -> None:
        """Settle a pay whose driver is gone; `order` has been taken over."""
        goes_forward = not order.saga_undoing and self._pay.is_pivot(order.saga_step)
        payment = Payment(order, self._new_code(order) if goes_forward else "")
        journal = OrderJournal(self._orders, order)
        self._pay.recover(payment, journal, order.saga_step, order.saga_undoing)

    def _drive(self, order: Order, deadline: float) -> Outcome:
        """Run the saga of an order that this request has claimed."""
        journal = OrderJournal(self._orders, order)
        try:
            payment = self._prepared(order, journal)
            self._pay.run(payment, journal)
        except Overtaken:
            outcome = self._outcome_of_other_driver(order.order_id, deadline)
            return outcome or Outcome(order, "PENDING")
        except Unfinished:
            return Outcome(order, "PENDING")
        return Outcome(order, "CONFIRMED", payment.remaining_balance, payment.qr_payload)

    def _prepared(self, order: Order, journal: OrderJournal) -> Payment:
        """The payment with its code; where that cannot be made, nothing has begun."""
        try:
            return Payment(order, self._new_code(order))
        except AppError:
            journal.abandon()
            raise

    def _new_code(self, order: Order) -> str:
        hall_id = self._events.get(order.event_id).hall_id
        return self._qr.generate_qr(order.seat_id, order.user_id, hall_id)

    def _outcome_of_other_driver(self, order_id: UUID, deadline: float) -> Outcome | None:
        """What the pay at work comes to; None where it leaves the order to be paid, or FAILED.

        PENDING where it takes too long and may have sold the seat, else ORDER_INVALID_STATE.
        """
        order, pause = self._orders.get(order_id), _FIRST_PAUSE_SECONDS
        while order.saga is not None and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            order = self._orders.get(order_id)
        if order.status == "CONFIRMED":
            balance = self._users.get(order.user_id)["credit_balance"]
            return Outcome(order, "CONFIRMED", balance, self._new_code(order))
        if order.saga is None:
            return None
        if self._pay.is_pivot(order.saga_step) and not order.saga_undoing:
            return Outcome(order, "PENDING")
        raise AppError(
            ErrorCode.ORDER_INVALID_STATE,
            "Another payment of this order is not settled yet: look at the order in a minute.",
            order_id=str(order_id),
            status=order.status,
        )
