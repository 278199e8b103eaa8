"""Orders: one per hold, legal moves only, each decided by one conditional statement."""

from functools import cache
from uuid import UUID

from psycopg2 import IntegrityError
from sqlalchemy import ColumnElement, Integer, bindparam, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from common.database import Database, violated_constraint
from common.errors import AppError, ErrorCode
from common.fields import Page
from common.prepared import Prepared

from ..models.base import Time
from ..models.order import Order, OrderStatus
from ..values import NewOrder, OrderFilter, OrderRecord, StatusChange
from .records import ORDERS

# How long an order may outlive its hold before expire_orders ends it. The dead-letter message and
# the inventory's sweep come first; this is for the order that neither knows of.
_EXPIRY_GRACE = text("interval '10 seconds'")
_LONGEST_HOLD = text("interval '300 seconds'")

_BY_ID = Prepared(select(Order).where(Order.order_id == bindparam("of_order")))
_GIVEN = ("order_id", "user_id", "seat_id", "event_id", "credits_charged")
_held_until = func.coalesce(bindparam("held_until", type_=Time), func.now() + _LONGEST_HOLD)
_BOOK = Prepared(
    insert(Order)
    .values(**{name: bindparam(name) for name in _GIVEN}, held_until=_held_until)
    .on_conflict_do_nothing()
    .returning(Order)
)


@cache
def _found_by(*names: str) -> tuple[Prepared, Prepared]:
    """How many orders match in these columns, and a page of them, which says it too."""
    matching = [getattr(Order, name) == bindparam(name) for name in names]
    count = select(func.count().label("total")).select_from(Order).where(*matching)
    page = (
        select(Order, count.scalar_subquery().label("total"))
        .where(*matching)
        .order_by(Order.created_at.desc(), Order.order_id)
        .limit(bindparam("rows", type_=Integer))
        .offset(bindparam("skipped", type_=Integer))
    )
    return Prepared(count), Prepared(page)


def _move(*comes_from: ColumnElement[bool], **values: object) -> Prepared:
    """The order goes along its life, and no saga is at work on it any more."""
    return Prepared(
        update(Order)
        .where(Order.order_id == bindparam("of_order"), *comes_from)
        .values(**values, saga=None, saga_step=None, saga_undoing=False, saga_touched_at=func.now())
        .returning(Order)
    )


_is_pending = Order.status == OrderStatus.PENDING
_of_the_saga = (Order.saga.is_not(None), Order.saga_version == bindparam("of_version"))
_failure = {"status": OrderStatus.FAILED, "failure_reason": bindparam("reason")}
# Who may: the saga at work, under its version; an outsider, to FAILED while no saga is at work.
_MOVES = {
    ("saga", OrderStatus.CONFIRMED): _move(
        _is_pending,
        *_of_the_saga,
        Order.saga_undoing.is_(False),
        status=OrderStatus.CONFIRMED,
        confirmed_at=func.now(),
    ),
    ("saga", OrderStatus.FAILED): _move(_is_pending, *_of_the_saga, **_failure),
    ("saga", OrderStatus.REFUNDED): _move(
        Order.status == OrderStatus.CONFIRMED, *_of_the_saga, status=OrderStatus.REFUNDED
    ),
    ("outsider", OrderStatus.FAILED): _move(_is_pending, Order.saga.is_(None), **_failure),
}


