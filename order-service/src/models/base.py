"""What orders and transfers have alike: the journal of the saga at work on the record."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import DateTime, FetchedValue, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Time = DateTime(timezone=True)


class Base(DeclarativeBase):
    """A typed view of init.sql, which owns defaults, checks and indexes."""


class SagaJournal:
    """design.md, Sagas: which saga is at work, what has begun last, which way, who drives it."""

    saga: Mapped[str | None] = mapped_column(Text)
    saga_step: Mapped[str | None] = mapped_column(Text)
    saga_undoing: Mapped[bool] = mapped_column(server_default=FetchedValue())
    saga_version: Mapped[int] = mapped_column(server_default=FetchedValue())
    saga_driver: Mapped[UUID | None]
    saga_touched_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())

    def is_driven_by(self, driver: UUID) -> bool:
        """Whether that driver has the claim on this record already."""
        return self.saga is not None and self.saga_driver == driver
