"""Transfers over HTTP; internal, see contract.md, section 3."""

from flask import Blueprint

from common.auth import Access
from common.endpoint import endpoint
from common.errors import ErrorCode
from common.fields import Page

from ..services.transfer_claims import TransferClaims
from ..services.transfer_initiation import TransferInitiation
from ..services.transfer_service import TransferService
from ..transfer_values import (
    NewDispute,
    NewTransfer,
    TransferChange,
    TransferClaim,
    TransferFilter,
    TransferId,
    TransferRecord,
)
from ..values import SagaEnd

_REFUSALS = (ErrorCode.TRANSFER_NOT_FOUND, ErrorCode.TRANSFER_INVALID_STATE)


def transfers_blueprint(
    service: TransferService, initiation: TransferInitiation, claims: TransferClaims
) -> Blueprint:
    """The endpoints below /transfers."""
    transfers = Blueprint("transfers", __name__)

    @transfers.post("/transfers")
    @endpoint(
        access=Access.INTERNAL,
        body=NewTransfer,
        returns=TransferRecord,
        status=201,
        errors=(
            ErrorCode.RATE_LIMITED,
            ErrorCode.SELF_TRANSFER,
            ErrorCode.SEAT_UNAVAILABLE,
            ErrorCode.NOT_SEAT_OWNER,
            ErrorCode.TRANSFER_IN_PROGRESS,
            ErrorCode.TRANSFER_INVALID_STATE,
        ),
    )
    def initiate(body: NewTransfer) -> TransferRecord:
        """Book an INITIATED transfer of a sold seat.

        Idempotent by transfer_id. A seller's own takes the place of one that he has not verified.
        """
        return initiation.initiate(body)

    @transfers.get("/transfers")
    @endpoint(access=Access.INTERNAL, query=TransferFilter, returns=Page[TransferRecord])
    def list_transfers(query: TransferFilter) -> Page[TransferRecord]:
        """Transfers by seat, order, party and status, newest first."""
        return service.find(query)

    @transfers.get("/transfers/<transfer_id>")
    @endpoint(
        access=Access.INTERNAL, returns=TransferRecord, errors=(ErrorCode.TRANSFER_NOT_FOUND,)
    )
    def get_transfer(transfer_id: TransferId) -> TransferRecord:
        """One transfer with its journal."""
        return service.get(transfer_id)

    @transfers.patch("/transfers/<transfer_id>")
    @endpoint(access=Access.INTERNAL, body=TransferChange, returns=TransferRecord, errors=_REFUSALS)
    def change(transfer_id: TransferId, body: TransferChange) -> TransferRecord:
        """Move a transfer along; an illegal move is refused and changes nothing.

        With saga_version it is the last write of the saga at work, which it ends.
        """
        return service.change(transfer_id, body)

    @transfers.post("/transfers/<record_id>/saga")
    @endpoint(
        access=Access.INTERNAL,
        body=TransferClaim,
        returns=TransferRecord,
        errors=(*_REFUSALS, ErrorCode.OTP_REQUIRED, ErrorCode.FORBIDDEN),
    )
    def begin(record_id: TransferId, body: TransferClaim) -> TransferRecord:
        """Claim the transfer for a saga, its first step begun."""
        return claims.begin(record_id, body)

    @transfers.post("/transfers/<transfer_id>/dispute")
    @endpoint(access=Access.INTERNAL, body=NewDispute, returns=TransferRecord, errors=_REFUSALS)
    def dispute(transfer_id: TransferId, body: NewDispute) -> TransferRecord:
        """Dispute the latest transfer of a seat: DISPUTED, claimed for the saga "dispute".

        The active transfer of the seat is FAILED with it.
        """
        return claims.dispute(transfer_id, body)

    @transfers.post("/transfers/<transfer_id>/reverse")
    @endpoint(access=Access.INTERNAL, body=SagaEnd, returns=TransferRecord, errors=_REFUSALS)
    def reverse(transfer_id: TransferId, body: SagaEnd) -> TransferRecord:
        """The last write of the saga "reverse": REVERSED."""
        return service.finish_reverse(transfer_id, body.saga_version)

    return transfers
