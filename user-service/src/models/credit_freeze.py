"""The table `credit_freezes`."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import FetchedValue, ForeignKey, ForeignKeyConstraint, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Time


class CreditFreeze(Base):
    """Credits that a user cannot spend, or a transfer of his that is held back (`to_user_id`)."""

    __tablename__ = "credit_freezes"
    __table_args__ = (
        ForeignKeyConstraint(
            ["freeze_id", "user_id"], ["credit_freezes.reference_id", "credit_freezes.user_id"]
        ),
    )

    reference_id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id"))
    wanted: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    amount: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    to_user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.user_id"))
    freeze_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
    ended_at: Mapped[datetime | None] = mapped_column(Time)
