"""Plain values of orders and of the journal: what leaves a transaction, what callers send in."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID, uuid4

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, StrictBool
from pydantic import StringConstraints, model_validator

from common.fields import Amount, Answer, Body, Money, PageQuery, with_example

from . import demo
from .models.order import OrderStatus

_A_YEAR_SECONDS = 31_536_000
_WRITTEN_OUT = re.compile(r"[12]\d{3}-\d\d-\d\d[Tt ]")


def _written_out(value: Any) -> Any:
    """Not the seconds since 1970, and in a year that PostgreSQL and Python both know."""
    if not (isinstance(value, str) and _WRITTEN_OUT.match(value)):
        raise ValueError("must be a time as RFC 3339 has it")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
UserId = Annotated[UUID, Field(examples=[demo.BUYER])]
SeatId = Annotated[UUID, Field(examples=[demo.SEAT])]
EventId = Annotated[UUID, Field(examples=[demo.EVENT])]
OrderId = Annotated[UUID, Field(examples=[demo.ORDER])]
Driver = Annotated[UUID, Field(examples=[demo.DRIVER])]
# a person's words
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500), Field(examples=["Ill"])]
StepName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]+\.[a-z_]+$", max_length=50),
    Field(examples=["pay.charge"]),
]
SagaVersion = Annotated[int, Field(strict=True, ge=0, le=2**31 - 1, examples=[1])]  # INTEGER


class OrderRecord(Answer):
    """An order with its journal."""

    order_id: OrderId
    user_id: UserId
    seat_id: SeatId
    event_id: EventId
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

    order_id: OrderId = Field(default_factory=uuid4)
    user_id: UserId
    seat_id: SeatId
    event_id: EventId
    credits_charged: Amount
    held_until: Moment | None = None

    model_config = with_example(
        order_id=demo.ORDER,
        user_id=demo.BUYER,
        seat_id=demo.SEAT,
        event_id=demo.EVENT,
        credits_charged=demo.PRICE,
    )


class OrderFilter(PageQuery):
    """Which orders: each given field must match."""

    user_id: UUID | None = None
    seat_id: UUID | None = None
    status: OrderStatus | None = None


class StatusChange(Body):
    """A move along the order's life, by the saga at work (its version) or by an outsider (none)."""

    status: Literal[OrderStatus.CONFIRMED, OrderStatus.FAILED, OrderStatus.REFUNDED]
    reason: str | None = Field(None, max_length=50)
    saga_version: SagaVersion | None = None

    model_config = with_example(status="FAILED", reason="HOLD_EXPIRED")

    @model_validator(mode="after")
    def _reason_belongs_to_failure(self) -> "StatusChange":
        if (self.status is OrderStatus.FAILED) != (self.reason is not None):
            raise ValueError("a reason is needed for FAILED, and for nothing else")
        return self


class CodeSent(Body):
    """A code was sent to the buyer: what the provider calls it."""

    verification_sid: str = Field(min_length=1, max_length=200, examples=["VE7c1d0f3a"])


class OrderClaim(Body):
    """Claims the order for a saga whose first step is about to begin.

    `driver` is made by the caller, new for each claim. `user_id`, where it is given, must be the
    order's; pay needs it. `otp_required`: only an order that was confirmed by a code may be paid.
    `reason`: why it is refunded.
    """

    driver: Driver
    saga: Literal["pay", "refund"]
    step: StepName
    user_id: UUID | None = None
    otp_required: StrictBool = False
    reason: Reason | None = None

    model_config = with_example(
        driver=demo.DRIVER, saga="pay", step="pay.charge", user_id=demo.BUYER
    )

    @model_validator(mode="after")
    def _what_pay_takes(self) -> "OrderClaim":
        if self.saga == "pay" and (self.user_id is None or self.reason is not None):
            raise ValueError("pay needs user_id, and takes no reason")
        return self


class SagaRecord(Body):
    """What the driver commits before it goes on: the step that begins, or that it now undoes."""

    saga_version: SagaVersion
    step: StepName | None = None
    undoing: StrictBool = False

    model_config = with_example(saga_version=1, step="pay.confirm_seat")

    @model_validator(mode="after")
    def _one_of_both(self) -> "SagaRecord":
        if (self.step is None) != self.undoing:
            raise ValueError("give either the step that begins or undoing true")
        return self


class SagaTakeOver(Body):
    """Claims a saga that was seen at that version, for a driver of its own."""

    driver: Driver
    saga_version: SagaVersion


class SagaEnd(Body):
    """Ends the saga that was claimed with this version."""

    saga_version: SagaVersion


class UntouchedFilter(BaseModel):
    """Sagas at work that nobody has touched for so many seconds, oldest first."""

    untouched_seconds: float = Field(ge=0, le=_A_YEAR_SECONDS, examples=[30])
    limit: int = Field(100, ge=1, le=1000)
