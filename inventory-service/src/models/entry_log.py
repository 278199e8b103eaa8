"""The table `entry_logs`."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Enum, FetchedValue, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import Base, Time


class EntryResult(StrEnum):
    """What came of a scan at the gate; INVALID is a code that could not be decrypted."""

    SUCCESS = "SUCCESS"
    DUPLICATE = "DUPLICATE"
    WRONG_HALL = "WRONG_HALL"
    NOT_OWNER = "NOT_OWNER"
    UNPAID = "UNPAID"
    NOT_FOUND = "NOT_FOUND"
    EXPIRED = "EXPIRED"
    INVALID = "INVALID"


class EntryLog(Base):
    """One scan."""

    __tablename__ = "entry_logs"

    log_id: Mapped[UUID] = mapped_column(primary_key=True, server_default=FetchedValue())
    scan_id: Mapped[UUID | None]
    seat_id: Mapped[UUID | None]
    scanned_at: Mapped[datetime] = mapped_column(Time, server_default=FetchedValue())
    scanned_by_staff_id: Mapped[UUID]
    result: Mapped[EntryResult] = mapped_column(Enum(EntryResult, name="entry_result"))
    hall_id_presented: Mapped[str | None] = mapped_column(String(20))
    hall_id_expected: Mapped[str | None] = mapped_column(String(20))
