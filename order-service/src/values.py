"""Plain values of orders and of the journal: what leaves a transaction, what callers send in."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID, uuid4

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints, model_validator

from common.fields import Amount, Answer, Body, Money, PageQuery

from .models.order import OrderStatus

Reason = Annotated[str, StringConstraints(min_length=1, max_length=500)]  # a person's words
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
    refund_to_user_id: UUID | None
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


class OrderClaim(Body):
    """Claims the order for a saga whose first step is about to begin.

    `driver` is made by the caller, new for each claim. `user_id`, where it is given, must be the
    order's; pay needs it. `otp_required`: only an order that was confirmed by a code may be paid.
    `reason`: why it is refunded.
    """

    driver: UUID
    saga: Literal["pay", "refund"]
    step: StepName
    user_id: UUID | None = None
    otp_required: bool = False
    reason: Reason | None = None

    @model_validator(mode="after")
    def _what_pay_takes(self) -> "OrderClaim":
        if self.saga == "pay" and (self.user_id is None or self.reason is not None):
            raise ValueError("pay needs user_id, and takes no reason")
        return self


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
    """Ends the saga that was claimed with this version."""

    saga_version: int


class UntouchedFilter(BaseModel):
    """Sagas at work that nobody has touched for so many seconds, oldest first."""

    untouched_seconds: float = Field(ge=0)
    limit: int = Field(100, ge=1, le=1000)
