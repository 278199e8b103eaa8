"""Buying a ticket: reserve holds a seat under a new order, pay charges for it and sells it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from uuid import UUID, uuid4

from common.errors import AppError, ErrorCode

from ..clients.event_client import EventClient
from ..clients.hold_publisher import HoldPublisher
from ..clients.inventory_client import Hold, InventoryClient
from ..clients.order_client import Order, OrderClient
from ..clients.user_client import UserClient
from ..utils.qr_util import QrCodec, qr_hash
from .order_journal import NoJournal, OrderJournal
from .saga import Overtaken, Saga, Step, Unfinished

# How long a second pay of the same order waits for the first to come to its end.
_WAIT_FOR_OTHER_SECONDS = 5.0
_WAIT_POLL_SECONDS = 0.1


@dataclass
class Reservation:
    """The record of the reserve saga: a hold under a new order's ID."""

    user_id: UUID
    seat_id: UUID
    order_id: UUID
    hold: Hold | None = None

    @property
    def is_repeat(self) -> bool:
        """The user held this seat already: what stands was made by an earlier call."""
        return self.hold is not None and self.hold.hold_id != self.order_id


@dataclass
class Payment:
    """The record of the pay saga: the order, and the code made for its owner."""

    order: Order
    qr_payload: str | None = None
    remaining_balance: Decimal | None = None


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
        self._pay = pay_saga(users, orders, inventory, self._new_code)

    def reserve(self, user_id: UUID, seat_id: UUID) -> Hold:
        """Hold a seat under a new order (`hold_id` is its ID); his own hold is answered again.

        Raises SEAT_NOT_FOUND, SEAT_UNAVAILABLE, SEAT_ALREADY_SOLD, EVENT_ENDED, HOLD_LIMIT_REACHED.
        """
        reservation = Reservation(user_id=user_id, seat_id=seat_id, order_id=uuid4())
        self._reserve.run(reservation, NoJournal())
        return reservation.hold

    def pay(self, user_id: UUID, order_id: UUID) -> Outcome:
        """Charge for the order and sell its seat; once, however often and from wherever asked.

        Raises ORDER_NOT_FOUND, ORDER_ALREADY_CONFIRMED, OTP_REQUIRED, HOLD_EXPIRED, SEAT_NOT_HELD,
        INSUFFICIENT_CREDITS.
        """
        if self._users.is_flagged(user_id):
            self._demand_code(user_id, order_id)
        try:
            order = self._orders.begin_saga(order_id, "pay", self._pay.step_names[0], user_id)
        except AppError as error:
            if "saga" not in error.details:
                raise
            return self._outcome_of_other_driver(user_id, order_id)
        journal = OrderJournal(self._orders, order)
        try:
            payment = Payment(order, self._new_code(order))
        except AppError:
            journal.abandon()
            raise
        try:
            self._pay.run(payment, journal)
        except Overtaken:
            return self._outcome_of_other_driver(user_id, order_id)
        except Unfinished:
            return Outcome(order, "PENDING")
        return Outcome(order, "CONFIRMED", payment.remaining_balance, payment.qr_payload)

    def recover(self, order: Order) -> None:
        """Settle a pay whose driver is gone; `order` has been taken over."""
        journal = OrderJournal(self._orders, order)
        self._pay.recover(Payment(order), journal, order.saga_step, order.saga_undoing)

    def _new_code(self, order: Order) -> str:
        hall_id = self._events.get(order.event_id).hall_id
        return self._qr.generate_qr(order.seat_id, order.user_id, hall_id)

    def _demand_code(self, user_id: UUID, order_id: UUID) -> None:
        """A flagged buyer proves a purchase by a code, while it can be paid for at all."""
        order = self._orders.get(order_id)
        payable = order.status == "PENDING" and order.held_until > datetime.now(timezone.utc)
        if order.user_id == user_id and payable and order.otp_verified_at is None:
            raise AppError(
                ErrorCode.OTP_REQUIRED,
                "Confirm this purchase with the code sent to your phone, then pay again.",
                order_id=str(order_id),
            )

    def _outcome_of_other_driver(self, user_id: UUID, order_id: UUID) -> Outcome:
        """What the saga at work comes to; PENDING where that takes longer than we may wait."""
        deadline = time.monotonic() + _WAIT_FOR_OTHER_SECONDS
        order = self._orders.get(order_id)
        while order.saga is not None and time.monotonic() < deadline:
            time.sleep(_WAIT_POLL_SECONDS)
            order = self._orders.get(order_id)
        if order.saga is not None:
            return Outcome(order, "PENDING")
        if order.status == "CONFIRMED":
            balance = self._users.get(user_id)["credit_balance"]
            return Outcome(order, "CONFIRMED", balance, self._new_code(order))
        return self.pay(user_id, order_id)  # the other came to nothing: this is a try of its own


