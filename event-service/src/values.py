"""What the service takes and answers."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel

from common.fields import Answer, Money


class EventQuery(BaseModel):
    """Whether the answer has the seat map."""

    seats: bool = True


class VenueOut(Answer):
    """Where an event is."""

    venue_id: UUID
    name: str
    address: str


class EventOut(Answer):
    """An event without what changes with every sale."""

    event_id: UUID
    name: str
    venue: VenueOut
    hall_id: str
    event_date: datetime
    total_seats: int
    pricing_tiers: dict[str, Money]


class ListedEvent(EventOut):
    """An event in the list."""

    available_seats: int


class SeatOut(Answer):
    """A seat in the seat map; `price` is null where its category has none."""

    seat_id: UUID
    row_number: str
    seat_number: int
    status: Literal["AVAILABLE", "HELD", "SOLD", "CHECKED_IN"]
    category: str
    price: Money | None


class EventWithSeats(ListedEvent):
    """An event and every seat of it, ordered by row and number."""

    seats: list[SeatOut]
