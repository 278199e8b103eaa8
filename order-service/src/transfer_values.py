"""Plain values of transfers: what leaves a transaction, what callers send in."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID, uuid4

from pydantic import Field, StringConstraints, model_validator

from common.fields import Amount, Answer, Body, Money, PageQuery, with_example

from . import demo
from .models.transfer import TransferParty, TransferStatus
from .values import Driver, OrderId, Reason, SagaVersion, SeatId, StepName, UserId

TransferId = Annotated[UUID, Field(examples=[demo.TRANSFER])]
OtherUserId = Annotated[UUID, Field(examples=[demo.OTHER_BUYER])]
VerificationSid = Annotated[str, StringConstraints(min_length=1, max_length=200)]

_SIDS = {"seller_verification_sid", "buyer_verification_sid"}
_VERIFIED = {"seller_otp_verified", "buyer_otp_verified"}


class TransferRecord(Answer):
    """A transfer with its journal."""

    transfer_id: TransferId
    order_id: OrderId
    seat_id: SeatId
    seller_user_id: UserId
    buyer_user_id: OtherUserId
    initiated_by: TransferParty
    status: TransferStatus
    failure_reason: str | None
    seller_otp_verified: bool
    buyer_otp_verified: bool
    credits_amount: Money
    dispute_reason: str | None
    disputed_by: TransferParty | None
    dispute_id: UUID | None
    reversal_id: UUID | None
    dismiss_reason: str | None
    saga: str | None
    saga_step: str | None
    saga_undoing: bool
    saga_version: int
    saga_touched_at: datetime
    created_at: datetime
    completed_at: datetime | None


class NewTransfer(Body):
    """An INITIATED transfer of a sold seat from its owner to another user."""

    transfer_id: TransferId = Field(default_factory=uuid4)
    seat_id: SeatId
    seller_user_id: UserId
    buyer_user_id: OtherUserId
    initiated_by: TransferParty
    credits_amount: Amount

    model_config = with_example(
        transfer_id=demo.TRANSFER,
        seat_id=demo.SEAT,
        seller_user_id=demo.BUYER,
        buyer_user_id=demo.OTHER_BUYER,
        initiated_by="SELLER",
        credits_amount=demo.PRICE,
    )

    @property
    def initiator_user_id(self) -> UUID:
        by_seller = self.initiated_by is TransferParty.SELLER
        return self.seller_user_id if by_seller else self.buyer_user_id


class TransferFilter(PageQuery):
    """Which transfers: each given field must match; `user_id` is either party."""

    seat_id: UUID | None = None
    order_id: UUID | None = None
    user_id: UUID | None = None
    status: TransferStatus | None = None


class TransferChange(Body):
    """One change of a transfer; which one, the fields that are given say:

    - status PENDING_OTP and both verification_sids: the codes were sent;
    - seller_otp_verified, buyer_otp_verified: who has confirmed by his code;
    - one party's verification_sid: his code was sent again;
    - status FAILED and reason: an outsider ends it;
    - status COMPLETED, DISPUTED or FAILED (with reason) and saga_version: the saga's last write.
    """

    status: (
        Literal[
            TransferStatus.PENDING_OTP,
            TransferStatus.COMPLETED,
            TransferStatus.DISPUTED,
            TransferStatus.FAILED,
        ]
        | None
    ) = None
    reason: str | None = Field(None, min_length=1, max_length=50)
    saga_version: SagaVersion | None = None
    seller_verification_sid: VerificationSid | None = None
    buyer_verification_sid: VerificationSid | None = None
    seller_otp_verified: Literal[True] | None = None
    buyer_otp_verified: Literal[True] | None = None

    model_config = with_example(seller_otp_verified=True)

    @property
    def given(self) -> set[str]:
        """The names of the fields that have a value."""
        return set(self.model_dump(exclude_none=True))

    @model_validator(mode="after")
    def _one_change(self) -> "TransferChange":
        if self.given not in self._fields_that_belong_together():
            raise ValueError("these fields do not make one change of a transfer")
        return self

    def _fields_that_belong_together(self) -> list[set[str]]:
        if self.status is None:
            return [_VERIFIED, *({one} for one in sorted(_VERIFIED | _SIDS))]
        if self.status is TransferStatus.PENDING_OTP:
            return [{"status"} | _SIDS]
        if self.status is TransferStatus.FAILED:
            return [{"status", "reason"}, {"status", "reason", "saga_version"}]
        return [{"status", "saga_version"}]


class TransferClaim(Body):
    """Claims the transfer for a saga whose first step is about to begin.

    `driver` is made by the caller, new for each claim. `reason`: why a dispute is dismissed. `by`:
    which party reverses, None for staff.
    """

    driver: Driver
    saga: Literal["confirm", "reverse", "dismiss"]
    step: StepName
    reason: Reason | None = None
    by: TransferParty | None = None

    model_config = with_example(driver=demo.DRIVER, saga="confirm", step="confirm.move_credits")

    @model_validator(mode="after")
    def _reason_belongs_to_dismiss(self) -> "TransferClaim":
        if (self.saga == "dismiss") != (self.reason is not None):
            raise ValueError("a reason is needed for dismiss, and for nothing else")
        return self


class NewDispute(Body):
    """A party disputes a transfer, which claims it for the saga "dispute"."""

    driver: Driver
    step: StepName
    reason: Reason
    disputed_by: TransferParty

    model_config = with_example(
        driver=demo.DRIVER, step="dispute.freeze", reason="Not as agreed", disputed_by="BUYER"
    )
