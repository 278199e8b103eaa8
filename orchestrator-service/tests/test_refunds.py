"""Refunds over a world whose every call breaks in turn: once, or not at all."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from common.errors import AppError, ErrorCode
from src.clients.order_client import Order
from src.orchestrators import driver
from src.orchestrators.refund_orchestrator import RefundOrchestrator
from src.orchestrators.saga import Unfinished
from world import PRICE, Break, Double, refuse


@pytest.fixture(autouse=True)
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_WAIT_SECONDS", 0.1)


@dataclass
class RefundWorld:
    """A sold seat, its order, and the balance of who owns it."""

    calls: list[str] = field(default_factory=list)
    breaks: dict[str, Break] = field(default_factory=dict)
    before: dict[str, Callable[[], Any]] = field(default_factory=dict)
    buyer: UUID = field(default_factory=uuid4)
    owner: UUID = field(default_factory=uuid4)
    seat: str = "SOLD"
    paid: dict[UUID, Decimal] = field(default_factory=dict)
    record: Order = field(init=False)

    def __post_init__(self) -> None:
        now = datetime.now(timezone.utc)
        self.record = Order(
            order_id=uuid4(),
            user_id=self.buyer,
            seat_id=uuid4(),
            event_id=uuid4(),
            status="CONFIRMED",
            failure_reason=None,
            credits_charged=PRICE,
            held_until=now,
            otp_verified_at=None,
            refund_to_user_id=None,
            saga=None,
            saga_step=None,
            saga_undoing=False,
            saga_version=0,
            created_at=now,
            confirmed_at=now,
        )

    def orchestrator(self) -> RefundOrchestrator:
        """The real orchestrator over this world."""
        return RefundOrchestrator(Users(self), Orders(self), Inventory(self))

    def change(self, **change: Any) -> Order:
        """The order, changed."""
        self.record = self.record.model_copy(update=change)
        return self.record


class Users(Double):
    def refund_to(self, to_user_id: UUID, charged_user_id: UUID, amount: Decimal, _: UUID) -> None:
        def effect() -> None:
            assert charged_user_id == self._world.buyer
            self._world.paid.setdefault(to_user_id, amount)

        self._do("users.refund_to", effect)


class Inventory(Double):
    def release_seat(self, *_: Any, undo_sale: bool, owner_user_id: UUID) -> None:
        def effect() -> None:
            if self._world.seat == "CHECKED_IN":
                refuse(ErrorCode.SEAT_UNAVAILABLE)
            assert undo_sale and owner_user_id == self._world.owner
            self._world.seat = "AVAILABLE"

        self._do("inventory.release_seat", effect)


class Orders(Double):
    overtaken = ErrorCode.ORDER_INVALID_STATE

    def get(self, order_id: UUID) -> Order:
        return self._do("orders.get", lambda: self._world.record)

    def begin_saga(self, order_id: UUID, saga: str, step: str, reason: str) -> Order:
        return self._do("orders.begin_saga", lambda: self._begin(saga, step))

    def end_saga(self, order: Order) -> None:
        self._do("orders.end_saga", lambda: self._world.change(saga=None, saga_step=None))

    def finish(self, order: Order, status: str) -> None:
        self._do(
            f"orders.finish {status}",
            lambda: self._world.change(status=status, saga=None, saga_step=None),
        )

    def _begin(self, saga: str, step: str) -> Order:
        record = self._world.record
        if record.saga is not None:
            refuse(ErrorCode.ORDER_INVALID_STATE, saga=record.saga)
        if record.status != "CONFIRMED":
            refuse(ErrorCode.ORDER_INVALID_STATE, status=record.status)
        claim = {"saga": saga, "saga_step": step, "saga_version": record.saga_version + 1}
        return self._world.change(refund_to_user_id=self._world.owner, **claim)


def refund(world: RefundWorld) -> str:
    """The status of the answer, or its error code."""
    try:
        outcome = world.orchestrator().refund(world.record.order_id, "why")
        return "REFUNDED" if outcome.is_done else "202"
    except AppError as error:
        return error.code.value


def recovered(world: RefundWorld) -> None:
    for _ in range(3):
        if world.record.saga is None:
            return
        try:
            world.orchestrator().recover(world.record)
        except (AppError, Unfinished):
            continue
    assert world.record.saga is None


def assert_refunded(world: RefundWorld) -> None:
    assert (world.record.status, world.seat) == ("REFUNDED", "AVAILABLE")
    assert world.paid == {world.owner: PRICE}


def calls_of(operation: Callable[[RefundWorld], str]) -> list[str]:
    world = RefundWorld()
    assert operation(world) == "REFUNDED"
    assert_refunded(world)
    return world.calls


CALLS = calls_of(refund)


def test_a_refund_makes_these_calls_and_no_more() -> None:
    assert CALLS == [
        "orders.begin_saga",
        "inventory.release_seat",
        "users.refund_to",
        "orders.finish REFUNDED",
    ]


@pytest.mark.parametrize("how", Break)
@pytest.mark.parametrize("call", CALLS)
def test_a_refund_that_breaks_anywhere_ends_refunded_once_or_not_at_all(
    call: str, how: Break
) -> None:
    world = RefundWorld()
    world.breaks[call] = how
    said = refund(world)
    recovered(world)
    if said in ("REFUNDED", "202") or world.record.status == "REFUNDED":
        assert_refunded(world)
    else:
        assert (world.record.status, world.seat, world.paid) == ("CONFIRMED", "SOLD", {})


def test_a_checked_in_seat_is_not_refunded() -> None:
    world = RefundWorld(seat="CHECKED_IN")
    assert refund(world) == "SEAT_UNAVAILABLE"
    assert (world.record.status, world.record.saga) == ("CONFIRMED", None)


def test_a_repeat_is_answered_with_the_outcome() -> None:
    world = RefundWorld()
    assert refund(world) == refund(world) == "REFUNDED"
    assert_refunded(world)


def test_a_refund_that_another_one_comes_before_is_answered_with_the_outcome() -> None:
    world = RefundWorld()
    world.before["orders.begin_saga"] = lambda: refund(world)
    assert refund(world) == "REFUNDED"
    assert_refunded(world)
