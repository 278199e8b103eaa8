"""The RPCs: parse, call one function, answer."""

from typing import Any

from inventory_api import inventory_pb2 as pb
from inventory_api import inventory_pb2_grpc

from . import audit_messages, messages
from .messages import uuid
from .services.audit import Audit
from .services.entry_report import EntryReport
from .services.lock_service import LockService
from .services.ownership_service import OwnershipService, Sale
from .services.seat_map import SeatMap
from .services.seat_moves import SeatMoves
from .services.verification_service import VerificationService


class InventoryServicer(inventory_pb2_grpc.InventoryServicer):
    """See inventory.proto; refusals are raised and become a status in common.rpc."""

    def __init__(
        self,
        locks: LockService,
        ownership: OwnershipService,
        moves: SeatMoves,
        seat_map: SeatMap,
        verification: VerificationService,
        entry_report: EntryReport,
        audit: Audit,
    ) -> None:
        self._locks = locks
        self._ownership = ownership
        self._moves = moves
        self._seat_map = seat_map
        self._verification = verification
        self._entry_report = entry_report
        self._audit = audit

    def ReserveSeat(self, request: pb.ReserveSeatRequest, context: Any) -> pb.Hold:
        held = self._locks.reserve(
            uuid(request.seat_id, "seat_id"),
            uuid(request.user_id, "user_id"),
            uuid(request.hold_id, "hold_id"),
        )
        return pb.Hold(
            hold_id=str(held.hold_id),
            seat_id=str(held.seat_id),
            event_id=str(held.event_id),
            category=held.category,
            held_until=messages.timestamp(held.held_until),
            ttl_seconds=held.ttl_seconds,
        )

    def ConfirmSeat(self, request: pb.ConfirmSeatRequest, context: Any) -> pb.ConfirmSeatResponse:
        self._ownership.confirm(
            Sale(
                uuid(request.seat_id, "seat_id"),
                uuid(request.user_id, "user_id"),
                uuid(request.hold_id, "hold_id"),
                messages.amount(request.price_paid, "price_paid"),
                messages.sha256(request.qr_code_hash, "qr_code_hash"),
            )
        )
        return pb.ConfirmSeatResponse(success=True)

    def ReleaseSeat(self, request: pb.ReleaseSeatRequest, context: Any) -> pb.ReleaseSeatResponse:
        released = self._locks.release(
            uuid(request.seat_id, "seat_id"),
            uuid(request.hold_id, "hold_id"),
            request.undo_sale,
            messages.uuid_or_none(request.owner_user_id, "owner_user_id"),
        )
        return pb.ReleaseSeatResponse(released=released)

    def UpdateOwner(self, request: pb.UpdateOwnerRequest, context: Any) -> pb.UpdateOwnerResponse:
        move = messages.move(request)
        if request.undo:
            self._moves.undo(move)
        else:
            self._moves.move(move, messages.sha256(request.qr_code_hash, "qr_code_hash"))
        return pb.UpdateOwnerResponse(success=True)

    def GetSeatOwner(self, request: pb.GetSeatOwnerRequest, context: Any) -> pb.Seat:
        return messages.seat(self._ownership.seat(uuid(request.seat_id, "seat_id")))

    def ListSeats(self, request: pb.ListSeatsRequest, context: Any) -> pb.SeatList:
        event_id = uuid(request.event_id, "event_id")
        return pb.SeatList(
            seats=[
                pb.Seat(
                    seat_id=seat_id,
                    event_id=request.event_id,
                    category=category,
                    row_number=row,
                    seat_number=number,
                    status=messages.STATUS[status],
                )
                for seat_id, category, row, number, status in self._seat_map.seats_of(event_id)
            ]
        )

    def ListSeatsByOwner(self, request: pb.ListSeatsByOwnerRequest, context: Any) -> pb.SeatList:
        seats = self._ownership.seats_of(uuid(request.user_id, "user_id"))
        return pb.SeatList(seats=map(messages.seat, seats))

    def CountAvailableSeats(
        self, request: pb.CountAvailableSeatsRequest, context: Any
    ) -> pb.CountAvailableSeatsResponse:
        counted = self._seat_map.free_seats(messages.uuids(request.event_ids, "event_ids"))
        return pb.CountAvailableSeatsResponse(
            available={str(event_id): count for event_id, count in counted.items()}
        )

    def VerifyTicket(self, request: pb.VerifyTicketRequest, context: Any) -> pb.Ticket:
        return messages.ticket(
            self._verification.ticket(
                uuid(request.seat_id, "seat_id"),
                messages.uuid_or_none(request.scan_id, "scan_id"),
            )
        )

    def MarkCheckedIn(self, request: pb.MarkCheckedInRequest, context: Any) -> pb.EntryLog:
        scan = messages.scan(request, uuid(request.seat_id, "seat_id"))
        owner_user_id = uuid(request.owner_user_id, "owner_user_id")
        hold_id = uuid(request.hold_id, "hold_id")
        return messages.entry(self._verification.check_in(scan, owner_user_id, hold_id))

    def WriteEntryLog(self, request: pb.WriteEntryLogRequest, context: Any) -> pb.EntryLog:
        scan = messages.scan(request, messages.uuid_or_none(request.seat_id, "seat_id"))
        result = messages.entry_result(request.result)
        return messages.entry(self._verification.book(scan, result))

    def ReportEntries(self, request: pb.ReportEntriesRequest, context: Any) -> pb.EntryReport:
        event_id = uuid(request.event_id, "event_id")
        latest = messages.how_many_entries(request.latest)
        return messages.entry_report(self._entry_report.of_event(event_id, latest))

    def AuditSeats(self, request: pb.AuditSeatsRequest, context: Any) -> pb.AuditSeatsResponse:
        if request.seat_ids:
            named = audit_messages.some_ids(request.seat_ids, "seat_ids")
            return audit_messages.seats(self._audit.named(named))
        after = messages.uuid_or_none(request.after, "after")
        limit = audit_messages.how_many_seats(request.limit)
        return audit_messages.seats(self._audit.stretch(after, limit))

    def AuditMoves(self, request: pb.AuditMovesRequest, context: Any) -> pb.AuditMovesResponse:
        transfer_ids = audit_messages.some_ids(request.transfer_ids, "transfer_ids")
        return audit_messages.moves(self._audit.moves_of(transfer_ids))
