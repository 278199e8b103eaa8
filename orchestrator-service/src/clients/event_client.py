"""The event service: what an event is called, when and where it is, what its seats cost."""

import threading
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from cachetools import TTLCache
from pydantic import BaseModel

from common.clients import HttpClient

_CACHE_SECONDS = 5


class Event(BaseModel):
    """What the sagas need of an event."""

    event_id: UUID
    name: str
    hall_id: str
    event_date: datetime
    pricing_tiers: dict[str, Decimal]


class EventClient:
    """Internal calls to the event service; an event is remembered for seconds."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self._cache: TTLCache[UUID, Event] = TTLCache(maxsize=1000, ttl=_CACHE_SECONDS)
        self._lock = threading.Lock()

    def get(self, event_id: UUID) -> Event:
        """Raises EVENT_NOT_FOUND."""
        with self._lock:
            cached = self._cache.get(event_id)
        if cached is not None:
            return cached
        event = Event(**self._http.get(f"/events/{event_id}", seats="false"))
        with self._lock:
            self._cache[event_id] = event
        return event

    def ping(self) -> None:
        """Raises AppError where the service is not healthy."""
        self._http.get_envelope("/health")
