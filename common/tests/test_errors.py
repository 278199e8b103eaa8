"""AppError: the failure a caller may know about."""

import pytest

from common.errors import AppError, ErrorCode, RowLocked, Unreachable


def test_a_code_has_the_status_it_travels_with() -> None:
    assert (ErrorCode.OTP_REQUIRED, ErrorCode.OTP_REQUIRED.http_status) == ("OTP_REQUIRED", 428)


def test_the_envelope_has_details_only_where_there_are_some() -> None:
    assert AppError(ErrorCode.NOT_FOUND, "No.").body() == {
        "success": False,
        "error_code": "NOT_FOUND",
        "message": "No.",
    }
    assert AppError(ErrorCode.NOT_FOUND, "No.", order_id="1").body()["details"] == {"order_id": "1"}


def test_an_error_survives_its_envelope() -> None:
    sent = AppError(ErrorCode.SEAT_UNAVAILABLE, "Taken.", order_id="1")
    received = AppError.from_body(sent.body())
    assert (received.code, received.message, received.details) == (
        ErrorCode.SEAT_UNAVAILABLE,
        "Taken.",
        {"order_id": "1"},
    )


@pytest.mark.parametrize(
    "body",
    [None, [], "text", {}, {"error_code": "NO_SUCH_CODE", "message": ""}, {"error_code": []}]
    + [{"error_code": "NOT_FOUND", "message": "", "details": 5}],
)
def test_anything_else_is_no_error_envelope(body: object) -> None:
    assert AppError.from_body(body) is None


def test_only_a_refusal_is_known_to_have_had_no_effect() -> None:
    assert AppError(ErrorCode.INSUFFICIENT_CREDITS, "").had_no_effect
    assert RowLocked(ErrorCode.SEAT_UNAVAILABLE, "").had_no_effect
    assert Unreachable("order-service").had_no_effect
    assert not AppError(ErrorCode.SERVICE_UNAVAILABLE, "").had_no_effect
    assert not AppError(ErrorCode.INTERNAL_ERROR, "").had_no_effect
