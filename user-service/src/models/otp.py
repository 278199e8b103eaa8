"""The tables `otp_challenges` and `otp_attempts`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import FetchedValue, ForeignKey, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Time


class OtpChallenge(Base):
    """A code that was sent to a party, or is being sent."""

    __tablename__ = "otp_challenges"

    challenge_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id"))
    context: Mapped[str] = mapped_column(Text)
    reference_id: Mapped[UUID]
    verification_sid: Mapped[str | None] = mapped_column(Text)
    sent_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
    ends_at: Mapped[datetime] = mapped_column(Time)
    verified_at: Mapped[datetime | None] = mapped_column(Time)
    by_another: Mapped[bool] = mapped_column(server_default=FetchedValue())


class OtpAttempt(Base):
    """A code that a party tried: wrong, being judged, or left by a process that died."""

    __tablename__ = "otp_attempts"

    attempt_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    challenge_id: Mapped[UUID] = mapped_column(ForeignKey("otp_challenges.challenge_id"))
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id"))
    context: Mapped[str] = mapped_column(Text)
    reference_id: Mapped[UUID]
    given_by: Mapped[UUID]
    number: Mapped[int] = mapped_column(SmallInteger)
    code_hash: Mapped[str] = mapped_column(Text)
    attempts_left: Mapped[int | None] = mapped_column(SmallInteger)
    attempted_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
