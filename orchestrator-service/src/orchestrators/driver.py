"""Driving one kind of saga over its records: for requests, and for the recovery process."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from common import deadline
from common.errors import AppError

from ..clients.saga_records import R, SagaRecords
from .record_journal import RecordJournal
from .saga import UNDOING_SECONDS, Overtaken, Saga, Unfinished

T = TypeVar("T")

# How long a request waits for another driver of the same record to come to its end.
_WAIT_SECONDS = 5.0
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class Outcome(Generic[R, T]):
    """What became of a saga: done, or being completed (its pivot may have happened).

    `driven` is what the saga worked on, None where another driver did it.
    """

    record: R
    is_done: bool
    driven: T | None = None


class Driver(Generic[R, T]):
    """Claims records of one kind for one saga and drives them.

    `done` and `undone` are the statuses that the saga leaves behind; `prepare` makes of a claimed
    record what its steps work on, `bare` the same with what undoing needs and nothing else.
    """

    def __init__(
        self,
        saga: Saga[T],
        records: SagaRecords[R],
        *,
        done: str,
        undone: str,
        prepare: Callable[[R], T],
        bare: Callable[[R], T],
    ) -> None:
        self.saga = saga
        self._records = records
        self._done = done
        self._undone = undone
        self._prepare = prepare
        self._bare = bare

    def begin(self, record_id: UUID, **claim: object) -> R:
        """Claim the record, the first step begun."""
        return self._records.begin_saga(record_id, self.saga.name, self.saga.step_names[0], **claim)

    def run(self, record_id: UUID, claim: Callable[[], R]) -> Outcome[R, T]:
        """Claim and drive; once, however often and from wherever asked.

        Where another driver has the record its outcome is waited for. Raises what the claim or a
        step is refused with; the records' `overtaken` code where another driver takes too long.
        """
        waits_until = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                with deadline.leaving(UNDOING_SECONDS):
                    record = claim()
            except AppError as error:
                if "saga" not in error.details or time.monotonic() > waits_until:
                    raise
                outcome = self._of_other_driver(record_id, waits_until)
                if outcome is not None:
                    return outcome
                time.sleep(_FIRST_PAUSE_SECONDS)
            else:
                return self.drive(record, waits_until)

    def run_or_repeat(self, record_id: UUID, claim: Callable[[], R]) -> Outcome[R, T]:
        """As `run`; where another driver was done before the claim, its outcome."""
        try:
            return self.run(record_id, claim)
        except AppError as error:
            if error.details.get("status") != self._done:
                raise
            return Outcome(self._records.get(record_id), is_done=True)

    def drive(self, record: R, waits_until: float = 0) -> Outcome[R, T]:
        """Run the saga of a record that this request has claimed."""
        journal = RecordJournal(self._records, record, self._undone)
        try:
            driven = self._prepared(record, journal)
            self.saga.run(driven, journal)
        except Overtaken:
            outcome = self._of_other_driver(record.record_id, waits_until)
            return outcome or Outcome(record, is_done=False)
        except Unfinished:
            return Outcome(record, is_done=False)
        return Outcome(record, is_done=True, driven=driven)

    def recover(self, record: R) -> None:
        """Settle a record whose driver is gone; it has been taken over."""
        forward = not record.saga_undoing and self.saga.is_pivot(record.saga_step)
        driven = self._prepare(record) if forward else self._bare(record)
        journal = RecordJournal(self._records, record, self._undone)
        self.saga.recover(driven, journal, record.saga_step, record.saga_undoing)

    def _prepared(self, record: R, journal: RecordJournal[R]) -> T:
        """What the saga works on; where that cannot be made, nothing has begun."""
        try:
            with deadline.leaving(UNDOING_SECONDS):
                return self._prepare(record)
        except AppError as error:
            self.saga.give_back(error, journal)

    def _of_other_driver(self, record_id: UUID, waits_until: float) -> Outcome[R, T] | None:
        """What the saga at work comes to; None where it leaves the record as if it had not run."""
        record, pause = self._records.get(record_id), _FIRST_PAUSE_SECONDS
        while record.saga is not None and time.monotonic() < waits_until:
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            record = self._records.get(record_id)
        if record.saga is None:
            return Outcome(record, is_done=True) if record.status == self._done else None
        if self.saga.is_pivot(record.saga_step) and not record.saga_undoing:
            return Outcome(record, is_done=False)
        raise AppError(
            self._records.overtaken,
            "Another request is at this and not settled yet: look at it again in a minute.",
            status=record.status,
            **_named(record),
        )


def _named(record: R) -> dict[str, str]:
    kind = type(record).__name__.lower()
    return {f"{kind}_id": str(record.record_id)}
