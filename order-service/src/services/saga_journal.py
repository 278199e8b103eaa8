"""The journal of the saga at work on an order (design.md, Sagas: Journal, Claim).

A driver claims the record by raising `saga_version`; every later write demands that version, so a
driver that was overtaken can write nothing more. Each function is one conditional statement.
"""

from collections.abc import Callable
from uuid import UUID

from sqlalchemy import ColumnElement, Update, func, literal, select, update
from sqlalchemy.orm import Session

from common.database import Database
from common.errors import AppError, ErrorCode

from ..models.order import Order, OrderStatus
from ..values import OrderRecord, SagaBegin, SagaRecord, SagaTakeOver, UntouchedFilter
from .order_service import found

_STARTS_FROM = {"pay": OrderStatus.PENDING, "refund": OrderStatus.CONFIRMED}


class SagaJournal:
    """The journal's use cases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, order_id: UUID, claim: SagaBegin) -> OrderRecord:
        """Claim the order for a saga, its first step begun; the same driver again has it already.

        Raises ORDER_NOT_FOUND (also for another user's order), ORDER_ALREADY_CONFIRMED,
        OTP_REQUIRED, HOLD_EXPIRED, SEAT_NOT_HELD or ORDER_INVALID_STATE (with `details.saga` where
        one is at work already).
        """
        claimed = _write(order_id, *_claimable(claim)).values(
            saga=claim.saga,
            saga_step=claim.step,
            saga_version=Order.saga_version + 1,
            saga_driver=claim.driver,
        )
        with self._database.transaction() as session:
            order = session.scalars(claimed.returning(Order)).one_or_none()
            if order is None:
                order = found(session, order_id)
                if order.saga is None or order.saga_driver != claim.driver:
                    raise _refusal(session, order, claim)
            return OrderRecord.model_validate(order)

    def record(self, order_id: UUID, entry: SagaRecord) -> OrderRecord:
        """Commit that a step begins, or that undoing begins (which is never taken back)."""
        wanted = [Order.saga.is_not(None), Order.saga_version == entry.saga_version]
        if entry.undoing:
            change = _write(order_id, *wanted).values(saga_undoing=True)
        else:
            forward = Order.saga_undoing.is_(False)
            change = _write(order_id, *wanted, forward).values(saga_step=entry.step)
        return self._guarded(order_id, change)

    def end(self, order_id: UUID, saga_version: int) -> OrderRecord:
        """Give the claim back where nothing has happened: the order is as it was before."""
        change = _write(
            order_id,
            Order.saga.is_not(None),
            Order.saga_version == saga_version,
            Order.saga_undoing.is_(False),
        ).values(saga=None, saga_step=None)
        return self._guarded(
            order_id, change, lambda o: o.saga is None and o.saga_version == saga_version
        )

    def take_over(self, order_id: UUID, claim: SagaTakeOver) -> OrderRecord:
        """Claim a saga that its driver has left; only one of several that try succeeds."""
        change = _write(
            order_id, Order.saga.is_not(None), Order.saga_version == claim.saga_version
        ).values(saga_version=Order.saga_version + 1, saga_driver=claim.driver)
        return self._guarded(
            order_id, change, lambda o: o.saga is not None and o.saga_driver == claim.driver
        )

    def untouched(self, wanted: UntouchedFilter) -> list[OrderRecord]:
        """Orders with a saga at work that nobody has touched for that long, oldest first."""
        age = func.make_interval(0, 0, 0, 0, 0, 0, wanted.untouched_seconds)
        with self._database.transaction() as session:
            orders = session.scalars(
                select(Order)
                .where(Order.saga.is_not(None), Order.saga_touched_at <= func.now() - age)
                .order_by(Order.saga_touched_at)
                .limit(wanted.limit)
            )
            return [OrderRecord.model_validate(order) for order in orders]

    def _guarded(
        self,
        order_id: UUID,
        change: Update,
        is_done: Callable[[Order], bool] = lambda order: False,
    ) -> OrderRecord:
        """Make the change, unless a repeat finds it `is_done`; else the caller was overtaken."""
        with self._database.transaction() as session:
            order = session.scalars(change.returning(Order)).one_or_none()
            if order is None:
                order = found(session, order_id)
                if not is_done(order):
                    raise _overtaken(order)
            return OrderRecord.model_validate(order)


def _claimable(claim: SagaBegin) -> list[ColumnElement[bool]]:
    """What must hold of an order for this claim."""
    wanted = [
        Order.saga.is_(None),
        Order.user_id == claim.user_id,
        Order.status == _STARTS_FROM[claim.saga],
    ]
    if claim.saga == "pay":
        wanted.append(Order.held_until > func.now())
    if claim.otp_required:
        wanted.append(Order.otp_verified_at.is_not(None))
    return wanted


def _write(order_id: UUID, *conditions: ColumnElement[bool]) -> Update:
    return (
        update(Order)
        .where(Order.order_id == order_id, *conditions)
        .values(saga_touched_at=func.now())
    )


def _overtaken(order: Order) -> AppError:
    return AppError(
        ErrorCode.ORDER_INVALID_STATE,
        "Another driver has taken this saga over, or it has ended.",
        status=order.status.value,
        saga=order.saga,
        saga_version=order.saga_version,
    )


def _refusal(session: Session, order: Order, claim: SagaBegin) -> AppError:
    """Why the claim was refused, as the one who asked may know it."""
    if order.user_id != claim.user_id:
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
