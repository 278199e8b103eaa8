"""One's own credits."""

import re

from flask import Blueprint, request
from pydantic import Field

from common.auth import Access, Caller
from common.endpoint import endpoint
from common.errors import AppError, ErrorCode
from common.fields import Answer, CallerBody, Money, Page, PageQuery, TopupAmount

from ..clients.user_client import UserClient
from .paging import page_of
from .shapes import Balance, LedgerEntry, Sentence

_IDEMPOTENCY_KEY = "Idempotency-Key"
_KEY = re.compile(r"[ -~]{1,200}")  # Stripe takes 255, the user service puts the user before it


class TopupBody(CallerBody):
    """How many credits to buy; 1 credit is 1 SGD."""

    amount: TopupAmount


class Topup(Answer):
    """A payment that Stripe.js completes by its `client_secret`; the credits come with it."""

    client_secret: str = Field(examples=["pi_1P2q3R_secret_4S5t6U"])
    payment_intent_id: str = Field(examples=["pi_1P2q3R"])
    amount: Money
    currency: str = Field(examples=["sgd"])
    message: Sentence


def credits_blueprint(users: UserClient) -> Blueprint:
    """The endpoints below /api/credits."""
    routes = Blueprint("credits", __name__)

    @routes.get("/api/credits/balance")
    @endpoint(access=Access.CUSTOMER, returns=Balance)
    def balance(caller: Caller) -> Balance:
        """What the caller can spend, and what is frozen: by disputes, or in a transfer at work."""
        return Balance.model_validate(users.get(caller.user_id))

    @routes.get("/api/credits/ledger")
    @endpoint(access=Access.CUSTOMER, query=PageQuery, returns=Page[LedgerEntry])
    def ledger(query: PageQuery, caller: Caller) -> Page[LedgerEntry]:
        """Every movement, newest first; the amounts of all of them sum to the balance."""
        return page_of(LedgerEntry, users.ledger(caller.user_id, query), query)

    @routes.post("/api/credits/topup")
    @endpoint(
        access=Access.CUSTOMER,
        body=TopupBody,
        returns=Topup,
        headers={_IDEMPOTENCY_KEY: "A repeat with the same key is answered with the same payment."},
    )
    def topup(body: TopupBody, caller: Caller) -> Topup:
        """Begin to buy credits. The header Idempotency-Key makes a repeat safe."""
        key = request.headers.get(_IDEMPOTENCY_KEY)
        if key is not None and not _KEY.fullmatch(key):
            raise AppError(
                ErrorCode.VALIDATION_ERROR,
                f"{_IDEMPOTENCY_KEY} must be 1 to 200 printable ASCII characters.",
            )
        payment = users.topup(caller.user_id, body.amount, key)
        return Topup(**payment, message="Complete the payment with Stripe to get the credits.")

    return routes
