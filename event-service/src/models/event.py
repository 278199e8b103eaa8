"""The table `events`."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import FetchedValue, ForeignKey, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from .base import Base, Time
from .venue import Venue


class Event(Base):
    """One evening in one hall; its seats are the inventory's."""

    __tablename__ = "events"

    event_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    name: Mapped[str] = mapped_column(Text)
    venue_id: Mapped[UUID] = mapped_column(ForeignKey("venues.venue_id"))
    hall_id: Mapped[str] = mapped_column(String(20))
    event_date: Mapped[datetime] = mapped_column(Time)
    total_seats: Mapped[int]
    pricing_tiers: Mapped[dict[str, Decimal]] = mapped_column(JSONB)

    venue: Mapped[Venue] = relationship(lazy="joined", innerjoin=True)
