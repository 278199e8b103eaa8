"""What Stripe may answer when a payment is begun, and what is made of it."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import pytest

from common.errors import AppError
from src.services.payments import Payments
from src.values import TopupCall

from .scripted import Scripted, scripted


@pytest.fixture
def stripe() -> Iterator[Scripted]:
    with scripted() as server:
        yield server


@pytest.fixture
def payments(stripe: Scripted) -> Payments:
    return Payments("sk_test_1", "whsec_1", stripe.url)


def call(**given: Any) -> TopupCall:
    return TopupCall(user_id=uuid4(), amount=10.25, **given)


def test_a_payment_is_begun_as_documented(stripe: Scripted, payments: Payments) -> None:
    stripe.answers({"id": "pi_1", "object": "payment_intent", "client_secret": "pi_1_secret_2"})
    wanted = call(idempotency_key="mine")
    topup = payments.begin(wanted)
    assert (topup.payment_intent_id, topup.client_secret) == ("pi_1", "pi_1_secret_2")
    assert "pi_1_secret_2" not in repr(topup)
    (seen,) = stripe.seen
    assert seen.path == "/v1/payment_intents"
    assert seen.headers["Authorization"] == "Bearer sk_test_1"
    assert seen.headers["Idempotency-Key"] == f"{wanted.user_id}:mine"
    assert parse_qs(seen.body.decode()) == {
        "amount": ["1025"],
        "currency": ["sgd"],
        "metadata[user_id]": [str(wanted.user_id)],
    }


def test_the_same_key_of_two_users_is_two_keys(stripe: Scripted, payments: Payments) -> None:
    stripe.answers({"id": "pi_1", "object": "payment_intent", "client_secret": "pi_1_secret_2"})
    for _ in range(2):
        payments.begin(call(idempotency_key="mine"))
    first, second = [seen.headers["Idempotency-Key"] for seen in stripe.seen]
    assert first != second


def _error(kind: str, code: str | None = None) -> dict[str, Any]:
    return {"error": {"type": kind, "code": code, "message": "Stripe's own sentence."}}


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        (_error("idempotency_error"), 400, "VALIDATION_ERROR"),
        (_error("invalid_request_error", "amount_too_small"), 400, "VALIDATION_ERROR"),
        (_error("card_error", "card_declined"), 402, "VALIDATION_ERROR"),
        (_error("idempotency_error", "idempotency_key_in_use"), 409, "SERVICE_UNAVAILABLE"),
        (_error("invalid_request_error", "parameter_unknown"), 400, "SERVICE_UNAVAILABLE"),
        (_error("invalid_request_error"), 401, "SERVICE_UNAVAILABLE"),
        (_error("invalid_request_error", "rate_limit"), 429, "SERVICE_UNAVAILABLE"),
        (_error("api_error"), 500, "SERVICE_UNAVAILABLE"),
        (b"<html>Bad Gateway</html>", 502, "SERVICE_UNAVAILABLE"),
        (b"<html>oops</html>", 200, "SERVICE_UNAVAILABLE"),
        (b"", 200, "SERVICE_UNAVAILABLE"),
        (b"[]", 200, "SERVICE_UNAVAILABLE"),
        ({}, 200, "SERVICE_UNAVAILABLE"),
        ({"id": "pi_1", "object": "payment_intent"}, 200, "SERVICE_UNAVAILABLE"),
        ({"id": "pi_1", "client_secret": None}, 200, "SERVICE_UNAVAILABLE"),
    ],
)
def test_anything_else_is_a_refusal_with_a_code(
    stripe: Scripted, payments: Payments, answer: Any, status: int, code: str
) -> None:
    stripe.answers(answer, status)
    with pytest.raises(AppError) as refused:
        payments.begin(call())
    assert refused.value.code == code
    assert len(stripe.seen) == 1
