"""Events: the list and the single one; their seats are asked of the inventory."""

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import func, select

from common.database import Database
from common.errors import AppError, ErrorCode
from common.fields import Page, PageQuery

from ..clients.inventory_client import InventoryClient, Seat
from ..models.event import Event
from ..values import EventOut, ListedEvent
from .fresh_cache import FreshCache

# Half of the second within which a change must show, so that the way there and back fits in too.
FRESH_SECONDS = 0.5
_EVENT_SECONDS = 5
_PAGES_KEPT = 64
_EVENTS_KEPT = 1000


class EventService:
    """Reads only; every answer may be a moment old (the constants above)."""

    def __init__(self, database: Database, inventory: InventoryClient) -> None:
        self._database = database
        self._inventory = inventory
        self._pages: FreshCache[Page[ListedEvent]] = FreshCache(FRESH_SECONDS, _PAGES_KEPT)
        self._events: FreshCache[EventOut] = FreshCache(_EVENT_SECONDS, _EVENTS_KEPT)

    def page(self, query: PageQuery) -> Page[ListedEvent]:
        """One page of all events, the earliest first, with the seats that are free."""
        return self._pages.get((query.page, query.per_page), lambda: self._read_page(query))

    def event(self, event_id: UUID) -> EventOut:
        """Raises EVENT_NOT_FOUND."""
        return self._events.get(event_id, lambda: self._read_event(event_id))

    def seats_of(self, event_id: UUID) -> list[Seat]:
        """Every seat of the event as it stands now, ordered by row and number."""
        return self._inventory.seats_of(event_id)

    def _read_page(self, query: PageQuery) -> Page[ListedEvent]:
        in_order = (
            select(Event)
            .order_by(Event.event_date, Event.event_id)
            .offset(query.offset)
            .limit(query.per_page)
        )
        with self._database.transaction() as session:
            total = session.scalar(select(func.count()).select_from(Event)) or 0
            events = [EventOut.model_validate(event) for event in session.scalars(in_order)]
        return Page(self._with_free_seats(events), total, query)

    def _with_free_seats(self, events: Iterable[EventOut]) -> list[ListedEvent]:
        ids = [event.event_id for event in events]
        free = self._inventory.count_available(ids) if ids else {}
        return [
            ListedEvent(**dict(event), available_seats=free.get(event.event_id, 0))
            for event in events
        ]

    def _read_event(self, event_id: UUID) -> EventOut:
        with self._database.transaction() as session:
            event = session.get(Event, event_id)
            if event is None:
                raise AppError(ErrorCode.EVENT_NOT_FOUND, "There is no such event.")
            return EventOut.model_validate(event)
