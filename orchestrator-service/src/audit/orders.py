"""Rule 2 of orders: CONFIRMED one charge, FAILED nothing, REFUNDED a charge and its refund."""

from uuid import UUID

from ..clients.audit_client import AuditClient, Entry
from ..clients.order_client import Order
from .credits import booked, net
from .findings import Finding


def judge_orders(client: AuditClient, orders: list[Order]) -> dict[UUID, list[Finding]]:
    """What is wrong with the credits of some of these orders, by order."""
    entries = client.entries([order.order_id for order in orders])
    wrong = {}
    for order in orders:
        what = _problem(order, entries.get(order.order_id, []))
        if what is not None:
            ids = {"order_id": order.order_id, "user_id": order.user_id}
            wrong[order.order_id] = [Finding(2, what, ids)]
    return wrong


def _problem(order: Order, entries: list[Entry]) -> str | None:
    charge = ("CHARGE", order.user_id, -order.credits_charged)
    if order.status == "CONFIRMED":
        is_right = booked(entries) == [charge]
        return None if is_right else "A CONFIRMED order has not exactly one charge of its price."
    if order.status == "REFUNDED":
        refund = ("REFUND", order.refund_to_user_id, order.credits_charged)
        is_right = booked(entries) == [charge, refund]
        return None if is_right else "A REFUNDED order has not exactly one charge and its refund."
    return f"The credits of a {order.status} order do not net to zero." if net(entries) else None
