"""Scenario 3: one scan at a gate, one verdict, one person in per ticket (contract.md, Scan)."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

from pydantic import AwareDatetime, BaseModel, ValidationError

from common.errors import AppError, ErrorCode

from ..clients.event_client import Event, EventClient
from ..clients.gate_client import GateClient, Scan, Ticket
from ..clients.order_client import OrderClient
from ..clients.user_client import UserClient
from ..utils.qr_util import CODE_LIVES, QrCodec
from .parallel import all_of

log = logging.getLogger(__name__)

_CLOCKS_DIFFER = timedelta(seconds=5)
# A seat can change between the look at it and the check-in; each time it is judged anew.
_MOST_LOOKS = 3
_OVERTAKEN = (ErrorCode.SEAT_UNAVAILABLE, ErrorCode.NOT_SEAT_OWNER, ErrorCode.SEAT_NOT_FOUND)


class Code(BaseModel):
    """What a decrypted code says."""

    seat_id: UUID
    user_id: UUID
    hall_id: str
    generated_at: AwareDatetime


@dataclass(frozen=True)
class Facts:
    """What the services say about a code's seat."""

    ticket: Ticket
    is_paid: bool
    event: Event | None
    owner: dict[str, Any] | None


@dataclass(frozen=True)
class Verdict:
    """What became of a scan; `facts` for the sentence that goes with it."""

    result: str
    seat_id: UUID
    facts: Facts


class VerificationOrchestrator:
    """Judges codes at the gates and lets their owners in."""

    def __init__(
        self,
        users: UserClient,
        orders: OrderClient,
        events: EventClient,
        gate: GateClient,
        qr: QrCodec,
    ) -> None:
        self._users = users
        self._orders = orders
        self._events = events
        self._gate = gate
        self._qr = qr

    def verify(
        self, staff_id: UUID, qr_payload: str, hall_id: str, scan_id: UUID | None
    ) -> Verdict:
        """Judge a code at the hall's gate and let its owner in, once.

        The same `scan_id` is answered the same again. Raises QR_INVALID; SERVICE_UNAVAILABLE where
        nobody can tell, and the scan can be repeated.
        """
        scan = Scan(scan_id or uuid4(), staff_id, hall_id)
        try:
            code = self._read(qr_payload)
        except AppError:
            self._book_refusal(None, "INVALID", scan)
            raise
        for _ in range(_MOST_LOOKS):
            facts = self._look_up(code, scan)
            result = _booked_before(code, facts.ticket) or _judge(code, hall_id, facts)
            if facts.ticket.earlier is None:
                result = self._book(code, result, scan, facts)
            if result is not None:
                return Verdict(result, code.seat_id, facts)
        raise AppError(ErrorCode.SERVICE_UNAVAILABLE, "This ticket is changing: scan it again.")

    def _read(self, qr_payload: str) -> Code:
        try:
            return Code(**self._qr.decrypt_qr(qr_payload))
        except (ValidationError, TypeError) as error:
            raise AppError(ErrorCode.QR_INVALID, "This is not a ticket of ours.") from error

    def _look_up(self, code: Code, scan: Scan) -> Facts:
        answers = all_of(
            lambda: self._ticket_and_event(code, scan),
            lambda: self._orders.page(seat_id=code.seat_id, status="CONFIRMED", per_page=1),
            lambda: self._user(code.user_id),
        )
        for answer in answers:
            if isinstance(answer, AppError):
                raise answer
        (ticket, event), orders, owner = answers
        if ticket.owner_user_id not in (None, code.user_id):
            owner = self._user(ticket.owner_user_id)
        is_paid = str(ticket.order_id) in [order["order_id"] for order in orders["data"]]
        return Facts(ticket, is_paid, event, owner if ticket.owner_user_id else None)

    def _ticket_and_event(self, code: Code, scan: Scan) -> tuple[Ticket, Event | None]:
        ticket = self._gate.ticket(code.seat_id, scan.scan_id)
        return ticket, self._events.get(ticket.event_id) if ticket.event_id else None

    def _user(self, user_id: UUID) -> dict[str, Any] | None:
        try:
            return self._users.get(user_id)
        except AppError as error:
            if error.code is ErrorCode.USER_NOT_FOUND:
                return None
            raise

    def _book(self, code: Code, result: str, scan: Scan, facts: Facts) -> str | None:
        """What the scan is booked as; None where the seat has changed under it."""
        hall_expected = facts.event.hall_id if facts.event else None
        if result != "SUCCESS":
            return self._book_refusal(code.seat_id, result, scan, hall_expected)
        try:
            return self._gate.check_in(facts.ticket, code.seat_id, scan, hall_expected).result
        except AppError as error:
            if error.code in _OVERTAKEN:
                return None
            raise

    def _book_refusal(
        self, seat_id: UUID | None, result: str, scan: Scan, hall_expected: str | None = None
    ) -> str:
        """What the scan is booked as; a booking that fails holds nobody up."""
        try:
            return self._gate.log_refusal(seat_id, result, scan, hall_expected).result
        except AppError as error:
            log.warning("scan is not booked", extra={"result": result, "reason": str(error)})
            return result


def _booked_before(code: Code, ticket: Ticket) -> str | None:
    """The result this scan_id is booked with; raises VALIDATION_ERROR if for another seat."""
    if ticket.earlier is None:
        return None
    if ticket.earlier.seat_id != code.seat_id:
        raise AppError(
            ErrorCode.VALIDATION_ERROR,
            "scan_id belongs to the scan of another ticket: make a new one for each scan.",
            fields={"scan_id": "is taken"},
        )
    return ticket.earlier.result


def _judge(code: Code, hall_id: str, facts: Facts) -> str:
    """The outcome, tested in the contract's order."""
    ticket, age = facts.ticket, datetime.now(timezone.utc) - code.generated_at
    if not -_CLOCKS_DIFFER <= age <= CODE_LIVES:
        return "EXPIRED"
    if ticket.status in (None, "AVAILABLE"):
        return "NOT_FOUND"
    if ticket.status == "HELD" or not facts.is_paid:
        return "UNPAID"
    if ticket.owner_user_id != code.user_id:
        return "NOT_OWNER"
    if {code.hall_id, hall_id} != {facts.event.hall_id}:
        return "WRONG_HALL"
    return "DUPLICATE" if ticket.status == "CHECKED_IN" else "SUCCESS"
