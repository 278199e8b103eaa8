"""Codes by text message over HTTP; internal, see contract.md, section 3."""

from flask import Blueprint

from common.auth import Access
from common.endpoint import endpoint
from common.errors import ErrorCode

from ..services.otp_service import OtpService
from ..values import OtpSend, OtpSent, OtpTry, OtpVerified


def otp_blueprint(service: OtpService) -> Blueprint:
    """The endpoints below /otp."""
    routes = Blueprint("otp", __name__, url_prefix="/otp")

    @routes.post("/send")
    @endpoint(
        access=Access.INTERNAL,
        body=OtpSend,
        returns=OtpSent,
        errors=(ErrorCode.USER_NOT_FOUND, ErrorCode.RATE_LIMITED, ErrorCode.OTP_MAX_RETRIES),
    )
    def send(body: OtpSend) -> OtpSent:
        """Send a code, unless one lives that `resend` does not ask to replace."""
        return service.send(body)

    @routes.post("/verify")
    @endpoint(
        access=Access.INTERNAL,
        body=OtpTry,
        returns=OtpVerified,
        errors=(ErrorCode.OTP_INVALID, ErrorCode.OTP_EXPIRED, ErrorCode.OTP_MAX_RETRIES),
    )
    def verify(body: OtpTry) -> OtpVerified:
        """Check a code; three wrong ones and it is over, `details.over` says so."""
        service.verify(body)
        return OtpVerified()

    return routes
