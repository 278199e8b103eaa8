"""What the service takes and answers."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from common.fields import Answer, Money

# the examples are of seed.sql
EventId = Annotated[UUID, Field(examples=["20000000-0000-4000-8000-000000000001"])]
VenueId = Annotated[UUID, Field(examples=["10000000-0000-4000-8000-000000000001"])]
SeatId = Annotated[UUID, Field(examples=["40000000-0000-4000-8000-000000000001"])]


class EventQuery(BaseModel):
    """Whether the answer has the seat map."""

    seats: bool = True


class VenueOut(Answer):
    """Where an event is."""

    venue_id: VenueId
    name: str = Field(examples=["Singapore Indoor Stadium"])
    address: str = Field(examples=["2 Stadium Walk, Singapore 397691"])


class EventOut(Answer):
    """An event without what changes with every sale."""

    event_id: EventId
    name: str = Field(examples=["An Evening of Strings"])
    venue: VenueOut
    hall_id: str = Field(examples=["HALL-A"])
    event_date: datetime
    total_seats: int = Field(examples=[24])
    pricing_tiers: dict[str, Money] = Field(examples=[{"CAT1": 350.00, "CAT2": 200.00}])


class ListedEvent(EventOut):
    """An event in the list."""

    available_seats: int = Field(examples=[24])


class SeatOut(Answer):
    """A seat in the seat map; `price` is null where its category has none."""

    seat_id: SeatId
    row_number: str = Field(examples=["A"])
    seat_number: int = Field(examples=[1])
    status: Literal["AVAILABLE", "HELD", "SOLD", "CHECKED_IN"]
    category: str = Field(examples=["CAT1"])
    price: Money | None


class EventWithSeats(ListedEvent):
    """An event and every seat of it, ordered by row and number."""

    seats: list[SeatOut]
