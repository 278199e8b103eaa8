"""The journal of the saga at work on an order (design.md, Sagas: Journal, Claim).

A driver claims the record by raising `saga_version`; every later write demands that version, so a
driver that was overtaken can write nothing more. Each function is one conditional statement.
"""

from uuid import UUID

from sqlalchemy import ColumnElement, Update, func, select, update
from sqlalchemy.orm import Session

from common.database import Database
from common.errors import AppError, ErrorCode

from ..models.order import Order, OrderStatus
from ..values import OrderRecord, SagaBegin, SagaRecord, UntouchedFilter
from .order_service import found

_STARTS_FROM = {"pay": OrderStatus.PENDING, "refund": OrderStatus.CONFIRMED}


class SagaJournal:
    """The journal's use cases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, order_id: UUID, claim: SagaBegin) -> OrderRecord:
        """Claim the order for a saga, its first step begun.

        Raises ORDER_NOT_FOUND (also for another user's order), ORDER_ALREADY_CONFIRMED,
        HOLD_EXPIRED, SEAT_NOT_HELD or ORDER_INVALID_STATE (`details.saga`: one is at work already).
        """
        wanted = [Order.saga.is_(None), Order.status == _STARTS_FROM[claim.saga]]
        if claim.user_id is not None:
            wanted.append(Order.user_id == claim.user_id)
        if claim.saga == "pay":
            wanted.append(Order.held_until > func.now())
        claimed = _write(order_id, *wanted).values(
            saga=claim.saga, saga_step=claim.step, saga_version=Order.saga_version + 1
        )
        with self._database.transaction() as session:
            order = session.scalars(claimed.returning(Order)).one_or_none()
            if order is None:
                raise _refusal(found(session, order_id), claim)
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
        return self._guarded(order_id, change)

    def take_over(self, order_id: UUID, seen_version: int) -> OrderRecord:
        """Claim a saga that its driver has left; only one of several that try succeeds."""
        change = _write(
            order_id, Order.saga.is_not(None), Order.saga_version == seen_version
        ).values(saga_version=Order.saga_version + 1)
        return self._guarded(order_id, change)

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

    def _guarded(self, order_id: UUID, change: Update) -> OrderRecord:
        with self._database.transaction() as session:
            order = session.scalars(change.returning(Order)).one_or_none()
            if order is None:
                raise _overtaken(session, order_id)
            return OrderRecord.model_validate(order)


def _write(order_id: UUID, *conditions: ColumnElement[bool]) -> Update:
    return (
        update(Order)
        .where(Order.order_id == order_id, *conditions)
        .values(saga_touched_at=func.now())
    )


def _overtaken(session: Session, order_id: UUID) -> AppError:
    order = found(session, order_id)
    return AppError(
        ErrorCode.ORDER_INVALID_STATE,
        "Another driver has taken this saga over, or it has ended.",
        status=order.status.value,
        saga=order.saga,
        saga_version=order.saga_version,
    )


def _refusal(order: Order, claim: SagaBegin) -> AppError:
    """Why the claim was refused, as the one who asked may know it."""
    if claim.user_id is not None and order.user_id != claim.user_id:
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
        return _not_payable(order, details)
    return AppError(ErrorCode.ORDER_INVALID_STATE, f"This order is {order.status}.", **details)


def _not_payable(order: Order, details: dict[str, str]) -> AppError:
    lapsed = order.failure_reason == ErrorCode.HOLD_EXPIRED
    if order.status is OrderStatus.PENDING or lapsed:
        code, message = ErrorCode.HOLD_EXPIRED, "The hold ran out: reserve the seat again."
    elif order.status is OrderStatus.CONFIRMED:
        code, message = ErrorCode.ORDER_ALREADY_CONFIRMED, "This order has been paid already."
    elif order.status is OrderStatus.FAILED:
        code, message = ErrorCode.SEAT_NOT_HELD, "This order has failed: reserve the seat again."
    else:
        code, message = ErrorCode.ORDER_INVALID_STATE, "This order has been refunded."
    return AppError(code, message, **details)
