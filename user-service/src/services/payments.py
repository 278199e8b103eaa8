"""Stripe, as far as we use it: payments are begun here, and told of by signed events."""

import logging
from typing import Any

import stripe
from pydantic import ValidationError
from stripe import StripeClient, StripeError, WebhookSignature

from common import encoding
from common.errors import AppError, ErrorCode

from ..values import Topup, TopupCall
from .stripe_events import PaymentEvent, read

log = logging.getLogger(__name__)

CURRENCY = "sgd"
# To connect and to be answered, in seconds; together below the 5 s after which a caller must know.
_TIMEOUT = (1.0, 3.0)
_SIGNATURE_LIVES_SECONDS = 300
# what only another request can put right
_CALLERS_FAULT = ("amount_too_small", "amount_too_large")
_AT_WORK = "idempotency_key_in_use"


class Payments:
    """One account with Stripe; safe to share between threads."""

    def __init__(self, secret_key: str, webhook_secret: str, api_base: str | None) -> None:
        self._webhook_secret = webhook_secret
        self._client = StripeClient(
            secret_key,
            base_addresses={"api": api_base} if api_base else None,
            http_client=stripe.RequestsClient(timeout=_TIMEOUT),
            max_network_retries=0,  # a second try would not fit into the time
        )

    def begin(self, call: TopupCall) -> Topup:
        """A new payment, or the one that this user's idempotency key began.

        Raises SERVICE_UNAVAILABLE within 5 s, and VALIDATION_ERROR for what Stripe does not take.
        """
        wanted = {
            "amount": int(call.amount * 100),
            "currency": CURRENCY,
            "metadata": {"user_id": str(call.user_id)},
        }
        # keys are one namespace for the whole account
        key = call.idempotency_key and f"{call.user_id}:{call.idempotency_key}"
        options = {"idempotency_key": key} if key else {}
        try:
            intent = self._client.v1.payment_intents.create(wanted, options)
            return Topup(
                client_secret=intent.client_secret, payment_intent_id=intent.id, amount=call.amount
            )
        except (StripeError, AttributeError, ValidationError) as error:
            raise _refusal(error) from error

    def read_event(self, raw: bytes, signature: str | None) -> PaymentEvent:
        """What a webhook tells; raises VALIDATION_ERROR where it is not Stripe who tells it."""
        try:
            WebhookSignature.verify_header(
                raw, signature, self._webhook_secret, _SIGNATURE_LIVES_SECONDS
            )
            return read(encoding.loads(raw))
        except (StripeError, UnicodeDecodeError) as error:
            raise AppError(
                ErrorCode.VALIDATION_ERROR, "The signature is missing, wrong or too old."
            ) from error
        except (ValidationError, ValueError) as error:
            log.error("a signed event of Stripe could not be read", exc_info=error)
            raise AppError(ErrorCode.VALIDATION_ERROR, "The event cannot be read.") from error


def _refusal(error: Any) -> AppError:
    code, kind = getattr(error, "code", None), type(error).__name__
    log.warning("Stripe began no payment", extra={"kind": kind, "stripe_code": code})
    if isinstance(error, stripe.IdempotencyError) and code != _AT_WORK:
        return AppError(
            ErrorCode.VALIDATION_ERROR,
            "This idempotency key began another payment.",
            fields={"Idempotency-Key": "is taken"},
        )
    if isinstance(error, stripe.CardError) or code in _CALLERS_FAULT:
        return AppError(ErrorCode.VALIDATION_ERROR, error.user_message or "Stripe refuses this.")
    return AppError(ErrorCode.SERVICE_UNAVAILABLE, "Payments cannot be taken right now: try again.")
