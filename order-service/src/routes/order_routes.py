"""Orders over HTTP; internal, see contract.md, section 3."""

from flask import Blueprint

from common.auth import Access
from common.endpoint import endpoint
from common.errors import ErrorCode
from common.fields import Page

from ..services.order_claims import OrderClaims
from ..services.order_service import OrderService
from ..values import CodeSent, NewOrder, OrderClaim, OrderFilter, OrderId, OrderRecord, StatusChange


def orders_blueprint(service: OrderService, claims: OrderClaims) -> Blueprint:
    """The endpoints below /orders."""
    orders = Blueprint("orders", __name__)

    @orders.post("/orders")
    @endpoint(
        access=Access.INTERNAL,
        body=NewOrder,
        returns=OrderRecord,
        status=201,
        errors=(ErrorCode.ORDER_INVALID_STATE,),
    )
    def create_order(body: NewOrder) -> OrderRecord:
        """Book a PENDING order.

        Idempotent by order_id: the same order again is answered as it stands.
        """
        return service.create(body)

    @orders.get("/orders")
    @endpoint(access=Access.INTERNAL, query=OrderFilter, returns=Page[OrderRecord])
    def list_orders(query: OrderFilter) -> Page[OrderRecord]:
        """Orders by user, seat and status, newest first."""
        return service.find(query)

    @orders.get("/orders/<order_id>")
    @endpoint(access=Access.INTERNAL, returns=OrderRecord, errors=(ErrorCode.ORDER_NOT_FOUND,))
    def get_order(order_id: OrderId) -> OrderRecord:
        """One order with its journal."""
        return service.get(order_id)

    @orders.patch("/orders/<order_id>")
    @endpoint(
        access=Access.INTERNAL,
        body=StatusChange,
        returns=OrderRecord,
        errors=(ErrorCode.ORDER_NOT_FOUND, ErrorCode.ORDER_INVALID_STATE),
    )
    def change_status(order_id: OrderId, body: StatusChange) -> OrderRecord:
        """Move an order along its life; an illegal move is refused and changes nothing.

        CONFIRMED and REFUNDED are the saga's own (saga_version); FAILED is also an outsider's,
        while no saga is at work.
        """
        return service.change_status(order_id, body)

    @orders.put("/orders/<order_id>/code")
    @endpoint(
        access=Access.INTERNAL,
        body=CodeSent,
        returns=OrderRecord,
        errors=(ErrorCode.ORDER_NOT_FOUND, ErrorCode.ORDER_INVALID_STATE),
    )
    def code_sent(order_id: OrderId, body: CodeSent) -> OrderRecord:
        """Keep what the provider calls the code that was sent for this order."""
        return service.code_sent(order_id, body.verification_sid)

    @orders.post("/orders/<order_id>/code/verified")
    @endpoint(
        access=Access.INTERNAL,
        returns=OrderRecord,
        errors=(ErrorCode.ORDER_NOT_FOUND, ErrorCode.ORDER_INVALID_STATE),
    )
    def code_verified(order_id: OrderId) -> OrderRecord:
        """The buyer has confirmed this order by its code."""
        return service.code_verified(order_id)

    @orders.post("/orders/<record_id>/saga")
    @endpoint(
        access=Access.INTERNAL,
        body=OrderClaim,
        returns=OrderRecord,
        errors=(
            ErrorCode.ORDER_NOT_FOUND,
            ErrorCode.ORDER_INVALID_STATE,
            ErrorCode.ORDER_ALREADY_CONFIRMED,
            ErrorCode.OTP_REQUIRED,
            ErrorCode.HOLD_EXPIRED,
            ErrorCode.SEAT_NOT_HELD,
        ),
    )
    def begin(record_id: OrderId, body: OrderClaim) -> OrderRecord:
        """Claim the order for a saga, its first step begun."""
        return claims.begin(record_id, body)

    return orders
