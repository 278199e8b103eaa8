"""What the public API takes and answers; see contract.md, section 1."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from common.fields import Answer, CallerBody, Money

from .. import demo

UserId = Annotated[UUID, Field(examples=[demo.BUYER])]
EventId = Annotated[UUID, Field(examples=[demo.EVENT])]
HallId = Annotated[str, Field(examples=[demo.HALL])]
SeatId = Annotated[UUID, Field(examples=[demo.SEAT])]
Row = Annotated[str, Field(examples=["A"])]
Number = Annotated[int, Field(examples=[1])]
OrderId = Annotated[UUID, Field(examples=[demo.ORDER])]
QrPayload = Annotated[str, Field(examples=["pYh1n7c0…"])]
OtpCode = Annotated[
    str, StringConstraints(pattern=r"^[0-9A-Za-z]{1,16}$"), Field(examples=["123456"])
]
Reason = Annotated[str, Field(min_length=1, max_length=500, examples=["Cannot come"])]
Sentence = Annotated[str, Field(examples=["A sentence for a person."])]
SeatStatus = Literal["AVAILABLE", "HELD", "SOLD", "CHECKED_IN"]
OrderStatus = Literal["PENDING", "CONFIRMED", "FAILED", "REFUNDED"]


class ReserveBody(CallerBody):
    """The seat to hold."""

    seat_id: SeatId


class PayBody(CallerBody):
    """The order to pay for, as it was answered to reserve."""

    order_id: OrderId


class HeldSeat(Answer):
    """A seat that is held for the caller."""

    order_id: OrderId
    seat_id: SeatId
    status: Literal["HELD"]
    held_until: datetime
    ttl_seconds: int = Field(examples=[300])
    message: Sentence


class PaidOrder(Answer):
    """What became of a payment; PENDING (202) while it is being completed."""

    order_id: OrderId
    seat_id: SeatId
    status: Literal["CONFIRMED", "PENDING"]
    credits_charged: Money
    remaining_balance: Money | None
    qr_payload: QrPayload | None
    message: Sentence


class OrderView(Answer):
    """An order as its buyer sees it."""

    order_id: OrderId
    seat_id: SeatId
    event_id: EventId
    status: OrderStatus
    credits_charged: Money
    created_at: datetime
    confirmed_at: datetime | None


class TicketEvent(Answer):
    """The event a ticket is for."""

    event_id: EventId
    name: str = Field(examples=["An Evening of Strings"])
    event_date: datetime
    hall_id: HallId


class Ticket(Answer):
    """A seat that the caller owns."""

    seat_id: SeatId
    event: TicketEvent
    row_number: Row
    seat_number: Number
    status: SeatStatus
    price_paid: Money | None
    purchased_at: datetime | None


class Balance(Answer):
    """What a user has."""

    user_id: UserId
    credit_balance: Money
    frozen_credits: Money


class LedgerEntry(Answer):
    """One movement of credits."""

    entry_id: UUID
    kind: str = Field(examples=["CHARGE"])
    amount: Money
    balance_after: Money
    reference_id: OrderId | None
    created_at: datetime
