"""The events of Stripe that concern us, and what they say of a payment."""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AliasChoices, BaseModel, BeforeValidator, Field

_CURRENCY = "sgd"


def _from_cents(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("must be a whole number of cents")
    return Decimal(value).scaleb(-2)


def _id_of(value: Any) -> Any:
    return value.get("id") if isinstance(value, dict) else value  # Stripe may send it expanded


Cents = Annotated[Decimal, BeforeValidator(_from_cents), Field(max_digits=10, decimal_places=2)]
# PostgreSQL has no text with NUL
Text = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00]+$")]
IntentId = Annotated[Text, BeforeValidator(_id_of)]


class PaymentEvent(BaseModel):
    """What an event says of one payment, as totals; `intent_id` is None where it does not."""

    event_id: str
    type: str
    intent_id: str | None = None
    user_id: UUID | None = None
    received: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    disputed: Decimal = Decimal(0)


class _Data(BaseModel):
    object: dict[str, Any]


class _Envelope(BaseModel):
    id: Text
    type: Text
    data: _Data


class _Metadata(BaseModel):
    user_id: UUID


class _Intent(BaseModel):
    id: IntentId
    received: Cents = Field(validation_alias=AliasChoices("amount_received", "amount"))
    currency: Literal["sgd"]
    metadata: _Metadata


class _Charge(BaseModel):
    payment_intent: IntentId
    amount_refunded: Cents
    currency: Literal["sgd"]


class _Dispute(BaseModel):
    payment_intent: IntentId
    amount: Cents
    currency: Literal["sgd"]


def _succeeded(found: dict[str, Any]) -> dict[str, Any]:
    intent = _Intent.model_validate(found)
    return {
        "intent_id": intent.id,
        "user_id": intent.metadata.user_id,
        "received": intent.received,
    }


def _refunded(found: dict[str, Any]) -> dict[str, Any]:
    charge = _Charge.model_validate(found)
    return {"intent_id": charge.payment_intent, "refunded": charge.amount_refunded}


def _disputed(found: dict[str, Any]) -> dict[str, Any]:
    dispute = _Dispute.model_validate(found)
    return {"intent_id": dispute.payment_intent, "disputed": dispute.amount}


_OURS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "payment_intent.succeeded": _succeeded,
    "payment.succeeded": _succeeded,
    "charge.refunded": _refunded,
    "charge.dispute.created": _disputed,
}


def read(event: Any) -> PaymentEvent:
    """What the event says; raises ValidationError where it is none or lacks what it should have."""
    envelope = _Envelope.model_validate(event)
    found, understand = envelope.data.object, _OURS.get(envelope.type)
    ours = understand is not None and _is_a_topup(found, envelope.type)
    return PaymentEvent(
        event_id=envelope.id, type=envelope.type, **(understand(found) if ours else {})
    )


def _is_a_topup(found: dict[str, Any], event_type: str) -> bool:
    """Whether it is a payment that we began: the account may take others, of other shapes."""
    if event_type in ("payment_intent.succeeded", "payment.succeeded"):
        return "user_id" in (found.get("metadata") or {})
    return found.get("payment_intent") is not None and found.get("currency") == _CURRENCY
