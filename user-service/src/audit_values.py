"""Plain values of the audit: what it asks for, and what it is told of balances and the ledger."""

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import Field, WithJsonSchema

from common.fields import Answer, Body, Money, with_example

from . import demo
from .models.credit_ledger import LedgerKind
from .values import ReferenceId, UserId

MOST_IDS = 1000
# a sum of many amounts, which no column has to hold
Sum = Annotated[Decimal, WithJsonSchema({"type": "number", "example": 350.00})]


class Stretch(Body):
    """The first `limit` in the order of their IDs, from after `after` on."""

    after: UUID | None = None
    limit: int = Field(ge=1, le=MOST_IDS, strict=True)

    model_config = with_example(limit=250)


class SomeReferences(Body):
    """Orders, transfers, disputes, reversals."""

    reference_ids: list[UUID] = Field(max_length=MOST_IDS, examples=[[demo.ORDER]])


class UserSums(Answer):
    """What a user has, and what ledger and open freezes say of it, at one instant."""

    user_id: UserId
    credit_balance: Sum
    ledger_sum: Sum
    frozen_credits: Sum
    open_freezes: Sum


class BookedEntry(Answer):
    """One movement of credits; `amount` is signed."""

    entry_id: UUID
    reference_id: ReferenceId
    user_id: UserId
    kind: LedgerKind
    amount: Money


class BookedReference(Answer):
    """What the ledger has under a reference.

    `moves_credits`: whether charges, refunds, transfers and freezes under it leave somebody with
    more or less than before.
    """

    reference_id: ReferenceId
    entries: int
    moves_credits: bool
