"""Scans at the gates."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from flask import Blueprint
from pydantic import Field

from common.auth import Access, Caller
from common.endpoint import endpoint
from common.errors import ErrorCode
from common.fields import Answer, CallerBody

from ..clients.event_client import EventClient
from ..clients.gate_client import GateClient
from ..orchestrators.verification_orchestrator import Verdict, VerificationOrchestrator
from .shapes import EventId, HallId, Number, QrPayload, Row, SeatId, Sentence

_MESSAGES = {
    "SUCCESS": "Welcome: let them in.",
    "DUPLICATE": "Already in.",
    "WRONG_HALL": "This ticket is for another hall.",
    "NOT_OWNER": "This ticket belongs to somebody else now.",
    "UNPAID": "This seat is not paid for.",
    "NOT_FOUND": "There is no such ticket.",
    "EXPIRED": "This code is too old: ask for a fresh one.",
}
_LATEST = 50
Outcome = Literal[
    "SUCCESS", "DUPLICATE", "WRONG_HALL", "NOT_OWNER", "UNPAID", "NOT_FOUND", "EXPIRED"
]


class ScanBody(CallerBody):
    """A code as it was read at a hall's gate; `scan_id` is the scanner's own, new for each scan."""

    qr_payload: QrPayload
    hall_id: HallId = Field(min_length=1, max_length=20)
    scan_id: UUID | None = None


class ScanOutcome(Answer):
    """What the gate is to do; `scanned_at` is of the first entry, for DUPLICATE."""

    result: Outcome
    message: Sentence
    seat_id: SeatId
    row_number: Row | None
    seat_number: Number | None
    owner_name: str | None = Field(examples=["Aisha Rahman"])
    scanned_at: datetime | None
    expected_hall: HallId | None


class HallEntries(Answer):
    """How many a hall expects, and has admitted."""

    hall_id: HallId
    expected: int
    admitted: int


class ScannedSeat(Answer):
    """A scan as it is booked; `hall_id` is where it was made."""

    seat_id: SeatId
    row_number: Row
    seat_number: Number
    result: Outcome
    scanned_at: datetime
    hall_id: HallId


class EventEntries(Answer):
    """How the gates of an event stand: `refusals` by result, the latest scans newest first."""

    event_id: EventId
    name: str = Field(examples=["An Evening of Strings"])
    halls: list[HallEntries]
    refusals: dict[Outcome, int] = Field(examples=[{"DUPLICATE": 1}])
    latest: list[ScannedSeat]


def verification_blueprint(
    service: VerificationOrchestrator, gate: GateClient, events: EventClient
) -> Blueprint:
    """The endpoints for staff at the gates."""
    routes = Blueprint("verification", __name__)

    @routes.post("/api/verify")
    @endpoint(
        access=Access.STAFF, body=ScanBody, returns=ScanOutcome, errors=(ErrorCode.QR_INVALID,)
    )
    def verify(body: ScanBody, caller: Caller) -> ScanOutcome:
        """Judge the code of a ticket and let its owner in, once.

        Every outcome but a code that is none of ours is a 200. The same scan_id is answered the
        same again, so that a scanner that lost the answer can ask again.
        """
        return _outcome(service.verify(caller.user_id, body.qr_payload, body.hall_id, body.scan_id))

    @routes.get("/api/events/<event_id>/entries")
    @endpoint(access=Access.STAFF, returns=EventEntries, errors=(ErrorCode.EVENT_NOT_FOUND,))
    def entries(event_id: EventId) -> EventEntries:
        """How many are in, how many were refused and why, and the latest scans.

        Codes that could not be read belong to no event and are not counted.
        """
        event = events.get(event_id)
        report = gate.entries(event_id, _LATEST)
        return EventEntries(
            event_id=event_id,
            name=event.name,
            halls=[
                HallEntries(
                    hall_id=event.hall_id, expected=report.expected, admitted=report.admitted
                )
            ],
            refusals=report.refusals,
            latest=[ScannedSeat.model_validate(scan) for scan in report.latest],
        )

    return routes


def _outcome(verdict: Verdict) -> ScanOutcome:
    facts, result = verdict.facts, verdict.result
    return ScanOutcome(
        result=result,
        message=_MESSAGES[result],
        seat_id=verdict.seat_id,
        row_number=facts.ticket.row_number,
        seat_number=facts.ticket.seat_number,
        owner_name=facts.owner and (facts.owner["full_name"] or _masked(facts.owner["email"])),
        scanned_at=facts.ticket.first_entry_at if result == "DUPLICATE" else None,
        expected_hall=facts.event.hall_id if result == "WRONG_HALL" else None,
    )


def _masked(email: str) -> str:
    name, _, domain = email.partition("@")
    return f"{name[:1]}***@{domain}"
