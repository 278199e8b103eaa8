"""The inventory service over gRPC, as the gate sees it: tickets, and scans as they are booked."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from inventory_api import inventory_pb2 as pb
from inventory_api import inventory_pb2_grpc

from common.errors import AppError, ErrorCode
from common.rpc import RpcClient

from .inventory_client import SERVICE, utc


@dataclass(frozen=True)
class Scan:
    """One scan at a gate: by whom, where, and under which ID the scanner knows it."""

    scan_id: UUID
    staff_id: UUID
    hall_id: str


@dataclass(frozen=True)
class Entry:
    """A scan as it is booked."""

    seat_id: UUID | None
    result: str
    scanned_at: datetime


@dataclass(frozen=True)
class SeatEntry:
    """A scan as it is booked, and where its seat is."""

    seat_id: UUID
    row_number: str
    seat_number: int
    result: str
    scanned_at: datetime
    hall_id: str


@dataclass(frozen=True)
class EntryReport:
    """How an event's gates stand: seats sold, people in, refusals by result, the latest scans."""

    expected: int
    admitted: int
    refusals: dict[str, int]
    latest: list[SeatEntry]


@dataclass(frozen=True)
class Ticket:
    """What the gate has to know of a seat; `status` is None where there is no such seat."""

    status: str | None
    owner_user_id: UUID | None = None
    event_id: UUID | None = None
    order_id: UUID | None = None
    row_number: str | None = None
    seat_number: int | None = None
    first_entry_at: datetime | None = None
    earlier: Entry | None = None


class GateClient:
    """Calls about scans; each is idempotent by its scan_id."""

    def __init__(self, target: str, internal_token: str) -> None:
        self._rpc = RpcClient(SERVICE, target, inventory_pb2_grpc.InventoryStub, internal_token)

    def ticket(self, seat_id: UUID, scan_id: UUID) -> Ticket:
        """What the gate has to know of the seat, and what that scan is booked as already."""
        request = pb.VerifyTicketRequest(seat_id=str(seat_id), scan_id=str(scan_id))
        try:
            return _ticket(self._rpc.call("VerifyTicket", request))
        except AppError as error:
            if error.code is not ErrorCode.SEAT_NOT_FOUND:
                raise
            return Ticket(status=None)

    def check_in(self, ticket: Ticket, seat_id: UUID, scan: Scan, hall_expected: str) -> Entry:
        """Let the ticket's owner in, once, by that order; a scan is answered as it is booked.

        Raises SEAT_UNAVAILABLE, NOT_SEAT_OWNER, SEAT_NOT_FOUND.
        """
        request = pb.MarkCheckedInRequest(
            seat_id=str(seat_id),
            owner_user_id=str(ticket.owner_user_id),
            hold_id=str(ticket.order_id),
            scan_id=str(scan.scan_id),
            scanned_by_staff_id=str(scan.staff_id),
            hall_id_presented=scan.hall_id,
            hall_id_expected=hall_expected,
        )
        return _entry(self._rpc.call("MarkCheckedIn", request))

    def log_refusal(
        self, seat_id: UUID | None, result: str, scan: Scan, hall_expected: str | None = None
    ) -> Entry:
        """Book a scan that let nobody in; the same scan is answered as it is booked."""
        request = pb.WriteEntryLogRequest(
            scan_id=str(scan.scan_id),
            seat_id=str(seat_id or ""),
            scanned_by_staff_id=str(scan.staff_id),
            result=pb.EntryResult.Value(result),
            hall_id_presented=scan.hall_id,
            hall_id_expected=hall_expected or "",
        )
        return _entry(self._rpc.call("WriteEntryLog", request))

    def entries(self, event_id: UUID, latest: int) -> EntryReport:
        """How the gates of an event stand right now."""
        request = pb.ReportEntriesRequest(event_id=str(event_id), latest=latest)
        report = self._rpc.call("ReportEntries", request)
        scans = [_seat_entry(one) for one in report.latest]
        return EntryReport(report.expected, report.admitted, dict(report.refusals), scans)


def _seat_entry(one: pb.SeatEntry) -> SeatEntry:
    return SeatEntry(
        seat_id=UUID(one.entry.seat_id),
        row_number=one.row_number,
        seat_number=one.seat_number,
        result=pb.EntryResult.Name(one.entry.result),
        scanned_at=utc(one.entry.scanned_at),
        hall_id=one.entry.hall_id_presented,
    )


def _entry(entry: pb.EntryLog) -> Entry:
    return Entry(
        seat_id=UUID(entry.seat_id) if entry.seat_id else None,
        result=pb.EntryResult.Name(entry.result),
        scanned_at=utc(entry.scanned_at),
    )


def _ticket(ticket: pb.Ticket) -> Ticket:
    earlier = _entry(ticket.earlier) if ticket.HasField("earlier") else None
    if ticket.status == pb.SEAT_STATUS_UNSPECIFIED:
        return Ticket(status=None, earlier=earlier)
    entered = ticket.HasField("first_entry_at")
    return Ticket(
        status=pb.SeatStatus.Name(ticket.status),
        owner_user_id=UUID(ticket.owner_user_id) if ticket.owner_user_id else None,
        event_id=UUID(ticket.event_id),
        order_id=UUID(ticket.hold_id) if ticket.hold_id else None,
        row_number=ticket.row_number,
        seat_number=ticket.seat_number,
        first_entry_at=utc(ticket.first_entry_at) if entered else None,
        earlier=earlier,
    )
