"""Top-ups over HTTP: begun internally, told of by Stripe in public (contract.md, Stripe)."""

from flask import Blueprint, Response, jsonify, request

from common.auth import Access
from common.endpoint import endpoint, read_body
from common.errors import ErrorCode
from common.openapi import bare_answer
from common.schemas import closed_object

from ..services.topup_service import TopupService
from ..values import Topup, TopupCall

_EVENT = {
    "id": "evt_1P2q3R",
    "object": "event",
    "type": "payment_intent.succeeded",
    "data": {"object": {"id": "pi_1P2q3R", "amount_received": 5000, "currency": "sgd"}},
}
_WEBHOOK = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}, "example": _EVENT}},
    },
    "responses": {
        "200": bare_answer(
            "The event is booked, was booked before, or is of no interest here.",
            closed_object({"received": {"type": "boolean", "enum": [True]}}),
        )
    },
}


def topups_blueprint(service: TopupService) -> Blueprint:
    """The endpoints /credits/topup and /api/webhooks/stripe."""
    routes = Blueprint("topups", __name__)

    @routes.post("/credits/topup")
    @endpoint(
        access=Access.INTERNAL,
        body=TopupCall,
        returns=Topup,
        errors=(ErrorCode.USER_NOT_FOUND,),
    )
    def begin_topup(body: TopupCall) -> Topup:
        """Begin a payment with Stripe; it is credited when Stripe says that it succeeded."""
        return service.begin(body)

    @routes.post("/api/webhooks/stripe")
    @endpoint(
        access=Access.PUBLIC,
        errors=(ErrorCode.VALIDATION_ERROR, ErrorCode.PAYLOAD_TOO_LARGE),
        headers={"Stripe-Signature": "Stripe's signature of the body."},
        openapi=_WEBHOOK,
    )
    def stripe_webhook() -> Response:
        """Take a signed event of Stripe, each once; the answer is a bare {"received": true}."""
        service.receive(read_body(), request.headers.get("Stripe-Signature"))
        return jsonify(received=True)

    return routes
