"""The tables `stripe_events` and `stripe_intents`."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import FetchedValue, ForeignKey, Numeric, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Time

_MONEY = Numeric(10, 2)


class StripeEvent(Base):
    """Something that Stripe told."""

    __tablename__ = "stripe_events"

    event_id: Mapped[str] = mapped_column(Text, primary_key=True)
    type: Mapped[str] = mapped_column(Text)
    settlement_id: Mapped[UUID] = mapped_column(server_default=FetchedValue())
    received_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())


class StripeIntent(Base):
    """A payment: received, what of it went back, and what of that the user still owes."""

    __tablename__ = "stripe_intents"

    intent_id: Mapped[str] = mapped_column(Text, primary_key=True)
    topup_id: Mapped[UUID] = mapped_column(server_default=FetchedValue())
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.user_id"))
    received: Mapped[Decimal] = mapped_column(_MONEY, server_default=FetchedValue())
    refunded: Mapped[Decimal] = mapped_column(_MONEY, server_default=FetchedValue())
    disputed: Mapped[Decimal] = mapped_column(_MONEY, server_default=FetchedValue())
    taken_back: Mapped[Decimal] = mapped_column(_MONEY, server_default=FetchedValue())
    owed: Mapped[Decimal] = mapped_column(_MONEY, server_default=FetchedValue())
    created_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
