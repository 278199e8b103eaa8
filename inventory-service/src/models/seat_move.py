"""The table `seat_moves`."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Enum, FetchedValue, Text
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Time


class MoveDirection(StrEnum):
    """FORWARD from seller to buyer, BACK where the transfer is reversed."""

    FORWARD = "FORWARD"
    BACK = "BACK"


class MoveStatus(StrEnum):
    """MOVED until it is UNDONE, which is the end."""

    MOVED = "MOVED"
    UNDONE = "UNDONE"


class SeatMove(Base):
    """A sold seat passed on by a transfer; without a hash it was undone before it came."""

    __tablename__ = "seat_moves"

    move_id: Mapped[UUID] = mapped_column(primary_key=True)
    seat_id: Mapped[UUID]
    hold_id: Mapped[UUID]
    transfer_id: Mapped[UUID]
    direction: Mapped[MoveDirection] = mapped_column(Enum(MoveDirection, name="move_direction"))
    from_user_id: Mapped[UUID]
    to_user_id: Mapped[UUID]
    status: Mapped[MoveStatus] = mapped_column(Enum(MoveStatus, name="move_status"))
    qr_code_hash_before: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
    settled_at: Mapped[datetime | None] = mapped_column(Time)
