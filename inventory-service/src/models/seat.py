"""The table `seats`."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Enum, FetchedValue, Numeric, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Time


class SeatStatus(StrEnum):
    """A HELD seat whose held_until has passed counts as AVAILABLE."""

    AVAILABLE = "AVAILABLE"
    HELD = "HELD"
    SOLD = "SOLD"
    CHECKED_IN = "CHECKED_IN"


class Seat(Base):
    """One seat of one event."""

    __tablename__ = "seats"

    seat_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    event_id: Mapped[UUID]
    category: Mapped[str] = mapped_column(Text)
    owner_user_id: Mapped[UUID | None]
    status: Mapped[SeatStatus] = mapped_column(
        Enum(SeatStatus, name="seat_status"), server_default=FetchedValue()
    )
    held_by_user_id: Mapped[UUID | None]
    hold_id: Mapped[UUID | None]
    held_until: Mapped[datetime | None] = mapped_column(Time)
    qr_code_hash: Mapped[str | None] = mapped_column(Text)
    price_paid: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    row_number: Mapped[str] = mapped_column(String(4))
    seat_number: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
    updated_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
