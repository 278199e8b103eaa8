"""Plain values of the audit: which records it asks for, and what it is told of a seat's sale."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator

from common.fields import Answer, Body, with_example

from . import demo
from .values import OrderId, SeatId, UserId

MOST_IDS = 1000
Ids = Annotated[list[UUID], Field(max_length=MOST_IDS, examples=[[demo.ORDER]])]


class Stretch(Body):
    """`limit` records in the order of their IDs, from after `after` on; or those of `ids`."""

    after: UUID | None = None
    limit: int | None = Field(None, ge=1, le=MOST_IDS, strict=True)
    ids: Ids | None = None

    model_config = with_example(limit=250)

    @model_validator(mode="after")
    def _one_of_both(self) -> "Stretch":
        if (self.limit is None) == (self.ids is None):
            raise ValueError("give either limit or ids")
        return self


class SalesStretch(Stretch):
    """Seats, up to and with `until`."""

    until: UUID | None = None


class SomeIds(Body):
    """IDs of whatever it may be."""

    ids: Ids


class UnknownIds(Answer):
    """Those that nothing here is known by."""

    ids: list[UUID]


class SoldOrder(Answer):
    """A CONFIRMED order and the end of its chain of completed transfers: who owns its seat."""

    order_id: OrderId
    owner_user_id: UserId


class SeatSale(Answer):
    """What is known of a seat's sale at one instant.

    `at_work`: whether a saga is, on any order or transfer of the seat. `version` grows with each
    saga that begins on one, so that two equal answers mean that nothing happened between them.
    """

    seat_id: SeatId
    version: int
    at_work: bool
    confirmed: list[SoldOrder]
