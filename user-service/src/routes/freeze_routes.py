"""Freezes of credits over HTTP; internal, see contract.md, section 3."""

from flask import Blueprint

from common.auth import Access
from common.endpoint import endpoint
from common.errors import ErrorCode

from ..credit_values import CreditCall, Frozen
from ..services.freeze_service import FreezeService


def freezes_blueprint(service: FreezeService) -> Blueprint:
    """The endpoints /credits/freeze and /credits/unfreeze."""
    routes = Blueprint("freezes", __name__, url_prefix="/credits")
    errors = (ErrorCode.USER_NOT_FOUND, ErrorCode.TRANSFER_INVALID_STATE)

    @routes.post("/freeze")
    @endpoint(access=Access.INTERNAL, body=CreditCall, returns=Frozen, errors=errors)
    def freeze(body: CreditCall) -> Frozen:
        """Freeze what a user has, up to the amount, once per reference; `frozen` says how much."""
        return service.freeze(body)

    @routes.post("/unfreeze")
    @endpoint(access=Access.INTERNAL, body=CreditCall, returns=Frozen, errors=errors)
    def unfreeze(body: CreditCall) -> Frozen:
        """Free what a reference froze, once; a freeze that has not come yet never will."""
        return service.unfreeze(body)

    return routes
