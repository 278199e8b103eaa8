"""The table `login_attempts`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import FetchedValue, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Time


class LoginAttempt(Base):
    """A try to log in that has not succeeded (yet)."""

    __tablename__ = "login_attempts"

    attempt_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    email: Mapped[str] = mapped_column(Text)
    attempted_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