class OrderService:
    """The use cases of orders; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, new: NewOrder) -> OrderRecord:
        """Book a PENDING order; the same order again answers with what became of it.

        Raises ORDER_INVALID_STATE where the ID is taken by another order.
        """
        for booked in self._database.run(_BOOK, **new.model_dump()):
            return OrderRecord.model_validate(booked)
        with self._database.transaction() as session:
            return OrderRecord.model_validate(_existing(session, new))

    def get(self, order_id: UUID) -> OrderRecord:
        """Raises ORDER_NOT_FOUND."""
        for order in self._database.run(_BY_ID, of_order=order_id):
            return OrderRecord.model_validate(order)
        raise ORDERS.unknown()

    def find(self, wanted: OrderFilter) -> Page[OrderRecord]:
        """The matching orders, newest first."""
        given = wanted.model_dump(include={"user_id", "seat_id", "status"}, exclude_none=True)
        count, page = _found_by(*given)
        values = {"rows": wanted.per_page, "skipped": wanted.offset, **given}
        found = self._database.run(page, **values)
        total = found[0].total if found else self._database.run(count, **values)[0].total
        return Page([OrderRecord.model_validate(one) for one in found], total, wanted)

    def change_status(self, order_id: UUID, change: StatusChange) -> OrderRecord:
        """Move the order along and end the saga at work on it; a repeat changes nothing.

        With `saga_version` it is the saga's own last write. Without it the caller is an outsider
        (consumer, sweep, expiry, staff), who may only fail an order that no saga is at work on.
        Raises ORDER_NOT_FOUND, ORDER_INVALID_STATE.
        """
        move = _MOVES.get(("outsider" if change.saga_version is None else "saga", change.status))
        values = {"of_order": order_id, "of_version": change.saga_version, "reason": change.reason}
        try:
            for moved in self._database.run(move, **values) if move else ():
                return OrderRecord.model_validate(moved)
        except IntegrityError as error:
            if violated_constraint(error) != "idx_one_confirmed_order_per_seat":
                raise
            raise AppError(
                ErrorCode.ORDER_INVALID_STATE, "The seat is sold by another order."
            ) from error
        with self._database.transaction() as session:
            order = ORDERS.found(session, order_id)
            if order.status is not change.status:
                raise _illegal(order, change)
            return OrderRecord.model_validate(order)

    def code_sent(self, order_id: UUID, verification_sid: str) -> OrderRecord:
        """Keep what the provider calls the code of a PENDING order; verified ones need none."""
        return self._change_pending(
            order_id, Order.otp_verified_at.is_(None), verification_sid=verification_sid
        )

    def code_verified(self, order_id: UUID) -> OrderRecord:
        """The buyer has confirmed a PENDING order by its code; a repeat changes nothing."""
        first = func.coalesce(Order.otp_verified_at, func.now())
        return self._change_pending(
            order_id, literal(True), verification_sid=None, otp_verified_at=first
        )

    def _change_pending(
        self, order_id: UUID, condition: ColumnElement[bool], **values: object
    ) -> OrderRecord:
        """Raises ORDER_NOT_FOUND; ORDER_INVALID_STATE where the order is no longer PENDING."""
        pending = (Order.order_id == order_id, Order.status == OrderStatus.PENDING)
        change = update(Order).where(*pending, condition).values(**values).returning(Order)
        with self._database.transaction() as session:
            order = session.scalars(change).one_or_none() or ORDERS.found(session, order_id)
            if order.status is not OrderStatus.PENDING:
                raise AppError(
                    ErrorCode.ORDER_INVALID_STATE,
                    f"This order is {order.status}: a code changes nothing any more.",
                    status=order.status.value,
                )
            return OrderRecord.model_validate(order)

    def expire_orders(self) -> int:
        """Fail what is PENDING past its hold with no saga at work; how many those were."""
        expired = (
            update(Order)
            .where(
                Order.status == OrderStatus.PENDING,
                Order.saga.is_(None),
                Order.held_until < func.now() - _EXPIRY_GRACE,
            )
            .values(status=OrderStatus.FAILED, failure_reason=ErrorCode.HOLD_EXPIRED.value)
        )
        with self._database.transaction() as session:
            return session.execute(expired).rowcount


def _existing(session: Session, new: NewOrder) -> Order:
    order = ORDERS.found(session, new.order_id)
    if (order.user_id, order.seat_id) != (new.user_id, new.seat_id):
        raise AppError(ErrorCode.ORDER_INVALID_STATE, "This order ID belongs to another order.")
    return order


def _illegal(order: Order, change: StatusChange) -> AppError:
    at_work = f" while the saga {order.saga} is at work" if order.saga else ""
    return AppError(
        ErrorCode.ORDER_INVALID_STATE,
        f"An order that is {order.status} cannot become {change.status}{at_work}.",
        status=order.status.value,
        saga=order.saga,
    )
