"""Events over HTTP; public, see contract.md, section 1."""

from flask import Blueprint, Response

from common.auth import Access
from common.endpoint import endpoint
from common.errors import ErrorCode
from common.fields import Page, PageQuery

from ..services.event_service import FRESH_SECONDS, EventService
from ..services.seat_map import event_with_seats_json
from ..values import EventId, EventOut, EventQuery, EventWithSeats, ListedEvent
from .prepared_body import PreparedBodies

_SEAT_MAPS_KEPT = 64
_UNCHANGED = {"304": {"description": "The reader has just that; without a body."}}


def events_blueprint(service: EventService) -> Blueprint:
    """The endpoints below /events."""
    events = Blueprint("events", __name__)
    seat_maps = PreparedBodies(FRESH_SECONDS, _SEAT_MAPS_KEPT)

    @events.get("/events")
    @endpoint(access=Access.PUBLIC, query=PageQuery, returns=Page[ListedEvent])
    def list_events(query: PageQuery) -> Page[ListedEvent]:
        """All events, the earliest first.

        available_seats is right within a second.
        """
        return service.page(query)

    @events.get("/events/<event_id>")
    @endpoint(
        access=Access.PUBLIC,
        query=EventQuery,
        returns=EventWithSeats | EventOut,
        errors=(ErrorCode.EVENT_NOT_FOUND,),
        headers={"If-None-Match": "The ETag of an answer that the reader has."},
        openapi={"responses": _UNCHANGED},
    )
    def get_event(event_id: EventId, query: EventQuery) -> EventOut | Response:
        """One event with its seat map; a change of a seat shows within a second.

        Compressed where the reader takes gzip; with an ETag, and 304 where If-None-Match names it.
        With seats=false the answer has neither `seats` nor `available_seats`, and needs no
        inventory.
        """
        event = service.event(event_id)
        if not query.seats:
            return event
        return seat_maps.answer(
            event_id, lambda: event_with_seats_json(event, service.seats_of(event_id))
        )

    return events