def reserve_saga(
    orders: OrderClient, events: EventClient, inventory: InventoryClient, publisher: HoldPublisher
) -> Saga[Reservation]:
    """ReserveSeat → order PENDING → hold message."""

    def reserve_seat(reservation: Reservation) -> None:
        reservation.hold = inventory.reserve_seat(
            reservation.seat_id, reservation.user_id, reservation.order_id
        )

    def release_seat(reservation: Reservation) -> None:
        if not reservation.is_repeat:
            inventory.release_seat(reservation.seat_id, reservation.order_id)

    def create_order(reservation: Reservation) -> None:
        hold = reservation.hold
        order = orders.create(
            order_id=hold.hold_id,
            user_id=reservation.user_id,
            seat_id=reservation.seat_id,
            event_id=hold.event_id,
            credits_charged=_price(events, hold),
            held_until=hold.held_until,
        )
        if order.status != "PENDING":
            raise AppError(ErrorCode.SEAT_UNAVAILABLE, "This seat is just being let go: try again.")

    def fail_order(reservation: Reservation) -> None:
        if reservation.is_repeat:
            return
        try:
            orders.fail(reservation.order_id, ErrorCode.INTERNAL_ERROR)
        except AppError as error:
            if error.code is not ErrorCode.ORDER_NOT_FOUND:
                raise

    def publish_hold(reservation: Reservation) -> None:
        if not reservation.is_repeat:
            publisher.publish(
                seat_id=reservation.seat_id,
                user_id=reservation.user_id,
                order_id=reservation.order_id,
                reserved_at=datetime.now(timezone.utc),
            )

    return Saga(
        "reserve",
        Step(do=reserve_seat, undo=release_seat),
        Step(do=create_order, undo=fail_order),
        Step(do=publish_hold),
    )


def pay_saga(
    users: UserClient,
    orders: OrderClient,
    inventory: InventoryClient,
    new_code: Callable[[Order], str],
) -> Saga[Payment]:
    """Charge → ConfirmSeat ‖ → order CONFIRMED."""

    def charge(payment: Payment) -> None:
        order = payment.order
        payment.remaining_balance = users.deduct(
            order.user_id, order.credits_charged, order.order_id
        )

    def refund_charge(payment: Payment) -> None:
        order = payment.order
        users.refund(order.user_id, order.credits_charged, order.order_id)

    def confirm_seat(payment: Payment) -> None:
        order = payment.order
        payment.qr_payload = payment.qr_payload or new_code(order)
        inventory.confirm_seat(
            order.seat_id,
            order.user_id,
            order.order_id,
            order.credits_charged,
            qr_hash(payment.qr_payload),
        )

    def release_seat(payment: Payment) -> None:
        order = payment.order
        inventory.release_seat(order.seat_id, order.order_id, undo_sale=True)

    def confirm_order(payment: Payment) -> None:
        orders.finish(payment.order, "CONFIRMED")

    return Saga(
        "pay",
        Step(do=charge, undo=refund_charge),
        Step(do=confirm_seat, undo=release_seat, pivot=True),
        Step(do=confirm_order),
    )


def _price(events: EventClient, hold: Hold) -> Decimal:
    """What the held seat costs, while its event has not begun; raises EVENT_ENDED."""
    event = events.get(hold.event_id)
    if event.event_date <= datetime.now(timezone.utc):
        raise AppError(ErrorCode.EVENT_ENDED, "This event is over.", event_id=str(hold.event_id))
    return event.pricing_tiers[hold.category]
