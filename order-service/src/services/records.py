"""Orders and transfers as the journal sees them: what they have alike, and where they differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, literal, null, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from common.errors import AppError, ErrorCode
from common.fields import Answer, Page, PageQuery

from ..models.order import Order
from ..models.transfer import Transfer, TransferStatus
from ..transfer_values import TransferId, TransferRecord
from ..values import OrderId, OrderRecord

M = TypeVar("M", Order, Transfer)
A = TypeVar("A", bound=Answer)

# A dispute that was undone leaves nothing; what another saga finds of one stays.
WITHOUT_UNDONE_DISPUTE = {
    name: case((Transfer.saga == "dispute", null()), else_=getattr(Transfer, name))
    for name in ("dispute_id", "disputed_by", "dispute_reason")
}


@dataclass(frozen=True)
class RecordKind(Generic[M, A]):
    """One kind of record that sagas work on.

    `record_id`: the type of its IDs, with an example. `as_before`: what giving a claim back writes,
    so that the record is as it was before it.
    """

    name: str
    model: type[M]
    key: InstrumentedAttribute[UUID]
    record_id: Any
    answer: type[A]
    not_found: ErrorCode
    invalid_state: ErrorCode
    as_before: Mapping[str, Any]

    def found(self, session: Session, record_id: UUID) -> M:
        """The record of that ID; raises ORDER_NOT_FOUND or TRANSFER_NOT_FOUND."""
        record = session.get(self.model, record_id)
        if record is None:
            raise self.unknown()
        return record

    def unknown(self) -> AppError:
        """ORDER_NOT_FOUND or TRANSFER_NOT_FOUND."""
        return AppError(self.not_found, f"There is no such {self.name}.")

    def page(
        self, session: Session, wanted: PageQuery, matching: list[ColumnElement[bool]]
    ) -> Page[A]:
        """One page of the matching records, newest first."""
        total = session.scalar(select(func.count()).select_from(self.model).where(*matching))
        records = session.scalars(
            select(self.model)
            .where(*matching)
            .order_by(self.model.created_at.desc(), self.key)
            .offset(wanted.offset)
            .limit(wanted.per_page)
        )
        return Page([self.answer.model_validate(one) for one in records], total, wanted)


ORDERS = RecordKind(
    name="order",
    model=Order,
    key=Order.order_id,
    record_id=OrderId,
    answer=OrderRecord,
    not_found=ErrorCode.ORDER_NOT_FOUND,
    invalid_state=ErrorCode.ORDER_INVALID_STATE,
    as_before={"refund_to_user_id": None, "refund_reason": None},
)
TRANSFERS = RecordKind(
    name="transfer",
    model=Transfer,
    key=Transfer.transfer_id,
    record_id=TransferId,
    answer=TransferRecord,
    not_found=ErrorCode.TRANSFER_NOT_FOUND,
    invalid_state=ErrorCode.TRANSFER_INVALID_STATE,
    as_before={
        **WITHOUT_UNDONE_DISPUTE,
        "status": case(
            (
                Transfer.saga == "dispute",
                literal(TransferStatus.COMPLETED, Transfer.__table__.c.status.type),
            ),
            else_=Transfer.status,
        ),
        "dismiss_reason": None,
    },
)
