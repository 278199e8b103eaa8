"""The journal of the saga at work on a record (design.md, Sagas: Journal, Claim).

A driver claims the record by raising `saga_version` (order_claims, transfer_claims); every later
write demands that version, so a driver that was overtaken can write nothing more. Each function is
one conditional statement.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Generic
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, func, select, update

from common.database import Database
from common.errors import AppError
from common.prepared import Prepared

from ..values import SagaRecord, SagaTakeOver, UntouchedFilter
from .records import A, M, RecordKind

_NONE: Mapping[str, object] = MappingProxyType({})


class SagaJournal(Generic[M, A]):
    """The journal's use cases, for one kind of record."""

    def __init__(self, database: Database, kind: RecordKind[M, A]) -> None:
        self._database = database
        self.kind = kind
        model = kind.model
        at_work = (model.saga.is_not(None), model.saga_version == bindparam("of_version"))
        forward = (*at_work, model.saga_undoing.is_(False))
        self._record = self._write(*forward, saga_step=bindparam("step"))
        self._undo = self._write(*at_work, saga_undoing=True)
        self._end = self._write(*forward, saga=None, saga_step=None, **kind.as_before)
        self._take_over = self._write(
            *at_work, saga_version=model.saga_version + 1, saga_driver=bindparam("driver")
        )

    def record(self, record_id: UUID, entry: SagaRecord) -> A:
        """Commit that a step begins, or that undoing begins (which is never taken back)."""
        change = self._undo if entry.undoing else self._record
        return self._guarded(change, record_id, entry.saga_version, {"step": entry.step})

    def end(self, record_id: UUID, saga_version: int) -> A:
        """Give the claim back where nothing has happened: the record is as it was before."""
        return self._guarded(
            self._end,
            record_id,
            saga_version,
            is_done=lambda r: r.saga is None and r.saga_version == saga_version,
        )

    def take_over(self, record_id: UUID, claim: SagaTakeOver) -> A:
        """Claim a saga that its driver has left; only one of several that try succeeds."""
        return self._guarded(
            self._take_over,
            record_id,
            claim.saga_version,
            {"driver": claim.driver},
            is_done=lambda r: r.is_driven_by(claim.driver),
        )

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

    def _write(self, *conditions: ColumnElement[bool], **values: object) -> Prepared:
        return Prepared(
            update(self.kind.model)
            .where(self.kind.key == bindparam("of_record"), *conditions)
            .values(**values, saga_touched_at=func.now())
            .returning(self.kind.model)
        )

    def _guarded(
        self,
        change: Prepared,
        record_id: UUID,
        saga_version: int,
        values: Mapping[str, object] = _NONE,
        is_done: Callable[[M], bool] = lambda record: False,
    ) -> A:
        """Make the change, unless a repeat finds it `is_done`; else the caller was overtaken."""
        ids = {"of_record": record_id, "of_version": saga_version}
        for record in self._database.run(change, **ids, **values):
            return self.kind.answer.model_validate(record)
        with self._database.transaction() as session:
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
