"""Failures a caller may know about: one code, one HTTP status, the same across every hop."""

from enum import StrEnum
from typing import Any


class ErrorCode(StrEnum):
    """A stable code of the public contract and the HTTP status it travels with."""

    http_status: int

    def __new__(cls, code: str, http_status: int) -> "ErrorCode":
        member = str.__new__(cls, code)
        member._value_ = code
        member.http_status = http_status
        return member

    UNAUTHORIZED = "UNAUTHORIZED", 401
    TOKEN_EXPIRED = "TOKEN_EXPIRED", 401
    FORBIDDEN = "FORBIDDEN", 403
    NOT_FOUND = "NOT_FOUND", 404
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED", 405
    VALIDATION_ERROR = "VALIDATION_ERROR", 400
    INVALID_UUID = "INVALID_UUID", 400
    PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE", 413
    RATE_LIMITED = "RATE_LIMITED", 429
    INTERNAL_ERROR = "INTERNAL_ERROR", 500
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE", 503
    EVENT_NOT_FOUND = "EVENT_NOT_FOUND", 404
    EVENT_NOT_ON_SALE = "EVENT_NOT_ON_SALE", 409
    EVENT_ENDED = "EVENT_ENDED", 410
    SEAT_NOT_FOUND = "SEAT_NOT_FOUND", 404
    SEAT_UNAVAILABLE = "SEAT_UNAVAILABLE", 409
    SEAT_ALREADY_SOLD = "SEAT_ALREADY_SOLD", 409
    SEAT_NOT_HELD = "SEAT_NOT_HELD", 409
    HOLD_EXPIRED = "HOLD_EXPIRED", 410
    HOLD_LIMIT_REACHED = "HOLD_LIMIT_REACHED", 409
    INSUFFICIENT_CREDITS = "INSUFFICIENT_CREDITS", 402
    ORDER_NOT_FOUND = "ORDER_NOT_FOUND", 404
    ORDER_ALREADY_CONFIRMED = "ORDER_ALREADY_CONFIRMED", 409
    ORDER_INVALID_STATE = "ORDER_INVALID_STATE", 409
    OTP_REQUIRED = "OTP_REQUIRED", 428
    OTP_INVALID = "OTP_INVALID", 401
    OTP_EXPIRED = "OTP_EXPIRED", 410
    OTP_MAX_RETRIES = "OTP_MAX_RETRIES", 429
    TRANSFER_NOT_FOUND = "TRANSFER_NOT_FOUND", 404
    TRANSFER_INVALID_STATE = "TRANSFER_INVALID_STATE", 409
    TRANSFER_IN_PROGRESS = "TRANSFER_IN_PROGRESS", 409
    NOT_SEAT_OWNER = "NOT_SEAT_OWNER", 403
    SELF_TRANSFER = "SELF_TRANSFER", 400
    USER_NOT_FOUND = "USER_NOT_FOUND", 404
    EMAIL_ALREADY_EXISTS = "EMAIL_ALREADY_EXISTS", 409
    QR_INVALID = "QR_INVALID", 400


class AppError(Exception):
    """A failure the caller is allowed to know about.

    `message` is a sentence for a person, `details` are JSON values for a program.
    """

    def __init__(self, code: ErrorCode, message: str, **details: Any) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.details = details

    @property
    def had_no_effect(self) -> bool:
        """Whether it is certain that what was asked for did not happen.

        A refusal (4xx) says so; after a 5xx or a time-out nobody knows.
        """
        return self.code.http_status < 500

    def body(self) -> dict[str, Any]:
        """The error envelope of the contract."""
        envelope = {"success": False, "error_code": self.code.value, "message": self.message}
        return {**envelope, "details": self.details} if self.details else envelope

    @classmethod
    def from_body(cls, body: Any) -> "AppError | None":
        """The error another service answered with, or None where this is no error envelope."""
        try:
            code = ErrorCode(body["error_code"])
            return cls(code, str(body["message"]), **(body.get("details") or {}))
        except (KeyError, TypeError, ValueError, AttributeError):
            return None


class Unreachable(AppError):
    """The other side could not be connected to: the request never left, nothing happened."""

    had_no_effect = True

    def __init__(self, service: str) -> None:
        super().__init__(ErrorCode.SERVICE_UNAVAILABLE, f"{service} cannot be reached right now.")


class OutOfTime(AppError):
    """The time of the request was over before anything was sent (common.deadline)."""

    had_no_effect = True

    def __init__(self) -> None:
        super().__init__(ErrorCode.SERVICE_UNAVAILABLE, "This takes too long right now: try again.")


class RowLocked(AppError):
    """A row lock was not to be had, at once (NOWAIT) or in time; trying again may succeed."""
