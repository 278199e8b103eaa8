"""Reserve and pay, and one's own orders."""

from flask import Blueprint

from common.auth import Access, Caller
from common.endpoint import endpoint
from common.errors import AppError, ErrorCode
from common.fields import Page, PageQuery

from ..clients.order_client import OrderClient
from ..orchestrators.purchase_orchestrator import Purchase, PurchaseOrchestrator
from .paging import page_of
from .shapes import HeldSeat, OrderId, OrderStatus, OrderView, PaidOrder, PayBody, ReserveBody

_MESSAGES = {
    "CONFIRMED": "The seat is yours.",
    "PENDING": "Your payment is being completed: look at the order in a minute.",
}


class OrderQuery(PageQuery):
    """Which of one's orders."""

    status: OrderStatus | None = None


def purchase_blueprint(purchase: PurchaseOrchestrator, orders: OrderClient) -> Blueprint:
    """The endpoints of scenario 1."""
    routes = Blueprint("purchase", __name__)

    @routes.post("/api/reserve")
    @endpoint(
        access=Access.CUSTOMER,
        body=ReserveBody,
        returns=HeldSeat,
        errors=(
            ErrorCode.SEAT_NOT_FOUND,
            ErrorCode.SEAT_UNAVAILABLE,
            ErrorCode.SEAT_ALREADY_SOLD,
            ErrorCode.EVENT_ENDED,
            ErrorCode.HOLD_LIMIT_REACHED,
        ),
    )
    def reserve(body: ReserveBody, caller: Caller) -> HeldSeat:
        """Hold a seat for a few minutes, under a new order.

        The seat one holds already is answered with its order and what is left of the hold.
        """
        hold = purchase.reserve(caller.user_id, body.seat_id)
        return HeldSeat(
            order_id=hold.hold_id,
            seat_id=body.seat_id,
            status="HELD",
            held_until=hold.held_until,
            ttl_seconds=hold.ttl_seconds,
            message=f"The seat is held for you for {hold.ttl_seconds} seconds: pay to keep it.",
        )

    @routes.post("/api/pay")
    @endpoint(
        access=Access.CUSTOMER,
        body=PayBody,
        returns=PaidOrder,
        also=(202,),
        errors=(
            ErrorCode.ORDER_NOT_FOUND,
            ErrorCode.ORDER_ALREADY_CONFIRMED,
            ErrorCode.ORDER_INVALID_STATE,
            ErrorCode.OTP_REQUIRED,
            ErrorCode.HOLD_EXPIRED,
            ErrorCode.SEAT_NOT_HELD,
            ErrorCode.INSUFFICIENT_CREDITS,
            ErrorCode.RATE_LIMITED,
            ErrorCode.OTP_MAX_RETRIES,
        ),
    )
    def pay(body: PayBody, caller: Caller) -> tuple[PaidOrder, int]:
        """Pay for an order with credits; a repeat charges nothing a second time.

        202 with status PENDING: the seat is sold and charged, the rest is being completed.
        """
        outcome = purchase.pay(caller.user_id, body.order_id)
        return _paid(outcome), 200 if outcome.status == "CONFIRMED" else 202

    @routes.get("/api/orders")
    @endpoint(access=Access.CUSTOMER, query=OrderQuery, returns=Page[OrderView])
    def list_orders(query: OrderQuery, caller: Caller) -> Page[OrderView]:
        """One's own orders, newest first."""
        answer = orders.page(
            user_id=caller.user_id, status=query.status, page=query.page, per_page=query.per_page
        )
        return page_of(OrderView, answer, query)

    @routes.get("/api/orders/<order_id>")
    @endpoint(access=Access.CUSTOMER, returns=OrderView, errors=(ErrorCode.ORDER_NOT_FOUND,))
    def get_order(order_id: OrderId, caller: Caller) -> OrderView:
        """One of one's own orders: where things stand."""
        order = orders.get(order_id)
        if order.user_id != caller.user_id:
            raise AppError(ErrorCode.ORDER_NOT_FOUND, "There is no such order.")
        return OrderView.model_validate(order)

    return routes


def _paid(outcome: Purchase) -> PaidOrder:
    return PaidOrder(
        order_id=outcome.order.order_id,
        seat_id=outcome.order.seat_id,
        status=outcome.status,
        credits_charged=outcome.order.credits_charged,
        remaining_balance=outcome.remaining_balance,
        qr_payload=outcome.qr_payload,
        message=_MESSAGES[outcome.status],
    )
