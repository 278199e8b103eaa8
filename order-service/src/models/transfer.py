"""The table `transfers`."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Enum, FetchedValue, ForeignKey, Numeric, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, SagaJournal, Time


class TransferStatus(StrEnum):
    """From initiation over both codes to the swap, and what a dispute makes of it."""

    INITIATED = "INITIATED"
    PENDING_OTP = "PENDING_OTP"
    COMPLETED = "COMPLETED"
    DISPUTED = "DISPUTED"
    REVERSED = "REVERSED"
    FAILED = "FAILED"


ACTIVE = (TransferStatus.INITIATED, TransferStatus.PENDING_OTP)
PASSED_ON = (TransferStatus.COMPLETED, TransferStatus.DISPUTED)


class TransferParty(StrEnum):
    """The two sides of a transfer."""

    SELLER = "SELLER"
    BUYER = "BUYER"


_PARTY = Enum(TransferParty, name="transfer_party")


class Transfer(SagaJournal, Base):
    """One seat on its way from its owner to another user."""

    __tablename__ = "transfers"

    transfer_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.order_id"))
    seat_id: Mapped[UUID]
    seller_user_id: Mapped[UUID]
    buyer_user_id: Mapped[UUID]
    initiated_by: Mapped[TransferParty] = mapped_column(_PARTY)
    status: Mapped[TransferStatus] = mapped_column(
        Enum(TransferStatus, name="transfer_status"), server_default=FetchedValue()
    )
    failure_reason: Mapped[str | None] = mapped_column(Text)
    seller_otp_verified: Mapped[bool] = mapped_column(server_default=FetchedValue())
    buyer_otp_verified: Mapped[bool] = mapped_column(server_default=FetchedValue())
    seller_verification_sid: Mapped[str | None] = mapped_column(Text)
    buyer_verification_sid: Mapped[str | None] = mapped_column(Text)
    credits_amount: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    dispute_reason: Mapped[str | None] = mapped_column(Text)
    disputed_by: Mapped[TransferParty | None] = mapped_column(_PARTY)
    dispute_id: Mapped[UUID | None]
    reversal_id: Mapped[UUID | None]
    dismiss_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
    completed_at: Mapped[datetime | None] = mapped_column(Time)
