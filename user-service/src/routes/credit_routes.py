"""Credits over HTTP; internal, see contract.md, section 3. Every call is idempotent by its key."""

from flask import Blueprint

from common.auth import Access
from common.endpoint import endpoint
from common.errors import ErrorCode
from common.fields import Page

from ..credit_values import Booking, CreditCall, GrantCall, LedgerLine, LedgerQuery, RefundCall
from ..services.credit_service import CreditService


def credits_blueprint(service: CreditService) -> Blueprint:
    """The endpoints /credits/deduct, refund, grant and ledger."""
    routes = Blueprint("credits", __name__, url_prefix="/credits")
    no_user, refused = ErrorCode.USER_NOT_FOUND, ErrorCode.ORDER_INVALID_STATE

    @routes.post("/deduct")
    @endpoint(
        access=Access.INTERNAL,
        body=CreditCall,
        returns=Booking,
        errors=(no_user, ErrorCode.INSUFFICIENT_CREDITS, refused),
    )
    def deduct(body: CreditCall) -> Booking:
        """Charge a user, once per reference; an undone charge never comes back."""
        return service.deduct(body)

    @routes.post("/refund")
    @endpoint(access=Access.INTERNAL, body=RefundCall, returns=Booking, errors=(no_user, refused))
    def refund(body: RefundCall) -> Booking:
        """Give a charge back, once, to `to_user_id` if named; one that has not come never will."""
        return service.refund(body)

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
