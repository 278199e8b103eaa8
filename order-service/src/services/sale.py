"""One seat's sale: its order and what became of its transfers, locked as init.sql states."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from ..models.order import Order, OrderStatus
from ..models.transfer import ACTIVE, PASSED_ON, Transfer, TransferStatus

_ORDERS = select(Order).with_for_update()
_TRANSFERS = (
    select(Transfer)
    .where(Transfer.status.in_(ACTIVE + PASSED_ON))
    .order_by(Transfer.transfer_id)
    .with_for_update()
)


@dataclass(frozen=True)
class Sale:
    """An order and its transfers but those that came to nothing (FAILED, REVERSED)."""

    order: Order
    transfers: list[Transfer]

    @property
    def is_open(self) -> bool:
        """Whether the seat is sold by this order, and no refund of it is at work."""
        return self.order.status is OrderStatus.CONFIRMED and self.order.saga is None

    @property
    def active(self) -> Transfer | None:
        """The transfer that waits for its codes."""
        return next((one for one in self.transfers if one.status in ACTIVE), None)

    @property
    def at_work(self) -> Transfer | None:
        """The transfer that a saga is at work on."""
        return next((one for one in self.transfers if one.saga is not None), None)

    @property
    def disputed(self) -> Transfer | None:
        """The transfer whose dispute is not settled."""
        disputed = TransferStatus.DISPUTED
        return next((one for one in self.transfers if one.status is disputed), None)

    @property
    def latest(self) -> Transfer | None:
        """The transfer that gave the seat its present owner."""
        passed_on = [one for one in self.transfers if one.status in PASSED_ON]
        return max(passed_on, key=lambda one: one.completed_at, default=None)

    @property
    def owner_user_id(self) -> UUID:
        """Who owns the seat by now."""
        return self.latest.buyer_user_id if self.latest else self.order.user_id


def lock_sale(session: Session, *which: ColumnElement[bool]) -> Sale | None:
    """Lock the one order that matches and its transfers; None where there is no such order."""
    order = session.scalars(_ORDERS.where(*which)).one_or_none()
    if order is None:
        return None
    transfers = session.scalars(_TRANSFERS.where(Transfer.order_id == order.order_id))
    return Sale(order, list(transfers))


def fail_active(session: Session, reason: str, *which: ColumnElement[bool]) -> int:
    """End the matching transfers that wait for their codes; how many those were."""
    failed = (
        update(Transfer)
        .where(Transfer.status.in_(ACTIVE), Transfer.saga.is_(None), *which)
        .values(status=TransferStatus.FAILED, failure_reason=reason, saga_touched_at=func.now())
    )
    return session.execute(failed).rowcount
