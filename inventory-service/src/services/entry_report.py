"""How the gates of an event stand."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from common.database import Database

from .verification_service import Entry

# One statement is one instant: the counts agree with each other, and with the scans listed.
_REPORT = text("""
    WITH scans AS MATERIALIZED (
        SELECT log.*, seat.row_number, seat.seat_number
          FROM entry_logs AS log JOIN seats AS seat USING (seat_id)
         WHERE seat.event_id = :event_id
    ), counts AS (
        SELECT result, count(*) AS scans FROM scans GROUP BY result
    ), totals AS (
        SELECT (SELECT count(*) FROM seats
                 WHERE event_id = :event_id AND status IN ('SOLD', 'CHECKED_IN')) AS expected,
               (SELECT coalesce(jsonb_object_agg(result, scans), '{}') FROM counts) AS results
    ), latest AS (
        SELECT * FROM scans ORDER BY scanned_at DESC, log_id LIMIT :latest
    )
    SELECT totals.expected, totals.results, latest.*
      FROM totals LEFT JOIN latest ON TRUE
     ORDER BY latest.scanned_at DESC, latest.log_id
    """)


@dataclass(frozen=True)
class SeatEntry:
    """A scan, and which seat it was of."""

    entry: Entry
    row_number: str
    seat_number: int


@dataclass(frozen=True)
class Report:
    """`expected` are the seats sold, `results` the number of scans by result."""

    expected: int
    results: dict[str, int]
    latest: list[SeatEntry]


class EntryReport:
    """ReportEntries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_event(self, event_id: UUID, latest: int) -> Report:
        """Counts and the latest scans of the event's seats, of one instant."""
        with self._database.transaction() as session:
            rows = session.execute(_REPORT, {"event_id": event_id, "latest": latest}).all()
        scanned = [_seat_entry(row) for row in rows if row.log_id is not None]
        return Report(rows[0].expected, rows[0].results, scanned)


def _seat_entry(row: Row[Any]) -> SeatEntry:
    entry = Entry(
        row.log_id,
        row.scan_id,
        row.seat_id,
        row.scanned_at,
        row.scanned_by_staff_id,
        row.result,
        row.hall_id_presented,
        row.hall_id_expected,
    )
    return SeatEntry(entry, row.row_number, row.seat_number)
