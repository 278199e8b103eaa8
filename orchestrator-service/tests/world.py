"""Doubles of the services behind the orchestrator, whose every call can be made to break."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID, uuid4

from common.errors import AppError, ErrorCode, Unreachable
from src.clients.event_client import Event
from src.clients.inventory_client import Hold
from src.clients.order_client import Order
from src.clients.user_client import CodeOf
from src.orchestrators.purchase_codes import PurchaseCodes
from src.orchestrators.purchase_orchestrator import PurchaseOrchestrator
from src.utils.qr_util import QrCodec

PRICE = Decimal("350.00")
EVENT = Event(
    event_id=uuid4(),
    name="Event",
    hall_id="HALL",
    event_date=datetime.now(timezone.utc) + timedelta(days=1),
    pricing_tiers={"CAT1": PRICE},
)


class Break(Enum):
    """How a call goes wrong."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    LOST_REQUEST = "timed out, not done"
    LOST_ANSWER = "timed out, done"

    @property
    def took_effect(self) -> bool:
        return self is Break.LOST_ANSWER

    @property
    def error(self) -> AppError:
        if self is Break.REFUSED:
            return AppError(ErrorCode.HOLD_EXPIRED, "no")
        if self is Break.UNREACHABLE:
            return Unreachable("somebody")
        return AppError(ErrorCode.SERVICE_UNAVAILABLE, "nobody knows")


@dataclass
class World:
    """What the services keep; idempotent and with tombstones, as the real ones are."""

    balance: Decimal = Decimal("1000.00")
    charges: dict[UUID, str] = field(default_factory=dict)  # CHARGED, REFUNDED, TOMBSTONE
    holds: dict[UUID, str] = field(default_factory=dict)  # HELD, SOLD, RELEASED
    orders: dict[UUID, Order] = field(default_factory=dict)
    published: list[UUID] = field(default_factory=list)
    flagged: bool = False
    codes_sent: list[CodeOf] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    breaks: dict[str, Break] = field(default_factory=dict)
    before: dict[str, Callable[[], Any]] = field(default_factory=dict)  # what others do meanwhile
    user_id: UUID = field(default_factory=uuid4)
    seat_id: UUID = field(default_factory=uuid4)

    def orchestrator(self) -> PurchaseOrchestrator:
        """The real orchestrator over this world."""
        users, orders, inventory = Users(self), Orders(self), Inventory(self)
        return PurchaseOrchestrator(
            users,
            orders,
            Events(self),
            inventory,
            Publisher(self),
            QrCodec("k" * 32),
            PurchaseCodes(users, orders, inventory),
        )

    def order(self, **change: Any) -> Order:
        """The one order, changed if so wished."""
        (order_id,) = self.orders
        self.orders[order_id] = self.orders[order_id].model_copy(update=change)
        return self.orders[order_id]


