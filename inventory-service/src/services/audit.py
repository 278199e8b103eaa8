"""What the audit reads: a bounded stretch at a time, by key, each of one snapshot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text

from common.database import Database

_MOST_MOVES_OF_A_TRANSFER = 10  # of which rule 5 allows two

# rule 4: what is HELD longer than this after its end, by the database's own clock
_GRACE = "interval '10 seconds'"

_SEATS = f"""
    SELECT seat.seat_id, seat.status::text, seat.owner_user_id, seat.hold_id,
           (SELECT count(*) FROM entry_logs AS entry
             WHERE entry.seat_id = seat.seat_id AND entry.result = 'SUCCESS') AS success_entries,
           seat.status = 'HELD' AND seat.held_until < statement_timestamp() - {_GRACE}
           AS hold_overdue,
           (SELECT hold.hold_id FROM holds AS hold
             WHERE hold.seat_id = seat.seat_id AND hold.status = 'HELD'
               AND hold.held_until > statement_timestamp()
               AND hold.hold_id IS DISTINCT FROM seat.hold_id LIMIT 1) AS lost_hold_id
      FROM {{these}} AS seat
     ORDER BY seat.seat_id
    """  # nosec B608 # of constants
_STRETCH = text(_SEATS.format(these="""
           (SELECT * FROM seats WHERE CAST(:after AS uuid) IS NULL OR seat_id > :after
             ORDER BY seat_id LIMIT :limit)
    """))
_NAMED = text(_SEATS.format(these="(SELECT * FROM seats WHERE seat_id = ANY(:seat_ids))"))

_MOVES = text("""
    SELECT move.transfer_id, move.seat_id, move.hold_id, move.direction::text,
           move.from_user_id, move.to_user_id
      FROM unnest(CAST(:transfer_ids AS uuid[])) AS named (transfer_id)
     CROSS JOIN LATERAL (
        SELECT * FROM seat_moves
         WHERE transfer_id = named.transfer_id AND status = 'MOVED'
         LIMIT :most
     ) AS move
    """)


@dataclass(frozen=True)
class SeatStretch:
    """Seats that matter to the audit; `last_seat_id` is None where no seat follows."""

    seats: list[Row[Any]]
    looked_at: int
    last_seat_id: UUID | None


class Audit:
    """AuditSeats and AuditMoves; they write nothing and take no lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stretch(self, after: UUID | None, limit: int) -> SeatStretch:
        """The next `limit` seats by seat_id; of those that matter what the proto says."""
        with self._database.transaction() as session:
            seats = session.execute(_STRETCH, {"after": after, "limit": limit}).all()
        last = seats[-1].seat_id if len(seats) == limit else None
        return SeatStretch([seat for seat in seats if _matters(seat)], len(seats), last)

    def named(self, seat_ids: list[UUID]) -> SeatStretch:
        """These seats, whether they matter or not; what is no seat is left out."""
        with self._database.transaction() as session:
            seats = session.execute(_NAMED, {"seat_ids": seat_ids}).all()
        return SeatStretch(list(seats), len(seats), None)

    def moves_of(self, transfer_ids: list[UUID]) -> Sequence[Row[Any]]:
        """The moves that stand (MOVED)."""
        values = {"transfer_ids": transfer_ids, "most": _MOST_MOVES_OF_A_TRANSFER}
        with self._database.transaction() as session:
            return session.execute(_MOVES, values).all()


def _matters(seat: Row[Any]) -> bool:
    is_sold = seat.status in ("SOLD", "CHECKED_IN")
    return bool(is_sold or seat.success_entries or seat.hold_overdue or seat.lost_hold_id)
