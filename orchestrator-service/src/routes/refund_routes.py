"""Refunds of confirmed orders, by staff."""

from typing import Literal
from flask import Blueprint

from common.auth import Access
from common.endpoint import endpoint
from common.errors import ErrorCode
from common.fields import Answer, CallerBody, Money

from ..orchestrators.refund_orchestrator import RefundOrchestrator
from .shapes import OrderId, Reason


class RefundBody(CallerBody):
    """Why the order is refunded."""

    reason: Reason


class RefundedOrder(Answer):
    """What became of a refund; CONFIRMED (202) while it is being completed."""

    order_id: OrderId
    status: Literal["CONFIRMED", "REFUNDED"]
    credits_returned: Money


def refunds_blueprint(service: RefundOrchestrator) -> Blueprint:
    """/api/orders/{id}/refund."""
    routes = Blueprint("refunds", __name__)

    @routes.post("/api/orders/<order_id>/refund")
    @endpoint(
        access=Access.STAFF,
        body=RefundBody,
        returns=RefundedOrder,
        also=(202,),
        errors=(
            ErrorCode.ORDER_NOT_FOUND,
            ErrorCode.ORDER_INVALID_STATE,
            ErrorCode.SEAT_UNAVAILABLE,
        ),
    )
    def refund(order_id: OrderId, body: RefundBody) -> tuple[RefundedOrder, int]:
        """Free the seat and give the order's price to its present owner, once.

        Open transfers of the seat end. 202 with status CONFIRMED: it is being completed.
        """
        outcome = service.refund(order_id, body.reason)
        refunded = RefundedOrder(
            order_id=order_id,
            status="REFUNDED" if outcome.is_done else "CONFIRMED",
            credits_returned=outcome.record.credits_charged,
        )
        return refunded, 200 if outcome.is_done else 202

    return routes