class Double:
    """Runs each call of a part through the world's breaks."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _do(self, name: str, effect: Callable[[], Any]) -> Any:
        world = self._world
        world.calls.append(name)
        world.before.pop(name, lambda: None)()
        broken = world.breaks.pop(name, None)
        if broken is None:
            return effect()
        if broken.took_effect:
            effect()
        raise broken.error


def refuse(code: ErrorCode, **details: Any) -> Any:
    raise AppError(code, "no", **details)


class Users(Double):
    def is_flagged(self, user_id: UUID) -> bool:
        return self._do("users.is_flagged", lambda: self._world.flagged)

    def get(self, user_id: UUID) -> dict[str, Any]:
        return self._do("users.get", lambda: {"credit_balance": self._world.balance})

    def send_code(self, code: CodeOf, caused_by: UUID, resend: bool = False) -> str:
        return self._do("users.send_code", lambda: self._world.codes_sent.append(code) or "VE1")

    def deduct(self, user_id: UUID, amount: Decimal, reference_id: UUID) -> Decimal:
        return self._do("users.deduct", lambda: self._deduct(amount, reference_id))

    def refund(self, user_id: UUID, amount: Decimal, reference_id: UUID) -> None:
        self._do("users.refund", lambda: self._refund(amount, reference_id))

    def _deduct(self, amount: Decimal, reference_id: UUID) -> Decimal:
        world = self._world
        if world.charges.get(reference_id, "CHARGED") != "CHARGED":
            refuse(ErrorCode.ORDER_INVALID_STATE)
        if reference_id not in world.charges:
            if world.balance < amount:
                refuse(ErrorCode.INSUFFICIENT_CREDITS)
            world.charges[reference_id] = "CHARGED"
            world.balance -= amount
        return world.balance

    def _refund(self, amount: Decimal, reference_id: UUID) -> None:
        world = self._world
        if world.charges.get(reference_id) == "CHARGED":
            world.charges[reference_id] = "REFUNDED"
            world.balance += amount
        world.charges.setdefault(reference_id, "TOMBSTONE")


class Inventory(Double):
    def reserve_seat(self, seat_id: UUID, user_id: UUID, hold_id: UUID) -> Hold:
        return self._do("inventory.reserve_seat", lambda: self._reserve(hold_id))

    def confirm_seat(self, seat_id: UUID, user_id: UUID, hold_id: UUID, *sale: Any) -> None:
        self._do("inventory.confirm_seat", lambda: self._confirm(hold_id))

    def release_seat(self, seat_id: UUID, hold_id: UUID, undo_sale: bool = False) -> None:
        self._do("inventory.release_seat", lambda: self._release(hold_id, undo_sale))

    def _reserve(self, hold_id: UUID) -> Hold:
        holds = self._world.holds
        if holds.get(hold_id) == "RELEASED":
            refuse(ErrorCode.SEAT_NOT_HELD)
        live = next((one for one, state in holds.items() if state == "HELD"), hold_id)
        holds[live] = "HELD"
        until = datetime.now(timezone.utc) + timedelta(seconds=300)
        return Hold(live, EVENT.event_id, "CAT1", until, 300)

    def _confirm(self, hold_id: UUID) -> None:
        if self._world.holds.get(hold_id) not in ("HELD", "SOLD"):
            refuse(ErrorCode.SEAT_NOT_HELD)
        self._world.holds[hold_id] = "SOLD"

    def _release(self, hold_id: UUID, undo_sale: bool) -> None:
        if undo_sale or self._world.holds.get(hold_id) != "SOLD":
            self._world.holds[hold_id] = "RELEASED"


class Events(Double):
    def get(self, event_id: UUID) -> Event:
        return self._do("events.get", lambda: EVENT)


class Publisher(Double):
    def publish(self, *, order_id: UUID, **_: Any) -> None:
        self._do("publisher.publish", lambda: self._world.published.append(order_id))


class Orders(Double):
    overtaken = ErrorCode.ORDER_INVALID_STATE

    def create(self, *, order_id: UUID, **order: Any) -> Order:
        return self._do("orders.create", lambda: self._create(order_id, order))

    def get(self, order_id: UUID) -> Order:
        return self._do("orders.get", lambda: self._found(order_id))

    def fail(self, order_id: UUID, reason: ErrorCode) -> Order:
        return self._do("orders.fail", lambda: self._fail(order_id, reason))

    def code_sent(self, order_id: UUID, verification_sid: str) -> None:
        self._do("orders.code_sent", lambda: None)

    def begin_saga(
        self, order_id: UUID, saga: str, step: str, user_id: UUID, otp_required: bool
    ) -> Order:
        return self._do(
            "orders.begin_saga", lambda: self._begin(order_id, saga, step, otp_required)
        )

    def record_step(self, order: Order, step: str) -> None:
        self._do("orders.record_step", lambda: self._write(order, saga_step=step))

    def record_undoing(self, order: Order) -> None:
        self._do("orders.record_undoing", lambda: self._write(order, saga_undoing=True))

    def end_saga(self, order: Order) -> None:
        self._do("orders.end_saga", lambda: self._write(order, saga=None, saga_step=None))

    def finish(self, order: Order, status: str, reason: ErrorCode | None = None) -> Order:
        over = {"saga": None, "saga_step": None, "saga_undoing": False}
        return self._do(
            f"orders.finish {status}",
            lambda: self._write(order, status=status, failure_reason=reason, **over),
        )

    def take_over(self, order: Order) -> Order:
        return self._do(
            "orders.take_over",
            lambda: self._write(order, saga_version=order.saga_version + 1),
        )

    def _create(self, order_id: UUID, order: dict[str, Any]) -> Order:
        new = Order(
            order_id=order_id,
            status="PENDING",
            failure_reason=None,
            otp_verified_at=None,
            refund_to_user_id=None,
            saga=None,
            saga_step=None,
            saga_undoing=False,
            saga_version=0,
            created_at=datetime.now(timezone.utc),
            confirmed_at=None,
            **order,
        )
        return self._world.orders.setdefault(order_id, new)

    def _found(self, order_id: UUID) -> Order:
        return self._world.orders.get(order_id) or refuse(ErrorCode.ORDER_NOT_FOUND)

    def _fail(self, order_id: UUID, reason: ErrorCode) -> Order:
        order = self._found(order_id)
        self._world.orders[order_id] = order.model_copy(
            update={"status": "FAILED", "failure_reason": reason}
        )
        return self._world.orders[order_id]

    def _begin(self, order_id: UUID, saga: str, step: str, otp_required: bool) -> Order:
        order = self._found(order_id)
        if order.saga is not None:
            refuse(ErrorCode.ORDER_INVALID_STATE, saga=order.saga)
        if order.status == "CONFIRMED":
            refuse(ErrorCode.ORDER_ALREADY_CONFIRMED)
        if order.status == "FAILED":
            refuse(ErrorCode.SEAT_NOT_HELD)
        if otp_required and order.otp_verified_at is None:
            refuse(ErrorCode.OTP_REQUIRED)
        claim = {"saga": saga, "saga_step": step, "saga_version": order.saga_version + 1}
        return self._world.order(**claim)

    def _write(self, seen: Order, **change: Any) -> Order:
        order = self._found(seen.order_id)
        if order.saga is None or order.saga_version != seen.saga_version:
            refuse(ErrorCode.ORDER_INVALID_STATE)
        if order.saga_undoing and change.get("status") == "CONFIRMED":
            refuse(ErrorCode.ORDER_INVALID_STATE)
        return self._world.order(**change)
