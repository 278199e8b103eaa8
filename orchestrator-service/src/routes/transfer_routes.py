"""Transfers between users, and what a dispute makes of them."""

from flask import Blueprint

from common.auth import Access, Caller
from common.endpoint import endpoint
from common.errors import AppError, ErrorCode
from common.fields import Page

from ..clients.transfer_client import Party, TransferClient
from ..orchestrators.transfer_orchestrator import Offer, TransferOrchestrator
from .paging import page_of
from .transfer_shapes import (
    ConfirmBody,
    ConfirmedTransfer,
    DisputedTransfer,
    InitiateBody,
    InitiatedTransfer,
    ReasonBody,
    ReversedTransfer,
    TransferBody,
    TransferId,
    TransferQuery,
    TransferState,
    TransferView,
)

_OF_A_TRANSFER = (ErrorCode.TRANSFER_NOT_FOUND, ErrorCode.TRANSFER_INVALID_STATE)
_BEING_COMPLETED = "It is being completed: look at the transfer in a minute."


def transfers_blueprint(service: TransferOrchestrator, transfers: TransferClient) -> Blueprint:
    """The endpoints below /api/transfer and /api/transfers."""
    routes = Blueprint("transfers", __name__)

    @routes.post("/api/transfer/initiate")
    @endpoint(
        access=Access.CUSTOMER,
        body=InitiateBody,
        returns=InitiatedTransfer,
        status=201,
        errors=(
            ErrorCode.NOT_SEAT_OWNER,
            ErrorCode.INSUFFICIENT_CREDITS,
            ErrorCode.TRANSFER_IN_PROGRESS,
            ErrorCode.SELF_TRANSFER,
            ErrorCode.SEAT_UNAVAILABLE,
            ErrorCode.SEAT_NOT_FOUND,
            ErrorCode.USER_NOT_FOUND,
            ErrorCode.RATE_LIMITED,
            ErrorCode.OTP_MAX_RETRIES,
        ),
    )
    def initiate(body: InitiateBody, caller: Caller) -> InitiatedTransfer:
        """Begin a transfer as its seller or its buyer; both are sent a code.

        A seller's own replaces a pending transfer of the seat that he has not verified.
        """
        offer = Offer(body.seat_id, body.seller_user_id, body.buyer_user_id, body.credits_amount)
        transfer = service.initiate(caller.user_id, offer)
        return InitiatedTransfer(
            transfer_id=transfer.transfer_id,
            seat_id=transfer.seat_id,
            status=transfer.status,
            message="Both parties were sent a code: each gives its own, then either confirms.",
        )

    @routes.post("/api/transfer/confirm")
    @endpoint(
        access=Access.CUSTOMER,
        body=ConfirmBody,
        returns=ConfirmedTransfer,
        also=(202,),
        errors=(
            *_OF_A_TRANSFER,
            ErrorCode.OTP_REQUIRED,
            ErrorCode.OTP_INVALID,
            ErrorCode.OTP_EXPIRED,
            ErrorCode.OTP_MAX_RETRIES,
            ErrorCode.INSUFFICIENT_CREDITS,
        ),
    )
    def confirm(body: ConfirmBody, caller: Caller) -> tuple[ConfirmedTransfer, int]:
        """Swap seat and credits, both parties having given their codes; a repeat moves nothing.

        202 with status PENDING_OTP: the swap is being completed.
        """
        given = {Party.SELLER: body.seller_otp, Party.BUYER: body.buyer_otp}
        codes = {party: code for party, code in given.items() if code is not None}
        outcome = service.confirm(caller.user_id, body.transfer_id, codes)
        transfer = outcome.record
        return _answer(
            ConfirmedTransfer,
            outcome.is_done,
            transfer_id=transfer.transfer_id,
            status="COMPLETED" if outcome.is_done else transfer.status,
            seat_id=transfer.seat_id,
            new_owner_user_id=transfer.buyer_user_id,
            credits_transferred=transfer.credits_amount,
            message="The seat is the buyer's." if outcome.is_done else _BEING_COMPLETED,
        )

    @routes.post("/api/transfer/cancel")
    @endpoint(
        access=Access.CUSTOMER, body=TransferBody, returns=TransferState, errors=_OF_A_TRANSFER
    )
    def cancel(body: TransferBody, caller: Caller) -> TransferState:
        """End a pending transfer, as one of its parties."""
        return TransferState.model_validate(service.cancel(caller.user_id, body.transfer_id))

    @routes.get("/api/transfers")
    @endpoint(access=Access.CUSTOMER, query=TransferQuery, returns=Page[TransferView])
    def list_transfers(query: TransferQuery, caller: Caller) -> Page[TransferView]:
        """The transfers one is a party to, newest first."""
        answer = transfers.page(
            user_id=caller.user_id, status=query.status, page=query.page, per_page=query.per_page
        )
        return page_of(TransferView, answer, query)

    @routes.get("/api/transfers/<transfer_id>")
    @endpoint(access=Access.CUSTOMER, returns=TransferView, errors=(ErrorCode.TRANSFER_NOT_FOUND,))
    def get_transfer(transfer_id: TransferId, caller: Caller) -> TransferView:
        """One transfer, for its parties: where things stand."""
        transfer = transfers.get(transfer_id)
        if transfer.party_of(caller.user_id) is None:
            raise AppError(ErrorCode.TRANSFER_NOT_FOUND, "There is no such transfer.")
        return TransferView.model_validate(transfer)

    return routes


