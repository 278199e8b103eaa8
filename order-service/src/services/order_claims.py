"""Claiming an order for pay or refund (design.md, Sagas: Claim)."""

from typing import Any
from uuid import UUID

from sqlalchemy import Text, bindparam, func, literal, select, update
from sqlalchemy.orm import Session

from common.database import Database
from common.errors import AppError, ErrorCode
from common.prepared import Prepared

from ..models.order import Order, OrderStatus
from ..models.transfer import Transfer
from ..values import OrderClaim, OrderRecord
from .records import ORDERS
from .sale import fail_active, lock_sale

_CLAIM = update(Order).values(
    saga=bindparam("new_saga", type_=Text),
    saga_step=bindparam("step"),
    saga_version=Order.saga_version + 1,
    saga_driver=bindparam("driver"),
    saga_touched_at=func.now(),
)
_PAYABLE = (
    Order.order_id == bindparam("of_order"),
    Order.user_id == bindparam("of_user"),
    Order.status == OrderStatus.PENDING,
    Order.saga.is_(None),
    Order.held_until > func.now(),
)
_PAY = Prepared(_CLAIM.where(*_PAYABLE).returning(Order))
_PAY_BY_CODE = Prepared(
    _CLAIM.where(*_PAYABLE, Order.otp_verified_at.is_not(None)).returning(Order)
)


class OrderClaims:
    """The one use case that begins a saga on an order."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, order_id: UUID, claim: OrderClaim) -> OrderRecord:
        """Claim the order for a saga, its first step begun; the same driver again has it already.

        A refund ends the active transfers of the order. Raises ORDER_NOT_FOUND (also for another
        user's order), ORDER_ALREADY_CONFIRMED, OTP_REQUIRED, HOLD_EXPIRED, SEAT_NOT_HELD or
        ORDER_INVALID_STATE (with `details.saga` where one is at work already, on the order or, for
        a refund, on a transfer of it).
        """
        values = {"new_saga": claim.saga, "step": claim.step, "driver": claim.driver}
        if claim.saga == "pay":
            pay = _PAY_BY_CODE if claim.otp_required else _PAY
            ids = {"of_order": order_id, "of_user": claim.user_id}
            for order in self._database.run(pay, **ids, **values):
                return OrderRecord.model_validate(order)
        with self._database.transaction() as session:
            claimed = _refund(session, order_id, claim, values) if claim.saga == "refund" else None
            order = claimed or ORDERS.found(session, order_id)
            if not order.is_driven_by(claim.driver):
                raise _refusal(session, order, claim)
            return OrderRecord.model_validate(order)


def _refund(
    session: Session, order_id: UUID, claim: OrderClaim, values: dict[str, Any]
) -> Order | None:
    """Lock the sale and claim its order, if that can be refunded; to whom, and why."""
    sale = lock_sale(session, Order.order_id == order_id)
    if sale is None or not sale.is_open:
        return None
    if sale.disputed is not None and sale.at_work is None:
        raise AppError(
            ErrorCode.ORDER_INVALID_STATE,
            "A transfer of this seat is disputed: reverse it or dismiss the dispute first.",
            order_id=str(order_id),
            status=sale.order.status.value,
            transfer_id=str(sale.disputed.transfer_id),
        )
    if sale.at_work is not None:
        raise AppError(
            ErrorCode.ORDER_INVALID_STATE,
            "A transfer of this seat is being worked on right now.",
            order_id=str(order_id),
            status=sale.order.status.value,
            saga=sale.at_work.saga,
        )
    wanted = [
        Order.order_id == order_id,
        Order.status == OrderStatus.CONFIRMED,
        Order.saga.is_(None),
    ]
    if claim.user_id is not None:
        wanted.append(Order.user_id == claim.user_id)
    refund = {"refund_to_user_id": sale.owner_user_id, "refund_reason": claim.reason}
    change = _CLAIM.where(*wanted).values(**refund).returning(Order)
    order = session.scalars(change.execution_options(populate_existing=True), values).one_or_none()
    if order is not None:
        fail_active(session, "ORDER_REFUNDED", Transfer.order_id == order_id)
    return order


def _refusal(session: Session, order: Order, claim: OrderClaim) -> AppError:
    """Why the claim was refused, as the one who asked may know it."""
    if claim.user_id not in (None, order.user_id):
        return AppError(ErrorCode.ORDER_NOT_FOUND, "There is no such order.")
    details = {"order_id": str(order.order_id), "status": order.status.value}
    if order.saga is not None:
        return AppError(
            ErrorCode.ORDER_INVALID_STATE,
            "This order is being worked on right now.",
            saga=order.saga,
            **details,
        )
    if claim.saga == "pay":
        is_held = session.scalar(select(literal(order.held_until) > func.now()))
        return _not_payable(order, is_held, details)
    return AppError(ErrorCode.ORDER_INVALID_STATE, f"This order is {order.status}.", **details)


def _not_payable(order: Order, is_held: bool, details: dict[str, str]) -> AppError:
    if order.status is OrderStatus.PENDING and is_held:
        code = ErrorCode.OTP_REQUIRED
        message = "Confirm this purchase with the code sent to your phone, then pay again."
    elif order.status is OrderStatus.PENDING or order.failure_reason == ErrorCode.HOLD_EXPIRED:
        code, message = ErrorCode.HOLD_EXPIRED, "The hold ran out: reserve the seat again."
    elif order.status is OrderStatus.CONFIRMED:
        code, message = ErrorCode.ORDER_ALREADY_CONFIRMED, "This order has been paid already."
    elif order.status is OrderStatus.FAILED:
        code, message = ErrorCode.SEAT_NOT_HELD, "This order has failed: reserve the seat again."
    else:
        code, message = ErrorCode.ORDER_INVALID_STATE, "This order has been refunded."
    return AppError(code, message, **details)
