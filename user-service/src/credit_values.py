"""Plain values of credits: what callers send in, and what leaves a transaction."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field, StrictBool, model_validator

from common.fields import Amount, Answer, Body, Money, PageQuery, PositiveAmount, with_example

from . import demo
from .models.credit_ledger import LedgerKind
from .values import ReferenceId, UserId

OtherUserId = Annotated[UUID, Field(examples=[demo.OTHER_BUYER])]
TransferId = Annotated[UUID, Field(examples=[demo.TRANSFER])]


class CreditCall(Body):
    """Charges or freezes an amount under a reference, or undoes that; once per reference."""

    user_id: UserId
    amount: Amount
    reference_id: ReferenceId


class RefundCall(CreditCall):
    """Gives back what `user_id` was charged, to him or to `to_user_id`."""

    to_user_id: UUID | None = None


class TransferCall(Body):
    """Moves an amount from one user to another under a reference, once.

    What is frozen under `freeze_id` goes with it; the payer's balance pays the rest.
    """

    from_user_id: UserId
    to_user_id: OtherUserId
    amount: Amount
    reference_id: TransferId
    freeze_id: UUID | None = None


class TransferStart(TransferCall):
    """Begins a transfer; one that is held back waits until it is completed or undone."""

    hold_back: StrictBool = False

    model_config = with_example(
        from_user_id=demo.BUYER,
        to_user_id=demo.OTHER_BUYER,
        amount=350.00,
        reference_id=demo.TRANSFER,
        hold_back=True,
    )

    @model_validator(mode="after")
    def _from_a_freeze_only_later(self) -> "TransferStart":
        if self.freeze_id is not None and not self.hold_back:
            raise ValueError("freeze_id needs hold_back")
        return self


class GrantCall(Body):
    """Gives credits, once for each `grant_id`."""

    user_id: UserId
    amount: PositiveAmount
    reason: str = Field(min_length=1, max_length=200, examples=["A present"])
    grant_id: ReferenceId


class Booking(Answer):
    """The entry that was booked (now or before), and what the user can spend now."""

    user_id: UserId
    credit_balance: Money
    entry_id: UUID


class Frozen(Booking):
    """The same, and what is frozen under the reference now."""

    frozen: Money


class LedgerQuery(PageQuery):
    """Whose movements."""

    user_id: UserId


class LedgerLine(Answer):
    """One movement of credits; `amount` is signed."""

    entry_id: UUID
    kind: LedgerKind
    amount: Money
    balance_after: Money
    reference_id: ReferenceId
    created_at: datetime
