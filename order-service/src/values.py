"""Plain values that leave a transaction, and what callers send in."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID, uuid4

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, model_validator

from common.fields import Amount, Answer, Body, Money, PageQuery

from .models.order import OrderStatus

SagaName = Literal["pay", "refund"]
StepName = Annotated[str, StringConstraints(pattern=r"^[a-z]+\.[a-z_]+$", max_length=50)]


class OrderRecord(Answer):
    """An order with its journal."""

    order_id: UUID
    user_id: UUID
    seat_id: UUID
    event_id: UUID
    status: OrderStatus
    failure_reason: str | None
    credits_charged: Money
    held_until: datetime
    otp_verified_at: datetime | None
    saga: str | None
    saga_step: str | None
    saga_undoing: bool
    saga_version: int
    saga_touched_at: datetime
    created_at: datetime
    confirmed_at: datetime | None


class NewOrder(Body):
    """A PENDING order for a seat that is held under `order_id`; its price is fixed here."""

    order_id: UUID = Field(default_factory=uuid4)
    user_id: UUID
    seat_id: UUID
    event_id: UUID
    credits_charged: Amount
    held_until: AwareDatetime | None = None


class OrderFilter(PageQuery):
    """Which orders: each given field must match."""

    user_id: UUID | None = None
    seat_id: UUID | None = None
    status: OrderStatus | None = None


class StatusChange(Body):
    """A move along the order's life, by the saga at work (its version) or by an outsider (none)."""

    status: Literal[OrderStatus.CONFIRMED, OrderStatus.FAILED, OrderStatus.REFUNDED]
    reason: str | None = Field(None, max_length=50)
    saga_version: int | None = None

    @model_validator(mode="after")
    def _reason_belongs_to_failure(self) -> "StatusChange":
        if (self.status is OrderStatus.FAILED) != (self.reason is not None):
            raise ValueError("a reason is needed for FAILED, and for nothing else")
        return self


class CodeSent(Body):
    """A code was sent to the buyer: what the provider calls it."""

    verification_sid: str = Field(min_length=1, max_length=200)


class SagaBegin(Body):
    """Claims the order for a saga whose first step is about to begin.

    `driver` is made by the caller, new for each claim. `otp_required`: only an order that was
    confirmed by a code may be claimed.
    """

    driver: UUID
    saga: SagaName
    step: StepName
    user_id: UUID
    otp_required: bool = False


class SagaRecord(Body):
    """What the driver commits before it goes on: the step that begins, or that it now undoes."""

    saga_version: int
    step: StepName | None = None
    undoing: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> "SagaRecord":
        if (self.step is None) != self.undoing:
            raise ValueError("give either the step that begins or undoing true")
        return self


class SagaTakeOver(Body):
    """Claims a saga that was seen at that version, for a driver of its own."""

    driver: UUID
    saga_version: int


class SagaEnd(Body):
    """Gives a claim back; the version is the one it was made with."""

    saga_version: int


class UntouchedFilter(BaseModel):
    """Sagas at work that nobody has touched for so many seconds, oldest first."""

    untouched_seconds: float = Field(ge=0)
    limit: int = Field(100, ge=1, le=1000)
