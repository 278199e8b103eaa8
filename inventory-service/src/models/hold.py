"""The table `holds`."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Enum, FetchedValue
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Time


class HoldStatus(StrEnum):
    """HELD until it is SOLD or RELEASED; a sale that is undone is RELEASED, which is the end."""

    HELD = "HELD"
    SOLD = "SOLD"
    RELEASED = "RELEASED"


class Hold(Base):
    """One hold of one seat, and what came of it; without a user it was released before it came."""

    __tablename__ = "holds"

    hold_id: Mapped[UUID] = mapped_column(primary_key=True)
    seat_id: Mapped[UUID]
    user_id: Mapped[UUID | None]
    status: Mapped[HoldStatus] = mapped_column(Enum(HoldStatus, name="hold_status"))
    held_until: Mapped[datetime | None] = mapped_column(Time)
    created_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
    settled_at: Mapped[datetime | None] = mapped_column(Time)
