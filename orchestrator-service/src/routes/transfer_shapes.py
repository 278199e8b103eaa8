"""What the public API takes and answers about transfers; see contract.md, section 1."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from common.fields import Amount, Answer, CallerBody, Money, PageQuery

from .shapes import OtpCode, Reason

TransferStatus = Literal["INITIATED", "PENDING_OTP", "COMPLETED", "DISPUTED", "REVERSED", "FAILED"]


def _user_reference(given: Any) -> UUID | str:
    try:
        if isinstance(given, str) and "@" in given:
            return validate_email(given.strip(), check_deliverability=False).normalized
        return UUID(given)
    except EmailNotValidError as error:
        raise PydanticCustomError("email", "must be a user ID or an e-mail address") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise PydanticCustomError(
            "uuid_parsing", "must be a user ID or an e-mail address"
        ) from error


UserReference = Annotated[
    UUID | str,
    PlainValidator(_user_reference),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "format": "uuid"}, {"type": "string", "format": "email"}],
            "description": "A user ID, or that user's e-mail.",
        }
    ),
]


class InitiateBody(CallerBody):
    """The seat, the two parties (the caller is one of them) and the price, 0 for a gift."""

    seat_id: UUID
    seller_user_id: UserReference
    buyer_user_id: UserReference
    credits_amount: Amount


class TransferBody(CallerBody):
    """The transfer that is meant."""

    transfer_id: UUID


class ConfirmBody(TransferBody):
    """The codes of parties who have not given theirs yet."""

    seller_otp: OtpCode | None = Field(None, repr=False)
    buyer_otp: OtpCode | None = Field(None, repr=False)


class ReasonBody(TransferBody):
    """The transfer that is meant, and why."""

    reason: Reason


class TransferQuery(PageQuery):
    """Which of one's transfers."""

    status: TransferStatus | None = None


class TransferState(Answer):
    """How a transfer stands now."""

    transfer_id: UUID
    status: TransferStatus


class InitiatedTransfer(TransferState):
    """A transfer that waits for both parties' codes."""

    seat_id: UUID
    message: str


class ConfirmedTransfer(TransferState):
    """What became of a confirm; PENDING_OTP (202) while the swap is being completed."""

    seat_id: UUID
    new_owner_user_id: UUID
    credits_transferred: Money
    message: str


class DisputedTransfer(TransferState):
    """A transfer that is disputed, or was."""

    message: str


class ReversedTransfer(TransferState):
    """What became of a reverse; DISPUTED (202) while it is being completed."""

    seat_id: UUID
    restored_owner_user_id: UUID
    credits_returned: Money
    message: str


class TransferView(TransferState):
    """A transfer as its parties see it.

    The ledger names credits that moved by `transfer_id`, those frozen by `dispute_id`, and those of
    a reversal by `reversal_id`.
    """

    seat_id: UUID
    seller_user_id: UUID
    buyer_user_id: UUID
    initiated_by: Literal["SELLER", "BUYER"]
    failure_reason: str | None
    seller_otp_verified: bool
    buyer_otp_verified: bool
    credits_amount: Money
    dispute_reason: str | None
    disputed_by: Literal["SELLER", "BUYER"] | None
    dispute_id: UUID | None
    reversal_id: UUID | None
    created_at: datetime
    completed_at: datetime | None
