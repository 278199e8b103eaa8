"""The records that are the journals of sagas (orders, transfers), kept by the order service."""

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from pydantic import BaseModel

from common.clients import HttpClient
from common.errors import ErrorCode


class SagaRecord(BaseModel, ABC):
    """What orders and transfers have alike; see design.md, Sagas."""

    status: str
    failure_reason: str | None
    saga: str | None
    saga_step: str | None
    saga_undoing: bool
    saga_version: int

    @property
    @abstractmethod
    def record_id(self) -> UUID:
        """The ID that this record goes by."""


R = TypeVar("R", bound=SagaRecord)

_MOST_LEFT = 1000  # as many as the order service answers


class SagaRecords(Generic[R]):
    """Reads records and writes their journal, under the version a record was claimed with.

    `overtaken` is the code that a write is refused with where another driver has the record.
    """

    def __init__(self, http: HttpClient, path: str, kind: type[R], overtaken: ErrorCode) -> None:
        self._http = http
        self._path = path
        self._kind = kind
        self.overtaken = overtaken

    def get(self, record_id: UUID) -> R:
        """Raises ORDER_NOT_FOUND or TRANSFER_NOT_FOUND."""
        return self._kind(**self._http.get(f"{self._path}/{record_id}"))

    def page(self, **wanted: Any) -> dict[str, Any]:
        """The answer with one page of the records that match, newest first."""
        return self._http.get_envelope(self._path, **wanted)

    def fail(self, record_id: UUID, reason: str) -> R:
        """End a record that no saga is at work on; one that has FAILED stays as it is."""
        change = {"status": "FAILED", "reason": reason}
        return self._kind(**self._http.patch(f"{self._path}/{record_id}", **change))

    def finish(self, record: R, status: str, reason: str | None = None) -> None:
        """The saga's own last write: the record's new status, and the saga is over."""
        change = {"status": status, "saga_version": record.saga_version}
        if reason is not None:
            change["reason"] = reason
        self._http.patch(f"{self._path}/{record.record_id}", **change)

    def begin_saga(self, record_id: UUID, saga: str, step: str, **claim: Any) -> R:
        """Claim the record for a saga, its first step begun; refusals say why."""
        claim |= {"driver": uuid4(), "saga": saga, "step": step}
        return self._kind(**self._http.post(f"{self._path}/{record_id}/saga", **claim))

    def record_step(self, record: R, step: str) -> None:
        """Commit that a step begins."""
        self._write(record, step=step)

    def record_undoing(self, record: R) -> None:
        """Commit that undoing begins."""
        self._write(record, undoing=True)

    def end_saga(self, record: R) -> None:
        """Give the claim back, nothing having happened."""
        self._http.post(
            f"{self._path}/{record.record_id}/saga/end", saga_version=record.saga_version
        )

    def take_over(self, record: R) -> R:
        """Claim a saga that its driver has left; refused where somebody else was quicker."""
        claim = {"driver": uuid4(), "saga_version": record.saga_version}
        path = f"{self._path}/{record.record_id}/saga/take-over"
        return self._kind(**self._http.post(path, **claim))

    def untouched(self, seconds: float) -> list[R]:
        """Records with a saga at work that nobody has touched for so long, the oldest first.

        Where there are more than a round of recovery can do, the rest is for the next one.
        """
        path, wanted = f"{self._path}/sagas", {"untouched_seconds": seconds, "limit": _MOST_LEFT}
        found = self._http.get(path, **wanted)
        return [self._kind(**one) for one in found]

    def _write(self, record: R, **entry: Any) -> None:
        self._http.patch(
            f"{self._path}/{record.record_id}/saga", saga_version=record.saga_version, **entry
        )
