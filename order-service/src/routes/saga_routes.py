"""The saga journal of orders over HTTP; internal."""

from uuid import UUID

from flask import Blueprint

from common.auth import Access
from common.endpoint import endpoint
from common.errors import ErrorCode

from ..services.saga_journal import SagaJournal
from ..values import OrderRecord, SagaBegin, SagaEnd, SagaRecord, SagaTakeOver, UntouchedFilter

_REFUSALS = (ErrorCode.ORDER_NOT_FOUND, ErrorCode.ORDER_INVALID_STATE)


def saga_blueprint(journal: SagaJournal) -> Blueprint:
    """The endpoints of the journal."""
    sagas = Blueprint("sagas", __name__)

    @sagas.post("/orders/<order_id>/saga")
    @endpoint(
        access=Access.INTERNAL,
        body=SagaBegin,
        returns=OrderRecord,
        errors=(
            *_REFUSALS,
            ErrorCode.ORDER_ALREADY_CONFIRMED,
            ErrorCode.OTP_REQUIRED,
            ErrorCode.HOLD_EXPIRED,
            ErrorCode.SEAT_NOT_HELD,
        ),
    )
    def begin(order_id: UUID, body: SagaBegin) -> OrderRecord:
        """Claim the order for a saga, its first step begun."""
        return journal.begin(order_id, body)

    @sagas.patch("/orders/<order_id>/saga")
    @endpoint(access=Access.INTERNAL, body=SagaRecord, returns=OrderRecord, errors=_REFUSALS)
    def record(order_id: UUID, body: SagaRecord) -> OrderRecord:
        """Commit that a step begins, or that undoing begins."""
        return journal.record(order_id, body)

    @sagas.post("/orders/<order_id>/saga/end")
    @endpoint(access=Access.INTERNAL, body=SagaEnd, returns=OrderRecord, errors=_REFUSALS)
    def end(order_id: UUID, body: SagaEnd) -> OrderRecord:
        """Give a claim back where nothing has happened."""
        return journal.end(order_id, body.saga_version)

    @sagas.post("/orders/<order_id>/saga/take-over")
    @endpoint(access=Access.INTERNAL, body=SagaTakeOver, returns=OrderRecord, errors=_REFUSALS)
    def take_over(order_id: UUID, body: SagaTakeOver) -> OrderRecord:
        """Claim a saga that its driver has left, if it is still at the version that was seen."""
        return journal.take_over(order_id, body)

    @sagas.get("/orders/sagas")
    @endpoint(access=Access.INTERNAL, query=UntouchedFilter, returns=list[OrderRecord])
    def untouched(query: UntouchedFilter) -> list[OrderRecord]:
        """Orders with a saga at work that nobody has touched for so many seconds."""
        return journal.untouched(query)

    return sagas
