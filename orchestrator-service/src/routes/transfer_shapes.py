"""What the public API takes and answers about transfers; see contract.md, section 1."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from pydantic import Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from common.fields import Amount, Answer, CallerBody, Money, PageQuery, with_example

from .. import demo
from .shapes import OtpCode, Reason, SeatId, Sentence, UserId

TransferId = Annotated[UUID, Field(examples=[demo.TRANSFER])]
OtherUserId = Annotated[UUID, Field(examples=[demo.OTHER_BUYER])]
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
            "example": "user3@example.com",
        }
    ),
]


class InitiateBody(CallerBody):
    """The seat, the two parties (the caller is one of them) and the price, 0 for a gift."""

    seat_id: SeatId
    seller_user_id: UserReference
    buyer_user_id: UserReference
    credits_amount: Amount

    model_config = with_example(
        seat_id=demo.SEAT,
        seller_user_id=demo.BUYER,
        buyer_user_id="user3@example.com",
        credits_amount=350.00,
    )


class TransferBody(CallerBody):
    """The transfer that is meant."""

    transfer_id: TransferId


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

    transfer_id: TransferId
    status: TransferStatus


class InitiatedTransfer(TransferState):
    """A transfer that waits for both parties' codes."""

    seat_id: SeatId
    message: Sentence


class ConfirmedTransfer(TransferState):
    """What became of a confirm; PENDING_OTP (202) while the swap is being completed."""

    seat_id: SeatId
    new_owner_user_id: OtherUserId
    credits_transferred: Money
    message: Sentence


class DisputedTransfer(TransferState):
    """A transfer that is disputed, or was."""

    message: Sentence


class ReversedTransfer(TransferState):
    """What became of a reverse; DISPUTED (202) while it is being completed."""

    seat_id: SeatId
    restored_owner_user_id: UserId
    credits_returned: Money
    message: Sentence


class TransferView(TransferState):
    """A transfer as its parties see it.

    The ledger names credits that moved by `transfer_id`, those frozen by `dispute_id`, and those of
    a reversal by `reversal_id`.
    """

    seat_id: SeatId
    seller_user_id: UserId
    buyer_user_id: OtherUserId
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
