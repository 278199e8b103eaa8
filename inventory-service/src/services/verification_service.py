"""The gate: what a ticket is worth right now, who went in, and every scan."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from common.database import Database, violated_constraint
from common.errors import AppError, ErrorCode

from ..models.entry_log import EntryResult
from ..models.seat import SeatStatus
from .ownership_service import OwnedSeat, read_seat

_ENTRY = """log_id, scan_id, seat_id, scanned_at, scanned_by_staff_id, result, hall_id_presented,
    hall_id_expected"""

# The guarded update is lock and rule in one, and comes before the entry.
_CHECK_IN = text(f"""
    WITH entered AS (
        UPDATE seats SET status = 'CHECKED_IN', updated_at = clock_timestamp()
         WHERE seat_id = :seat_id
           AND status = 'SOLD'
           AND owner_user_id = :owner_user_id
           AND hold_id = :hold_id
        RETURNING seat_id
    )
    INSERT INTO entry_logs (scan_id, seat_id, scanned_at, scanned_by_staff_id, result,
                            hall_id_presented, hall_id_expected)
    SELECT :scan_id, seat_id, clock_timestamp(), :scanned_by_staff_id, 'SUCCESS',
           :hall_id_presented, :hall_id_expected
      FROM entered
    RETURNING {_ENTRY}
    """)  # nosec B608 # of constants

_BOOK = text(f"""
    INSERT INTO entry_logs (scan_id, seat_id, scanned_at, scanned_by_staff_id, result,
                            hall_id_presented, hall_id_expected)
    VALUES (:scan_id, :seat_id, clock_timestamp(), :scanned_by_staff_id, :result,
            :hall_id_presented, :hall_id_expected)
    ON CONFLICT (scan_id) DO NOTHING
    RETURNING {_ENTRY}
    """)  # nosec B608 # of constants

_ENTRY_OF_SCAN = text(
    f"SELECT {_ENTRY} FROM entry_logs WHERE scan_id = :scan_id"  # nosec B608 # of constants
)
_FIRST_ENTRY = text(
    "SELECT scanned_at FROM entry_logs WHERE seat_id = :seat_id AND result = 'SUCCESS'"
)
_BOOKED_ALREADY = ("entry_logs_scan_id_key", "idx_one_success_per_seat")


@dataclass(frozen=True)
class Scan:
    """What the gate knows of a scan.

    `scan_id` is the scanner's own; without one a repeat is another scan. `seat_id` is the code's,
    None where it did not decrypt. A hall is text of at most 20 characters.
    """

    scan_id: UUID | None
    seat_id: UUID | None
    scanned_by_staff_id: UUID
    hall_id_presented: str | None
    hall_id_expected: str | None


@dataclass(frozen=True)
class Entry:
    """A scan as it is booked."""

    log_id: UUID
    scan_id: UUID | None
    seat_id: UUID | None
    scanned_at: datetime
    scanned_by_staff_id: UUID
    result: str
    hall_id_presented: str | None
    hall_id_expected: str | None


@dataclass(frozen=True)
class Ticket:
    """A seat before the gate.

    `seat` is None where there is none, `first_entry_at` where nobody went in, `earlier` where the
    scan is not booked yet.
    """

    seat: OwnedSeat | None
    first_entry_at: datetime | None
    earlier: Entry | None


class VerificationService:
    """VerifyTicket, MarkCheckedIn and WriteEntryLog.

    Each raises VALIDATION_ERROR where the scan_id is booked already, for another seat.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def ticket(self, seat_id: UUID, scan_id: UUID | None) -> Ticket:
        """The seat as it stands, and the entry this scan was booked with; writes nothing.

        Raises SEAT_NOT_FOUND where there is neither.
        """
        with self._database.transaction() as session:
            # the seat first: to one that is CHECKED_IN there is an entry then
            seat = read_seat(session, seat_id)
            first_entry_at = session.scalar(_FIRST_ENTRY, {"seat_id": seat_id})
            earlier = _entry_of(session, scan_id, seat_id)
        if seat is None and earlier is None:
            raise _no_such_seat()
        return Ticket(seat, first_entry_at, earlier)

    def check_in(self, scan: Scan, owner_user_id: UUID, hold_id: UUID) -> Entry:
        """Let the owner of the seat in that is sold by `hold_id`.

        A scan that is booked already is answered as it is. Raises SEAT_NOT_FOUND; SEAT_UNAVAILABLE
        (details: status) where the seat is not SOLD, or by another sale; NOT_SEAT_OWNER.
        """
        try:
            with self._database.transaction() as session:
                entered = session.execute(
                    _CHECK_IN,
                    {**asdict(scan), "owner_user_id": owner_user_id, "hold_id": hold_id},
                ).one_or_none()
        except IntegrityError as error:
            if violated_constraint(error) not in _BOOKED_ALREADY:
                raise
            entered = None
        return Entry(*entered) if entered else self._booked_before(scan, owner_user_id)

    def _booked_before(self, scan: Scan, owner_user_id: UUID) -> Entry:
        with self._database.transaction() as session:
            earlier = _entry_of(session, scan.scan_id, scan.seat_id)
            seat = read_seat(session, scan.seat_id)
        if earlier:
            return earlier
        if seat is None:
            raise _no_such_seat()
        if seat.status == SeatStatus.SOLD and seat.owner_user_id != owner_user_id:
            raise AppError(ErrorCode.NOT_SEAT_OWNER, "The seat belongs to somebody else.")
        raise AppError(
            ErrorCode.SEAT_UNAVAILABLE, "Nobody can go in on this seat.", status=seat.status
        )

    def book(self, scan: Scan, result: EntryResult) -> Entry:
        """Book a scan that let nobody in; one that is booked already is answered as it is.

        Raises VALIDATION_ERROR on SUCCESS, and on a seat where the code did not decrypt (INVALID)
        or none where it did.
        """
        if result is EntryResult.SUCCESS:
            raise AppError(ErrorCode.VALIDATION_ERROR, "Only a check-in is a SUCCESS.")
        if (result is EntryResult.INVALID) != (scan.seat_id is None):
            raise AppError(ErrorCode.VALIDATION_ERROR, "A scan has a seat unless it is INVALID.")
        with self._database.transaction() as session:
            booked = session.execute(_BOOK, {**asdict(scan), "result": result}).one_or_none()
            return Entry(*booked) if booked else _entry_of(session, scan.scan_id, scan.seat_id)


def _entry_of(session: Session, scan_id: UUID | None, seat_id: UUID | None) -> Entry | None:
    row = session.execute(_ENTRY_OF_SCAN, {"scan_id": scan_id}).one_or_none()
    if row is not None and row.seat_id != seat_id:
        raise AppError(ErrorCode.VALIDATION_ERROR, "This scan_id is another scan's.")
    return None if row is None else Entry(*row)


def _no_such_seat() -> AppError:
    return AppError(ErrorCode.SEAT_NOT_FOUND, "There is no such seat.")
