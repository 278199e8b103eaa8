"""The tickets one owns."""

from flask import Blueprint

from common.auth import Access, Caller
from common.endpoint import endpoint

from ..clients.event_client import EventClient
from ..clients.inventory_client import InventoryClient, Seat
from .shapes import Ticket, TicketEvent


def tickets_blueprint(inventory: InventoryClient, events: EventClient) -> Blueprint:
    """The endpoints below /api/tickets."""
    routes = Blueprint("tickets", __name__)

    @routes.get("/api/tickets")
    @endpoint(access=Access.CUSTOMER, returns=list[Ticket])
    def list_tickets(caller: Caller) -> list[Ticket]:
        """Every seat the caller owns, newest purchase first."""
        return [_ticket(seat, events) for seat in inventory.seats_of(caller.user_id)]

    return routes


def _ticket(seat: Seat, events: EventClient) -> Ticket:
    event = events.get(seat.event_id)
    return Ticket(
        seat_id=seat.seat_id,
        event=TicketEvent.model_validate(event),
        row_number=seat.row_number,
        seat_number=seat.seat_number,
        status=seat.status,
        price_paid=seat.price_paid,
        purchased_at=seat.purchased_at,
    )
