"""Top-ups over HTTP: begun internally, told of by Stripe in public (contract.md, Stripe)."""

from flask import Blueprint, Response, jsonify, request

from common.auth import Access
from common.endpoint import endpoint
from common.errors import ErrorCode

from ..services.topup_service import TopupService
from ..values import Topup, TopupCall


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
    @endpoint(access=Access.PUBLIC, errors=(ErrorCode.VALIDATION_ERROR,))
    def stripe_webhook() -> Response:
        """Take a signed event of Stripe, each once; the answer is a bare {"received": true}."""
        service.receive(request.get_data(), request.headers.get("Stripe-Signature"))
        return jsonify(received=True)

    return routes
