"""What the public API takes and answers; see contract.md, section 1."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from common.fields import Answer, CallerBody, Money

OtpCode = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z]{1,16}$")]
Reason = Annotated[str, Field(min_length=1, max_length=500)]
OrderStatus = Literal["PENDING", "CONFIRMED", "FAILED", "REFUNDED"]


class ReserveBody(CallerBody):
    """The seat to hold."""

    seat_id: UUID


class PayBody(CallerBody):
    """The order to pay for."""

    order_id: UUID


class HeldSeat(Answer):
    """A seat that is held for the caller."""

    order_id: UUID
    seat_id: UUID
    status: str
    held_until: datetime
    ttl_seconds: int
    message: str


class PaidOrder(Answer):
    """What became of a payment; PENDING (202) while it is being completed."""

    order_id: UUID
    seat_id: UUID
    status: str
    credits_charged: Money
    remaining_balance: Money | None
    qr_payload: str | None
    message: str


class OrderView(Answer):
    """An order as its buyer sees it."""

    order_id: UUID
    seat_id: UUID
    event_id: UUID
    status: str
    credits_charged: Money
    created_at: datetime
    confirmed_at: datetime | None


class TicketEvent(Answer):
    """The event a ticket is for."""

    event_id: UUID
    name: str
    event_date: datetime
    hall_id: str


class Ticket(Answer):
    """A seat that the caller owns."""

    seat_id: UUID
    event: TicketEvent
    row_number: str
    seat_number: int
    status: str
    price_paid: Money | None
    purchased_at: datetime | None


class Balance(Answer):
    """What a user has."""

    user_id: UUID
    credit_balance: Money
    frozen_credits: Money


class LedgerEntry(Answer):
    """One movement of credits."""

    entry_id: UUID
    kind: str
    amount: Money
    balance_after: Money
    reference_id: UUID | None
    created_at: datetime
