"""The table `revocations`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import FetchedValue, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Time


class RevocationRow(Base):
    """Tokens that no longer count: of one login, or all issued to a user until a moment."""

    __tablename__ = "revocations"

    revocation_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    sid: Mapped[str | None] = mapped_column(Text)
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.user_id"))
    issued_until: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
    expires_at: Mapped[datetime] = mapped_column(Time)
    created_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
