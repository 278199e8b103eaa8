"""The gate: what a ticket is worth right now, who went in, and every scan."""

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from uuid import UUID

from psycopg2 import IntegrityError

from common.database import Database, violated_constraint
from common.errors import AppError, ErrorCode
from common.prepared import Prepared

from ..models.entry_log import EntryResult
from ..models.seat import SeatStatus
from .ownership_service import ONE_SEAT, OwnedSeat

_ENTRY = """entry_logs.log_id, entry_logs.scan_id, entry_logs.seat_id, entry_logs.scanned_at,
    entry_logs.scanned_by_staff_id, entry_logs.result, entry_logs.hall_id_presented,
    entry_logs.hall_id_expected"""

# One look, so that to a seat that is CHECKED_IN there is an entry.
_TICKET = Prepared(f"""
    SELECT first.scanned_at AS first_entry_at, {_ENTRY}, seat.*
      FROM (SELECT) AS whatever_there_is
      LEFT JOIN ({ONE_SEAT}) AS seat ON true
      LEFT JOIN entry_logs AS first ON first.seat_id = :seat_id AND first.result = 'SUCCESS'
      LEFT JOIN entry_logs ON entry_logs.scan_id = :scan_id
    """)  # nosec B608 # of constants

# The guarded update is lock and rule in one, and comes before the entry.
_CHECK_IN = Prepared(f"""
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
    SELECT CAST(:scan_id AS uuid), seat_id, clock_timestamp(), CAST(:scanned_by_staff_id AS uuid),
           'SUCCESS', CAST(:hall_id_presented AS text), CAST(:hall_id_expected AS text)
      FROM entered
    RETURNING {_ENTRY}
    """)  # nosec B608 # of constants

_BOOK = Prepared(f"""
    INSERT INTO entry_logs (scan_id, seat_id, scanned_at, scanned_by_staff_id, result,
                            hall_id_presented, hall_id_expected)
    VALUES (:scan_id, :seat_id, clock_timestamp(), :scanned_by_staff_id, :result,
            :hall_id_presented, :hall_id_expected)
    ON CONFLICT (scan_id) DO NOTHING
    RETURNING {_ENTRY}
    """)  # nosec B608 # of constants

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


_ENTRY_FIELDS = len(fields(Entry))


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
        [(first_entry_at, *found)] = self._database.run(_TICKET, seat_id=seat_id, scan_id=scan_id)
        entry, seat = found[:_ENTRY_FIELDS], found[_ENTRY_FIELDS:]
        earlier = Entry(*entry) if entry[0] else None
        if earlier and earlier.seat_id != seat_id:
            raise AppError(ErrorCode.VALIDATION_ERROR, "This scan_id is another scan's.")
        if seat[0] is None and earlier is None:
            raise _no_such_seat()
        return Ticket(OwnedSeat(*seat) if seat[0] else None, first_entry_at, earlier)

    def check_in(self, scan: Scan, owner_user_id: UUID, hold_id: UUID) -> Entry:
        """Let the owner of the seat in that is sold by `hold_id`.

        A scan that is booked already is answered as it is. Raises SEAT_NOT_FOUND; SEAT_UNAVAILABLE
        (details: status) where the seat is not SOLD, or by another sale; NOT_SEAT_OWNER.
        """
        try:
            ids = {"owner_user_id": owner_user_id, "hold_id": hold_id}
            for entered in self._database.run(_CHECK_IN, **asdict(scan), **ids):
                return Entry(*entered)
        except IntegrityError as error:
            if violated_constraint(error) not in _BOOKED_ALREADY:
                raise
        return self._booked_before(scan, owner_user_id)

    def _booked_before(self, scan: Scan, owner_user_id: UUID) -> Entry:
        ticket = self.ticket(scan.seat_id, scan.scan_id)
        if ticket.earlier:
            return ticket.earlier
        if ticket.seat.status == SeatStatus.SOLD and ticket.seat.owner_user_id != owner_user_id:
            raise AppError(ErrorCode.NOT_SEAT_OWNER, "The seat belongs to somebody else.")
        raise AppError(
            ErrorCode.SEAT_UNAVAILABLE, "Nobody can go in on this seat.", status=ticket.seat.status
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
        for booked in self._database.run(_BOOK, **asdict(scan), result=result.value):
            return Entry(*booked)
        return self.ticket(scan.seat_id, scan.scan_id).earlier


def _no_such_seat() -> AppError:
    return AppError(ErrorCode.SEAT_NOT_FOUND, "There is no such seat.")
