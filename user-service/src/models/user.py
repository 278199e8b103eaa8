"""The table `users`."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Enum, FetchedValue, Numeric, Text
from sqlalchemy.orm import Mapped, mapped_column

from common.auth import Role

from .base import Base, Time

_ROLE = Enum(Role, name="user_role", values_callable=lambda roles: [role.value for role in roles])


class User(Base):
    """Who may log in, and what he has; the balance changes only together with the ledger."""

    __tablename__ = "users"

    user_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    email: Mapped[str] = mapped_column(Text)
    full_name: Mapped[str | None] = mapped_column(Text)
    phone: Mapped[str | None] = mapped_column(Text)
    password_hash: Mapped[str] = mapped_column(Text)
    role: Mapped[Role] = mapped_column(_ROLE, server_default=FetchedValue())
    credit_balance: Mapped[Decimal] = mapped_column(Numeric(10, 2), server_default=FetchedValue())
    frozen_credits: Mapped[Decimal] = mapped_column(Numeric(10, 2), server_default=FetchedValue())
    two_fa_secret: Mapped[str | None] = mapped_column(Text)
    is_flagged: Mapped[bool] = mapped_column(server_default=FetchedValue())
    created_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