def disputes_blueprint(service: TransferOrchestrator) -> Blueprint:
    """The endpoints by which a completed transfer is disputed and settled."""
    routes = Blueprint("disputes", __name__)

    @routes.post("/api/transfer/dispute")
    @endpoint(
        access=Access.CUSTOMER, body=ReasonBody, returns=DisputedTransfer, errors=_OF_A_TRANSFER
    )
    def dispute(body: ReasonBody, caller: Caller) -> DisputedTransfer:
        """Dispute the latest transfer of a seat, as one of its parties.

        What the seller has of the price is frozen until the dispute is settled.
        """
        transfer = service.dispute(caller.user_id, body.transfer_id, body.reason)
        return DisputedTransfer(
            transfer_id=transfer.transfer_id,
            status=transfer.status,
            message="The transfer is disputed: the other party or staff can reverse it.",
        )

    @routes.post("/api/transfer/reverse")
    @endpoint(
        access=Access.CUSTOMER,
        body=TransferBody,
        returns=ReversedTransfer,
        also=(202,),
        errors=(*_OF_A_TRANSFER, ErrorCode.SEAT_UNAVAILABLE, ErrorCode.INSUFFICIENT_CREDITS),
    )
    def reverse(body: TransferBody, caller: Caller) -> tuple[ReversedTransfer, int]:
        """Give seat and credits back; for the party who did not dispute, and for staff.

        202 with status DISPUTED: it is being completed.
        """
        outcome = service.reverse(caller, body.transfer_id)
        transfer = outcome.record
        return _answer(
            ReversedTransfer,
            outcome.is_done,
            transfer_id=transfer.transfer_id,
            status="REVERSED" if outcome.is_done else transfer.status,
            seat_id=transfer.seat_id,
            restored_owner_user_id=transfer.seller_user_id,
            credits_returned=transfer.credits_amount,
            message="The seat is the seller's again." if outcome.is_done else _BEING_COMPLETED,
        )

    @routes.post("/api/transfer/dismiss")
    @endpoint(
        access=Access.STAFF,
        body=ReasonBody,
        returns=DisputedTransfer,
        also=(202,),
        errors=_OF_A_TRANSFER,
    )
    def dismiss(body: ReasonBody) -> tuple[DisputedTransfer, int]:
        """Settle a dispute in the transfer's favour: the frozen credits are free again."""
        outcome = service.dismiss(body.transfer_id, body.reason)
        return _answer(
            DisputedTransfer,
            outcome.is_done,
            transfer_id=body.transfer_id,
            status="COMPLETED" if outcome.is_done else outcome.record.status,
            message="The transfer stands." if outcome.is_done else _BEING_COMPLETED,
        )

    return routes


def _answer(shape: type, is_done: bool, **values: object) -> tuple:
    return shape(**values), 200 if is_done else 202
