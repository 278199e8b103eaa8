"""Refunding a confirmed order: its seat is free again, its price is with the seat's owner."""

from dataclasses import dataclass
from uuid import UUID

from ..clients.inventory_client import InventoryClient
from ..clients.order_client import Order, OrderClient
from ..clients.user_client import UserClient
from .driver import Driver, Outcome
from .saga import Saga, Step


@dataclass
class Refund:
    """The record of the refund saga: the order, which knows whose seat it is now."""

    order: Order


def refund_saga(users: UserClient, orders: OrderClient, inventory: InventoryClient) -> Saga[Refund]:
    """ReleaseSeat ‖ → credits back → order REFUNDED."""

    def release_seat(refund: Refund) -> None:
        order = refund.order
        inventory.release_seat(
            order.seat_id, order.order_id, undo_sale=True, owner_user_id=order.refund_to_user_id
        )

    def return_credits(refund: Refund) -> None:
        order = refund.order
        users.refund_to(
            order.refund_to_user_id, order.user_id, order.credits_charged, order.order_id
        )

    def mark_refunded(refund: Refund) -> None:
        orders.finish(refund.order, "REFUNDED")

    return Saga(
        "refund",
        Step(do=release_seat, pivot=True),
        Step(do=return_credits),
        Step(do=mark_refunded),
    )


class RefundOrchestrator:
    """Refunds by staff and admins."""

    def __init__(self, users: UserClient, orders: OrderClient, inventory: InventoryClient) -> None:
        self._refund: Driver[Order, Refund] = Driver(
            refund_saga(users, orders, inventory),
            orders,
            done="REFUNDED",
            undone="CONFIRMED",
            prepare=Refund,
            bare=Refund,
        )

    def refund(self, order_id: UUID, reason: str) -> Outcome[Order, Refund]:
        """Give the order's price to the seat's present owner, once, and end its transfers.

        An order that is REFUNDED already is answered as such. Raises ORDER_NOT_FOUND,
        ORDER_INVALID_STATE, SEAT_UNAVAILABLE (checked in).
        """
        return self._refund.run_or_repeat(
            order_id, lambda: self._refund.begin(order_id, reason=reason)
        )

    def recover(self, order: Order) -> None:
        """Settle a refund whose driver is gone; `order` has been taken over."""
        self._refund.recover(order)
