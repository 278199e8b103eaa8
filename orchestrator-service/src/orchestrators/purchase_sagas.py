"""The sagas of scenario 1 as their tables (design.md, Sagas)."""

from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from uuid import UUID

from common.errors import AppError, ErrorCode

from ..clients.event_client import EventClient
from ..clients.hold_publisher import HoldPublisher
from ..clients.inventory_client import Hold, InventoryClient
from ..clients.order_client import Order, OrderClient
from ..clients.user_client import UserClient
from ..utils.qr_util import qr_hash
from .saga import Saga, Step


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
    qr_payload: str = ""
    remaining_balance: Decimal | None = None


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


def pay_saga(users: UserClient, orders: OrderClient, inventory: InventoryClient) -> Saga[Payment]:
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
