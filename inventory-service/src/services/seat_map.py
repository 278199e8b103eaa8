"""What browsers of an event see of its seats; takes no lock and writes nothing."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from common.database import Database

# Plain columns: a hall has thousands of seats. Rows go A..Z, AA..AZ.
_SEATS_OF_EVENT = text("""
    SELECT seat_id::text, category, row_number, seat_number,
           CASE WHEN status = 'HELD' AND held_until <= now() THEN 'AVAILABLE'
                ELSE status::text END AS status
      FROM seats
     WHERE event_id = :event_id
     ORDER BY length(row_number), row_number COLLATE "C", seat_number
    """)

_FREE_SEATS = text("""
    SELECT event_id, count(*) AS available
      FROM seats
     WHERE event_id = ANY(:event_ids)
       AND (status = 'AVAILABLE' OR status = 'HELD' AND held_until <= now())
     GROUP BY event_id
    """)


class SeatMap:
    """ListSeats and CountAvailableSeats."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def seats_of(self, event_id: UUID) -> Sequence[Row[Any]]:
        """(seat_id as text, category, row_number, seat_number, status), by row and number."""
        with self._database.transaction() as session:
            return session.execute(_SEATS_OF_EVENT, {"event_id": event_id}).all()

    def free_seats(self, event_ids: Collection[UUID]) -> dict[UUID, int]:
        """How many seats of each event are free; 0 where the event has none."""
        with self._database.transaction() as session:
            counted = session.execute(_FREE_SEATS, {"event_ids": list(event_ids)}).all()
        return dict.fromkeys(event_ids, 0) | {row.event_id: row.available for row in counted}
