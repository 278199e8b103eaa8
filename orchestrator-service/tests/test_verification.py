"""Scans over a world whose calls break: nobody goes in unseen, and nobody is held up for a log."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.errors import AppError, ErrorCode, Unreachable
from src.clients.gate_client import Entry, Scan, Ticket
from src.orchestrators.verification_orchestrator import VerificationOrchestrator
from src.utils.qr_util import QrCodec
from world import EVENT, refuse

QR = QrCodec("k" * 32)
NOW = datetime.now(timezone.utc)


@dataclass
class GateWorld:
    """One sold seat, its owner and its order, and what is booked."""

    owner: UUID = field(default_factory=uuid4)
    seat_id: UUID = field(default_factory=uuid4)
    order_id: UUID = field(default_factory=uuid4)
    status: str = "SOLD"
    booked: dict[UUID, Entry] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)
    meanwhile: Any = None
    reached_together: Barrier | None = None

    def scan(self, user_id: UUID | None = None, scan_id: UUID | None = None, **how: Any) -> str:
        """The result of a scan, or its error code."""
        code = QR.generate_qr(self.seat_id, user_id or self.owner, EVENT.hall_id, **how)
        try:
            verdict = VerificationOrchestrator(self, Orders(self), Events(), Gate(self), QR)
            return verdict.verify(uuid4(), code, EVENT.hall_id, scan_id).result
        except AppError as error:
            return error.code.value

    def get(self, user_id: UUID) -> dict[str, Any]:
        """The user service's profile."""
        self.reach("user")
        return {"full_name": None, "email": "a@example.com"}

    def reach(self, name: str) -> None:
        if self.reached_together and name in ("inventory", "order", "user"):
            self.reached_together.wait()
        if name in self.away:
            raise Unreachable(name)


@dataclass
class Orders:
    world: GateWorld

    def page(self, **_: Any) -> dict[str, Any]:
        self.world.reach("order")
        return {"data": [{"order_id": str(self.world.order_id)}]}


class Events:
    def get(self, event_id: UUID) -> Any:
        return EVENT


@dataclass
class Gate:
    world: GateWorld

    def ticket(self, seat_id: UUID, scan_id: UUID) -> Ticket:
        world = self.world
        world.reach("inventory")
        first = next((one for one in world.booked.values() if one.result == "SUCCESS"), None)
        return Ticket(
            status=world.status,
            owner_user_id=world.owner,
            event_id=EVENT.event_id,
            order_id=world.order_id,
            first_entry_at=first and first.scanned_at,
            earlier=world.booked.get(scan_id),
        )

    def check_in(self, ticket: Ticket, seat_id: UUID, scan: Scan, hall: str) -> Entry:
        world = self.world
        if world.meanwhile:
            world.meanwhile()
            world.meanwhile = None
        if (world.status, ticket.owner_user_id) != ("SOLD", world.owner):
            refuse(ErrorCode.SEAT_UNAVAILABLE)
        world.status = "CHECKED_IN"
        return self._book("SUCCESS", scan)

    def log_refusal(
        self, seat_id: UUID | None, result: str, scan: Scan, hall: str | None = None
    ) -> Entry:
        self.world.reach("log")
        return self._book(result, scan)

    def _book(self, result: str, scan: Scan) -> Entry:
        return self.world.booked.setdefault(scan.scan_id, Entry(self.world.seat_id, result, NOW))


@pytest.fixture
def world() -> GateWorld:
    return GateWorld()


def test_a_refusal_that_cannot_be_booked_is_told_all_the_same(world: GateWorld) -> None:
    world.away.add("log")
    assert world.scan(user_id=uuid4()) == "NOT_OWNER"
    assert world.scan(generated_at=NOW - timedelta(minutes=2)) == "EXPIRED"
    assert world.booked == {}


def test_seat_order_and_owner_are_asked_for_at_the_same_time(world: GateWorld) -> None:
    world.reached_together = Barrier(3, timeout=5)
    assert world.scan() == "SUCCESS"


@pytest.mark.parametrize("service", ["order", "inventory", "user"])
def test_while_a_service_is_away_nobody_goes_in(world: GateWorld, service: str) -> None:
    world.away.add(service)
    assert world.scan() == "SERVICE_UNAVAILABLE"
    assert (world.status, world.booked) == ("SOLD", {})
    world.away.clear()
    assert world.scan() == "SUCCESS"


def test_a_seat_that_changes_hands_during_the_scan_is_judged_anew(world: GateWorld) -> None:
    world.meanwhile = lambda: setattr(world, "owner", uuid4())
    assert world.scan() == "NOT_OWNER"
    assert world.status == "SOLD"


def test_a_seat_that_somebody_else_checks_in_during_the_scan_is_a_duplicate(
    world: GateWorld,
) -> None:
    world.meanwhile = lambda: setattr(world, "status", "CHECKED_IN")
    assert world.scan() == "DUPLICATE"


def test_a_seat_whose_own_order_is_not_confirmed_is_unpaid(world: GateWorld) -> None:
    code = QR.generate_qr(world.seat_id, world.owner, EVENT.hall_id)
    orders = Orders(GateWorld())
    verification = VerificationOrchestrator(world, orders, Events(), Gate(world), QR)
    assert verification.verify(uuid4(), code, EVENT.hall_id, None).result == "UNPAID"


def test_a_scan_is_answered_as_it_was_booked(world: GateWorld) -> None:
    scan_id = uuid4()
    assert world.scan(scan_id=scan_id) == "SUCCESS"
    assert world.scan(scan_id=scan_id) == "SUCCESS"
    assert world.scan(scan_id=scan_id, generated_at=NOW - timedelta(minutes=2)) == "SUCCESS"
    assert world.scan() == "DUPLICATE"
    assert len(world.booked) == 2
