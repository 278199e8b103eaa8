"""One's own credits."""

from flask import Blueprint

from common.auth import Access, Caller
from common.endpoint import endpoint
from common.fields import Page, PageQuery

from ..clients.user_client import UserClient
from .paging import page_of
from .shapes import Balance, LedgerEntry


def credits_blueprint(users: UserClient) -> Blueprint:
    """The endpoints below /api/credits."""
    routes = Blueprint("credits", __name__)

    @routes.get("/api/credits/balance")
    @endpoint(access=Access.CUSTOMER, returns=Balance)
    def balance(caller: Caller) -> Balance:
        """What the caller can spend, and what is frozen by disputes."""
        return Balance.model_validate(users.get(caller.user_id))

    @routes.get("/api/credits/ledger")
    @endpoint(access=Access.CUSTOMER, query=PageQuery, returns=Page[LedgerEntry])
    def ledger(query: PageQuery, caller: Caller) -> Page[LedgerEntry]:
        """Every movement, newest first; the amounts of all of them sum to the balance."""
        return page_of(LedgerEntry, users.ledger(caller.user_id, query), query)

    return routes
