"""The table `orders`."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Enum, FetchedValue, Numeric, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, SagaJournal, Time


class OrderStatus(StrEnum):
    """PENDING while the seat is held, then CONFIRMED or FAILED; a CONFIRMED one may be REFUNDED."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"
    REFUNDED = "REFUNDED"


class Order(SagaJournal, Base):
    """One hold of one seat by one user, and what came of it."""

    __tablename__ = "orders"

    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    seat_id: Mapped[UUID]
    event_id: Mapped[UUID]
    status: Mapped[OrderStatus] = mapped_column(
        Enum(OrderStatus, name="order_status"), server_default=FetchedValue()
    )
    failure_reason: Mapped[str | None] = mapped_column(Text)
    credits_charged: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    held_until: Mapped[datetime] = mapped_column(Time)
    verification_sid: Mapped[str | None] = mapped_column(Text)
    otp_verified_at: Mapped[datetime | None] = mapped_column(Time)
    refund_to_user_id: Mapped[UUID | None]
    refund_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
    confirmed_at: Mapped[datetime | None] = mapped_column(Time)
