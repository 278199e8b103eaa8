"""Credits over HTTP; internal, see contract.md, section 3. Every call is idempotent by its key."""

from flask import Blueprint

from common.auth import Access
from common.endpoint import endpoint
from common.errors import ErrorCode
from common.fields import Page

from ..services.credit_service import CreditService
from ..values import Booking, CreditCall, GrantCall, LedgerLine, LedgerQuery, TransferCall


def credits_blueprint(service: CreditService) -> Blueprint:
    """The endpoints below /credits."""
    routes = Blueprint("credits", __name__, url_prefix="/credits")
    no_user, refused = ErrorCode.USER_NOT_FOUND, ErrorCode.ORDER_INVALID_STATE
    too_little = ErrorCode.INSUFFICIENT_CREDITS

    @routes.post("/deduct")
    @endpoint(
        access=Access.INTERNAL,
        body=CreditCall,
        returns=Booking,
        errors=(no_user, too_little, refused),
    )
    def deduct(body: CreditCall) -> Booking:
        """Charge a user, once per reference; an undone charge never comes back."""
        return service.deduct(body)

    @routes.post("/refund")
    @endpoint(access=Access.INTERNAL, body=CreditCall, returns=Booking, errors=(no_user, refused))
    def refund(body: CreditCall) -> Booking:
        """Undo the charge of a reference, once; one that has not come yet never will."""
        return service.refund(body)

    @routes.post("/transfer")
    @endpoint(
        access=Access.INTERNAL,
        body=TransferCall,
        returns=Booking,
        errors=(
            no_user,
            too_little,
            ErrorCode.SELF_TRANSFER,
            ErrorCode.TRANSFER_INVALID_STATE,
        ),
    )
    def transfer(body: TransferCall) -> Booking:
        """Hand credits from one user to another, once per reference; answers for the payer."""
        return service.transfer(body)

    @routes.post("/transfer/undo")
    @endpoint(
        access=Access.INTERNAL,
        body=TransferCall,
        returns=Booking,
        errors=(no_user, too_little, ErrorCode.TRANSFER_INVALID_STATE),
    )
    def undo_transfer(body: TransferCall) -> Booking:
        """Hand a transfer's credits back, once; one that has not come yet never will."""
        return service.undo_transfer(body)

    @routes.post("/grant")
    @endpoint(access=Access.INTERNAL, body=GrantCall, returns=Booking, errors=(no_user, refused))
    def grant(body: GrantCall) -> Booking:
        """Give credits to a user, once per grant_id."""
        return service.grant(body)

    @routes.get("/ledger")
    @endpoint(access=Access.INTERNAL, query=LedgerQuery, returns=Page[LedgerLine])
    def ledger(query: LedgerQuery) -> Page[LedgerLine]:
        """A user's movements, newest first; their amounts sum to the balance."""
        return service.ledger(query)

    return routes
