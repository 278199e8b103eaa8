"""The journal of the saga at work on a record (design.md, Sagas: Journal, Claim).

A driver claims the record by raising `saga_version` (order_claims, transfer_claims); every later
write demands that version, so a driver that was overtaken can write nothing more. Each function is
one conditional statement.
"""

from collections.abc import Callable
from typing import Generic
from uuid import UUID

from sqlalchemy import ColumnElement, Update, func, select, update

from common.database import Database
from common.errors import AppError

from ..values import SagaRecord, SagaTakeOver, UntouchedFilter
from .records import A, M, RecordKind


class SagaJournal(Generic[M, A]):
    """The journal's use cases, for one kind of record."""

    def __init__(self, database: Database, kind: RecordKind[M, A]) -> None:
        self._database = database
        self.kind = kind

    def record(self, record_id: UUID, entry: SagaRecord) -> A:
        """Commit that a step begins, or that undoing begins (which is never taken back)."""
        model = self.kind.model
        wanted = [model.saga.is_not(None), model.saga_version == entry.saga_version]
        if entry.undoing:
            change = self._write(record_id, *wanted).values(saga_undoing=True)
        else:
            forward = model.saga_undoing.is_(False)
            change = self._write(record_id, *wanted, forward).values(saga_step=entry.step)
        return self._guarded(record_id, change)

    def end(self, record_id: UUID, saga_version: int) -> A:
        """Give the claim back where nothing has happened: the record is as it was before."""
        model = self.kind.model
        change = self._write(
            record_id,
            model.saga.is_not(None),
            model.saga_version == saga_version,
            model.saga_undoing.is_(False),
        ).values(saga=None, saga_step=None, **self.kind.as_before)
        return self._guarded(
            record_id, change, lambda r: r.saga is None and r.saga_version == saga_version
        )

    def take_over(self, record_id: UUID, claim: SagaTakeOver) -> A:
        """Claim a saga that its driver has left; only one of several that try succeeds."""
        model = self.kind.model
        change = self._write(
            record_id, model.saga.is_not(None), model.saga_version == claim.saga_version
        ).values(saga_version=model.saga_version + 1, saga_driver=claim.driver)
        return self._guarded(record_id, change, lambda r: r.is_driven_by(claim.driver))

    def untouched(self, wanted: UntouchedFilter) -> list[A]:
        """Records with a saga at work that nobody has touched for that long, oldest first."""
        model = self.kind.model
        age = func.make_interval(0, 0, 0, 0, 0, 0, wanted.untouched_seconds)
        with self._database.transaction() as session:
            records = session.scalars(
                select(model)
                .where(model.saga.is_not(None), model.saga_touched_at <= func.now() - age)
                .order_by(model.saga_touched_at)
                .limit(wanted.limit)
            )
            return [self.kind.answer.model_validate(record) for record in records]

    def _write(self, record_id: UUID, *conditions: ColumnElement[bool]) -> Update:
        return (
            update(self.kind.model)
            .where(self.kind.key == record_id, *conditions)
            .values(saga_touched_at=func.now())
        )

    def _guarded(
        self,
        record_id: UUID,
        change: Update,
        is_done: Callable[[M], bool] = lambda record: False,
    ) -> A:
        """Make the change, unless a repeat finds it `is_done`; else the caller was overtaken."""
        with self._database.transaction() as session:
            record = session.scalars(change.returning(self.kind.model)).one_or_none()
            if record is None:
                record = self.kind.found(session, record_id)
                if not is_done(record):
                    raise self._overtaken(record)
            return self.kind.answer.model_validate(record)

    def _overtaken(self, record: M) -> AppError:
        return AppError(
            self.kind.invalid_state,
            "Another driver has taken this saga over, or it has ended.",
            status=record.status.value,
            saga=record.saga,
            saga_version=record.saga_version,
        )
