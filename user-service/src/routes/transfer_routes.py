"""Transfers of credits over HTTP; internal, see contract.md, section 3."""

from flask import Blueprint

from common.auth import Access
from common.endpoint import endpoint
from common.errors import ErrorCode

from ..credit_values import Booking, TransferCall, TransferStart
from ..services.transfer_service import TransferService


def transfers_blueprint(service: TransferService) -> Blueprint:
    """The endpoints below /credits/transfer."""
    routes = Blueprint("transfers", __name__, url_prefix="/credits/transfer")
    no_user, refused = ErrorCode.USER_NOT_FOUND, ErrorCode.TRANSFER_INVALID_STATE

    @routes.post("")
    @endpoint(
        access=Access.INTERNAL,
        body=TransferStart,
        returns=Booking,
        errors=(no_user, ErrorCode.INSUFFICIENT_CREDITS, ErrorCode.SELF_TRANSFER, refused),
    )
    def transfer(body: TransferStart) -> Booking:
        """Take credits from one user for another, once per reference; answers for the payer.

        With `hold_back` they wait until the transfer is completed or undone; what is frozen under
        `freeze_id` goes first, the payer's balance pays the rest.
        """
        return service.transfer(body)

    @routes.post("/complete")
    @endpoint(access=Access.INTERNAL, body=TransferCall, returns=Booking, errors=(no_user, refused))
    def complete(body: TransferCall) -> Booking:
        """Give the payee what was held back, once; answers for the payee."""
        return service.complete(body)

    @routes.post("/undo")
    @endpoint(access=Access.INTERNAL, body=TransferCall, returns=Booking, errors=(no_user, refused))
    def undo(body: TransferCall) -> Booking:
        """Give the payer back what was held back, once; one that has not come yet never will."""
        return service.undo(body)

    return routes
