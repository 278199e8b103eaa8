"""Ending holds whose time is up: one that a message names, or whatever the messages left behind."""

from dataclasses import dataclass
from enum import Enum, auto
from uuid import UUID

from sqlalchemy import text

from common.database import Database
from common.prepared import Prepared

from ..models.hold import HoldStatus

_FREE_SEAT = """
    UPDATE seats
       SET status = 'AVAILABLE', hold_id = NULL, held_by_user_id = NULL, held_until = NULL,
           updated_at = clock_timestamp()
    """

# Most messages are of holds that were sold long ago, which is their end; nobody is kept waiting.
_SOLD = Prepared("""
    SELECT FROM holds WHERE hold_id = :hold_id AND seat_id = :seat_id AND status = 'SOLD'
    """)

# The last SELECT reads the hold as it was when its statement began: with the lock, before the end.
_WAIT_AND_END = Prepared(f"""
    SELECT FROM seats WHERE seat_id = :seat_id FOR UPDATE;
    WITH freed AS (
        {_FREE_SEAT}
         WHERE seat_id = :seat_id AND status = 'HELD' AND hold_id = :hold_id
           AND held_until <= clock_timestamp()
        RETURNING CAST(:hold_id AS uuid) AS hold_id
    ), ended AS (
        UPDATE holds SET status = 'RELEASED', settled_at = clock_timestamp()
          FROM freed WHERE holds.hold_id = freed.hold_id
        RETURNING holds.hold_id
    )
    SELECT status, greatest(extract(epoch FROM held_until - clock_timestamp()), 0)::float
           AS seconds_left, (SELECT count(*) FROM ended) AS ended
      FROM holds WHERE hold_id = :hold_id AND seat_id = :seat_id
    """)  # nosec B608 # of constants

# Seats that somebody has locked are left for the next round; the others are locked by seat_id.
# now() and not clock_timestamp(), for which PostgreSQL does not use the index.
_END_BATCH = text(f"""
    WITH expired AS (
        SELECT seat_id, hold_id FROM seats
         WHERE status = 'HELD' AND held_until < now() - :grace * interval '1 second'
         ORDER BY seat_id LIMIT :batch
           FOR UPDATE SKIP LOCKED
    ), freed AS (
        {_FREE_SEAT}
          FROM expired
         WHERE seats.seat_id = expired.seat_id AND seats.status = 'HELD'
           AND seats.hold_id = expired.hold_id
        RETURNING expired.hold_id
    )
    UPDATE holds SET status = 'RELEASED', settled_at = clock_timestamp()
      FROM freed WHERE holds.hold_id = freed.hold_id
    RETURNING holds.hold_id
    """)  # nosec B608 # of constants


class Ending(Enum):
    """What came of ending a hold."""

    ENDED = auto()
    ALREADY_GONE = auto()
    SOLD = auto()
    TOO_EARLY = auto()


@dataclass(frozen=True)
class HoldEnd:
    """How it went, and how long the hold still has (TOO_EARLY)."""

    ending: Ending
    seconds_left: float = 0.0


class HoldExpiry:
    """Ends holds by the database's clock; never touches one that lives, or a sale."""

    BATCH = 200

    def __init__(self, database: Database) -> None:
        self._database = database

    def end(self, seat_id: UUID, hold_id: UUID) -> HoldEnd:
        """End this one hold if its time is up; waits for the seat's row."""
        ids = {"seat_id": seat_id, "hold_id": hold_id}
        if self._database.run(_SOLD, **ids):
            return HoldEnd(Ending.SOLD)
        hold = next(iter(self._database.run(_WAIT_AND_END, **ids)), None)
        if hold is None or hold.status == HoldStatus.RELEASED:
            return HoldEnd(Ending.ALREADY_GONE)
        if hold.status == HoldStatus.SOLD:
            return HoldEnd(Ending.SOLD)
        if hold.ended:
            return HoldEnd(Ending.ENDED)
        return HoldEnd(Ending.TOO_EARLY, hold.seconds_left)

    def end_batch(self, grace_seconds: float) -> list[UUID]:
        """End up to BATCH holds that ran out `grace_seconds` ago; the IDs of their orders."""
        with self._database.transaction() as session:
            ended = session.execute(
                _END_BATCH, {"grace": grace_seconds, "batch": self.BATCH}
            ).scalars()
            return list(ended)
