"""The table `credit_ledger`."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Enum, FetchedValue, ForeignKey, Numeric, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Time


class LedgerKind(StrEnum):
    """Why credits moved."""

    GRANT = "GRANT"
    CHARGE = "CHARGE"
    REFUND = "REFUND"
    TRANSFER_OUT = "TRANSFER_OUT"
    TRANSFER_IN = "TRANSFER_IN"
    TOPUP = "TOPUP"
    TOPUP_REVERSAL = "TOPUP_REVERSAL"
    FREEZE = "FREEZE"
    UNFREEZE = "UNFREEZE"


class LedgerEntry(Base):
    """One movement of one user's credits, or the tombstone of one that must never come."""

    __tablename__ = "credit_ledger"

    entry_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.user_id"))
    kind: Mapped[LedgerKind] = mapped_column(Enum(LedgerKind, name="ledger_kind"))
    amount: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    balance_after: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    reference_id: Mapped[UUID]
    tombstone: Mapped[bool] = mapped_column(server_default=FetchedValue())
    reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
