"""What the public API takes and answers; see contract.md, section 1."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from common.auth import Caller
from common.errors import AppError, ErrorCode
from common.fields import Answer, Body, Money


class CallerBody(Body):
    """A request whose `user_id`, where given, must be the caller's own."""

    user_id: UUID | None = None

    def check(self, caller: Caller) -> None:
        """Raises FORBIDDEN where the body names another user than the token."""
        if self.user_id not in (None, caller.user_id):
            raise AppError(ErrorCode.FORBIDDEN, "user_id is not yours; it can be left out.")


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
