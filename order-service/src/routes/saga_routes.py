"""The saga journal of one kind of record over HTTP; internal."""

from typing import Any

from flask import Blueprint

from common.auth import Access
from common.endpoint import endpoint

from ..services.saga_journal import SagaJournal
from ..values import SagaEnd, SagaRecord, SagaTakeOver, UntouchedFilter


def saga_blueprint(journal: SagaJournal) -> Blueprint:
    """The endpoints of the journal; those that claim a record are with the record's own."""
    kind = journal.kind
    path = f"/{kind.name}s"
    refusals = (kind.not_found, kind.invalid_state)
    sagas = Blueprint(f"{kind.name}_sagas", __name__)

    @sagas.patch(f"{path}/<record_id>/saga")
    @endpoint(access=Access.INTERNAL, body=SagaRecord, returns=kind.answer, errors=refusals)
    def record(record_id: kind.record_id, body: SagaRecord) -> Any:
        """Commit that a step begins, or that undoing begins."""
        return journal.record(record_id, body)

    @sagas.post(f"{path}/<record_id>/saga/end")
    @endpoint(access=Access.INTERNAL, body=SagaEnd, returns=kind.answer, errors=refusals)
    def end(record_id: kind.record_id, body: SagaEnd) -> Any:
        """Give a claim back where nothing has happened: the record is as it was before it."""
        return journal.end(record_id, body.saga_version)

    @sagas.post(f"{path}/<record_id>/saga/take-over")
    @endpoint(access=Access.INTERNAL, body=SagaTakeOver, returns=kind.answer, errors=refusals)
    def take_over(record_id: kind.record_id, body: SagaTakeOver) -> Any:
        """Claim a saga that its driver has left, if it is still at the version that was seen."""
        return journal.take_over(record_id, body)

    @sagas.get(f"{path}/sagas")
    @endpoint(access=Access.INTERNAL, query=UntouchedFilter, returns=list[kind.answer])
    def untouched(query: UntouchedFilter) -> Any:
        """Records with a saga at work that nobody has touched for so many seconds."""
        return journal.untouched(query)

    return sagas
