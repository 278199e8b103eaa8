"""The tickets one owns, and their codes."""

import io
from datetime import datetime, timezone
from typing import Literal

import segno
from flask import Blueprint, Response, request
from pydantic import BaseModel, Field

from common.auth import Access, Caller
from common.encoding import dumps
from common.endpoint import endpoint
from common.errors import AppError, ErrorCode
from common.fields import Answer

from ..clients.event_client import EventClient
from ..clients.inventory_client import InventoryClient, Seat
from ..utils.qr_util import CODE_LIVES, QrCodec
from .shapes import QrPayload, SeatId, Ticket, TicketEvent

_JSON, _SVG, _PNG = "application/json", "image/svg+xml", "image/png"
_MODULE_PIXELS = 6
_PICTURES = {
    _SVG: {"schema": {"type": "string"}},
    _PNG: {"schema": {"type": "string", "format": "binary"}},
}


class PictureQuery(BaseModel):
    """In which form the code is wanted; without it, as the header Accept says."""

    format: Literal["json", "svg", "png"] | None = None


class TicketCode(Answer):
    """A fresh code, and how long it opens the gate."""

    qr_payload: QrPayload
    generated_at: datetime
    expires_at: datetime
    ttl_seconds: int = Field(examples=[60])


def tickets_blueprint(inventory: InventoryClient, events: EventClient, qr: QrCodec) -> Blueprint:
    """The endpoints below /api/tickets."""
    routes = Blueprint("tickets", __name__)

    @routes.get("/api/tickets")
    @endpoint(access=Access.CUSTOMER, returns=list[Ticket])
    def list_tickets(caller: Caller) -> list[Ticket]:
        """Every seat the caller owns, newest purchase first."""
        return [_ticket(seat, events) for seat in inventory.seats_of(caller.user_id)]

    @routes.get("/api/tickets/<seat_id>/qr")
    @endpoint(
        access=Access.CUSTOMER,
        query=PictureQuery,
        returns=TicketCode,
        errors=(ErrorCode.NOT_SEAT_OWNER, ErrorCode.SEAT_NOT_FOUND, ErrorCode.SEAT_UNAVAILABLE),
        openapi={"responses": {"200": {"content": _PICTURES}}},
    )
    def ticket_code(seat_id: SeatId, query: PictureQuery, caller: Caller) -> Response:
        """A fresh code for a seat the caller owns, as JSON or as a picture (`format`, Accept)."""
        seat = _owned(inventory.seat(seat_id), caller)
        made = datetime.now(timezone.utc).replace(microsecond=0)
        hall_id = events.get(seat.event_id).hall_id
        payload = qr.generate_qr(seat_id, caller.user_id, hall_id, made)
        code = TicketCode(
            qr_payload=payload,
            generated_at=made,
            expires_at=made + CODE_LIVES,
            ttl_seconds=int(CODE_LIVES.total_seconds()),
        )
        return _in_form(code, query.format)

    return routes


def _owned(seat: Seat, caller: Caller) -> Seat:
    if seat.owner_user_id is not None and seat.owner_user_id != caller.user_id:
        raise AppError(ErrorCode.NOT_SEAT_OWNER, "This seat is not yours.")
    if seat.status != "SOLD":
        raise AppError(
            ErrorCode.SEAT_UNAVAILABLE,
            "Only a seat that is sold and not checked in has a code.",
            status=seat.status,
        )
    return seat


def _in_form(code: TicketCode, form: str | None) -> Response:
    wanted = {"json": _JSON, "svg": _SVG, "png": _PNG}.get(form)
    kind = wanted or request.accept_mimetypes.best_match([_JSON, _SVG, _PNG], default=_JSON)
    body = (
        dumps({"success": True, "data": code}).encode() if kind == _JSON else _picture(code, kind)
    )
    return Response(body, mimetype=kind, headers={"Cache-Control": "no-store", "Vary": "Accept"})


def _picture(code: TicketCode, kind: str) -> bytes:
    picture = io.BytesIO()
    segno.make_qr(code.qr_payload).save(
        picture, kind="svg" if kind == _SVG else "png", scale=_MODULE_PIXELS
    )
    return picture.getvalue()


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
