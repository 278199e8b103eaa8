"""The codes that confirm purchases and transfers."""

from typing import Literal
from flask import Blueprint
from pydantic import Field

from common.auth import Access, Caller
from common.endpoint import endpoint
from common.errors import ErrorCode
from common.fields import Answer, CallerBody

from ..orchestrators.purchase_codes import PurchaseCodes
from ..orchestrators.transfer_codes import TransferCodes
from .shapes import OrderId, OtpCode, Sentence

_ERRORS = (
    ErrorCode.OTP_MAX_RETRIES,
    ErrorCode.ORDER_NOT_FOUND,
    ErrorCode.ORDER_INVALID_STATE,
    ErrorCode.TRANSFER_NOT_FOUND,
    ErrorCode.TRANSFER_INVALID_STATE,
)


class ResendBody(CallerBody):
    """What the code is for: an order or a transfer."""

    context: Literal["purchase", "transfer"]
    reference_id: OrderId


class VerifyBody(ResendBody):
    """The code that was sent to the caller, and what it is for."""

    otp_code: OtpCode = Field(repr=False)


class Verified(Answer):
    """The code was right."""

    verified: bool
    message: Sentence


class Resent(Answer):
    """Another code is on its way."""

    message: Sentence


def codes_blueprint(purchases: PurchaseCodes, transfers: TransferCodes) -> Blueprint:
    """/api/verify-otp and /api/otp/resend."""
    routes = Blueprint("codes", __name__)
    codes = {"purchase": purchases, "transfer": transfers}

    @routes.post("/api/verify-otp")
    @endpoint(
        access=Access.CUSTOMER,
        body=VerifyBody,
        returns=Verified,
        errors=(*_ERRORS, ErrorCode.OTP_INVALID, ErrorCode.OTP_EXPIRED),
    )
    def verify(body: VerifyBody, caller: Caller) -> Verified:
        """Give the code that confirms one's purchase, or one's side of a transfer.

        After three wrong ones it is over: the order or the transfer has FAILED.
        """
        codes[body.context].verify(caller.user_id, body.reference_id, body.otp_code)
        return Verified(verified=True, message="The code is right.")

    @routes.post("/api/otp/resend")
    @endpoint(
        access=Access.CUSTOMER,
        body=ResendBody,
        returns=Resent,
        errors=(*_ERRORS, ErrorCode.RATE_LIMITED),
    )
    def resend(body: ResendBody, caller: Caller) -> Resent:
        """Have another code sent; the last one is worth nothing then. Three in 10 minutes."""
        codes[body.context].resend(caller.user_id, body.reference_id)
        return Resent(message="Another code is on its way to your phone.")

    return routes
