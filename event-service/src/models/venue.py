"""The table `venues`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import FetchedValue, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Time


class Venue(Base):
    """A place with one hall or several."""

    __tablename__ = "venues"

    venue_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    name: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(Text)
    total_halls: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
