"""Claiming an order for pay or refund (design.md, Sagas: Claim)."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Update, func, literal, select, update
from sqlalchemy.orm import Session

from common.database import Database
from common.errors import AppError, ErrorCode

from ..models.order import Order, OrderStatus
from ..models.transfer import Transfer
from ..values import OrderClaim, OrderRecord
from .records import ORDERS
from .sale import fail_active, lock_sale

_STARTS_FROM = {"pay": OrderStatus.PENDING, "refund": OrderStatus.CONFIRMED}


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
        with self._database.transaction() as session:
            refund = _refund(session, order_id, claim) if claim.saga == "refund" else {}
            order = session.scalars(_claimed(order_id, claim, refund)).one_or_none()
            if order is None:
                order = ORDERS.found(session, order_id)
                if not order.is_driven_by(claim.driver):
                    raise _refusal(session, order, claim)
            elif refund:
                fail_active(session, "ORDER_REFUNDED", Transfer.order_id == order_id)
            return OrderRecord.model_validate(order)


def _refund(session: Session, order_id: UUID, claim: OrderClaim) -> dict[str, Any]:
    """Lock the sale; to whom the order is refunded, and why."""
    sale = lock_sale(session, Order.order_id == order_id)
    if sale is None or not sale.is_open:
        return {}
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
    return {"refund_to_user_id": sale.owner_user_id, "refund_reason": claim.reason}


def _claimed(order_id: UUID, claim: OrderClaim, refund: dict[str, Any]) -> Update:
    return (
        update(Order)
        .where(Order.order_id == order_id, *_claimable(claim))
        .values(
            saga=claim.saga,
            saga_step=claim.step,
            saga_version=Order.saga_version + 1,
            saga_driver=claim.driver,
            saga_touched_at=func.now(),
            **refund,
        )
        .returning(Order)
        .execution_options(populate_existing=True)
    )


def _claimable(claim: OrderClaim) -> list[ColumnElement[bool]]:
    """What must hold of an order for this claim."""
    wanted = [Order.saga.is_(None), Order.status == _STARTS_FROM[claim.saga]]
    if claim.user_id is not None:
        wanted.append(Order.user_id == claim.user_id)
    if claim.saga == "pay":
        wanted.append(Order.held_until > func.now())
    if claim.otp_required:
        wanted.append(Order.otp_verified_at.is_not(None))
    return wanted


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
