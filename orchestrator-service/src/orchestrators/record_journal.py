"""A record as the journal of the saga at work on it, and the journal of a saga that needs none."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic

from common.errors import AppError, ErrorCode

from ..clients.saga_records import R, SagaRecords
from .saga import Overtaken


class RecordJournal(Generic[R]):
    """Writes under the version that the record was claimed with (saga.Journal).

    `undone` is the status that the record has once everything is undone.
    """

    def __init__(self, records: SagaRecords[R], record: R, undone: str) -> None:
        self._records = records
        self._record = record
        self._undone = undone

    def begin(self, step: str) -> None:
        with self._overtaken_is_no_failure():
            self._records.record_step(self._record, step)

    def undoing(self) -> None:
        with self._overtaken_is_no_failure():
            self._records.record_undoing(self._record)

    def abandon(self) -> None:
        with self._overtaken_is_no_failure():
            self._records.end_saga(self._record)

    def failed(self, reason: ErrorCode) -> None:
        with self._overtaken_is_no_failure():
            if self._undone == "FAILED":
                self._records.finish(self._record, self._undone, reason)
            else:
                self._records.finish(self._record, self._undone)

    @contextmanager
    def _overtaken_is_no_failure(self) -> Iterator[None]:
        try:
            yield
        except AppError as error:
            if error.code is self._records.overtaken:
                raise Overtaken from error
            raise


class NoJournal:
    """For a saga that leaves nothing behind which does not end by itself (saga.Journal)."""

    def begin(self, step: str) -> None:
        """A hold ends at its `held_until`, and its order with it."""

    def undoing(self) -> None:
        """See begin."""

    def abandon(self) -> None:
        """See begin."""

    def failed(self, reason: ErrorCode) -> None:
        """See begin."""
