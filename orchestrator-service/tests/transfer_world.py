"""Doubles of the services behind a transfer, whose every call can be made to break."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from common.auth import Caller, Role
from common.errors import ErrorCode
from src.clients.inventory_client import SeatMove
from src.clients.transfer_client import Party, Transfer
from src.clients.user_client import CreditTransfer
from src.orchestrators.transfer_codes import TransferCodes
from src.orchestrators.transfer_orchestrator import TransferOrchestrator
from src.utils.qr_util import QrCodec
from world import EVENT, Break, Double, refuse

AMOUNT = Decimal("100.00")
START = Decimal("500.00")


@dataclass
class TransferWorld:
    """What the services keep; idempotent and with tombstones, as the real ones are."""

    calls: list[str] = field(default_factory=list)
    breaks: dict[str, Break] = field(default_factory=dict)
    before: dict[str, Callable[[], Any]] = field(default_factory=dict)
    seller: UUID = field(default_factory=uuid4)
    buyer: UUID = field(default_factory=uuid4)
    balances: dict[UUID, Decimal] = field(default_factory=dict)
    payments: dict[UUID, str] = field(default_factory=dict)  # HELD_BACK, COMPLETED, UNDONE
    freezes: dict[UUID, Decimal | str] = field(default_factory=dict)  # amount, UNFROZEN, PAID_OUT
    moves: dict[UUID, str] = field(default_factory=dict)  # MOVED, UNDONE
    checked_in: bool = False
    owner: UUID = field(init=False)
    record: Transfer = field(init=False)

    def __post_init__(self) -> None:
        self.balances = {self.seller: START, self.buyer: START}
        self.owner = self.seller
        self.record = Transfer(
            transfer_id=uuid4(),
            order_id=uuid4(),
            seat_id=uuid4(),
            seller_user_id=self.seller,
            buyer_user_id=self.buyer,
            initiated_by=Party.SELLER,
            status="PENDING_OTP",
            failure_reason=None,
            seller_otp_verified=True,
            buyer_otp_verified=True,
            credits_amount=AMOUNT,
            dispute_reason=None,
            disputed_by=None,
            dispute_id=None,
            reversal_id=None,
            saga=None,
            saga_step=None,
            saga_undoing=False,
            saga_version=0,
            created_at=datetime.now(timezone.utc),
            completed_at=None,
        )

    def orchestrator(self) -> TransferOrchestrator:
        """The real orchestrator over this world."""
        users, transfers = Users(self), Transfers(self)
        return TransferOrchestrator(
            users,
            Orders(self),
            transfers,
            Events(self),
            Inventory(self),
            QrCodec("k" * 32),
            TransferCodes(users, transfers),
        )

    @property
    def seller_as_caller(self) -> Caller:
        """The seller's token."""
        return Caller(self.seller, Role.CUSTOMER, "sid", 0)

    def change(self, **change: Any) -> Transfer:
        """The transfer, changed."""
        self.record = self.record.model_copy(update=change)
        return self.record

    def everything(self) -> Decimal:
        """All credits there are, wherever they are."""
        held_back = sum(1 for state in self.payments.values() if state == "HELD_BACK") * AMOUNT
        frozen = sum(one for one in self.freezes.values() if isinstance(one, Decimal))
        return sum(self.balances.values()) + held_back + frozen


class Users(Double):
    def hold_back(self, payment: CreditTransfer) -> None:
        self._do("users.hold_back", lambda: self._hold_back(payment))

    def complete_transfer(self, payment: CreditTransfer) -> None:
        self._do("users.complete_transfer", lambda: self._complete(payment))

    def undo_transfer(self, payment: CreditTransfer) -> None:
        self._do("users.undo_transfer", lambda: self._undo(payment))

    def freeze(self, user_id: UUID, amount: Decimal, reference_id: UUID) -> None:
        self._do("users.freeze", lambda: self._freeze(user_id, amount, reference_id))

    def unfreeze(self, user_id: UUID, amount: Decimal, reference_id: UUID) -> None:
        self._do("users.unfreeze", lambda: self._unfreeze(user_id, reference_id))

    def _hold_back(self, payment: CreditTransfer) -> None:
        world = self._world
        if world.payments.get(payment.reference_id, "HELD_BACK") != "HELD_BACK":
            refuse(ErrorCode.TRANSFER_INVALID_STATE)
        if payment.reference_id in world.payments:
            return
        frozen = world.freezes.get(payment.freeze_id, Decimal(0))
        if world.balances[payment.from_user_id] + frozen < payment.amount:
            refuse(ErrorCode.INSUFFICIENT_CREDITS)
        world.balances[payment.from_user_id] -= payment.amount - frozen
        world.payments[payment.reference_id] = "HELD_BACK"
        if payment.freeze_id:
            world.freezes[payment.freeze_id] = f"HELD_BACK {frozen}"

    def _complete(self, payment: CreditTransfer) -> None:
        world = self._world
        if world.payments.get(payment.reference_id) not in ("HELD_BACK", "COMPLETED"):
            refuse(ErrorCode.TRANSFER_INVALID_STATE)
        if world.payments[payment.reference_id] == "HELD_BACK":
            world.payments[payment.reference_id] = "COMPLETED"
            world.balances[payment.to_user_id] += payment.amount
            if payment.freeze_id:
                world.freezes[payment.freeze_id] = "PAID_OUT"

    def _undo(self, payment: CreditTransfer) -> None:
        world = self._world
        if world.payments.get(payment.reference_id) == "COMPLETED":
            refuse(ErrorCode.TRANSFER_INVALID_STATE)
        if world.payments.get(payment.reference_id) == "HELD_BACK":
            frozen = Decimal(0)
            if payment.freeze_id:
                frozen = Decimal(world.freezes[payment.freeze_id].removeprefix("HELD_BACK "))
                world.freezes[payment.freeze_id] = frozen
            world.balances[payment.from_user_id] += payment.amount - frozen
        world.payments[payment.reference_id] = "UNDONE"

    def _freeze(self, user_id: UUID, amount: Decimal, reference_id: UUID) -> None:
        world = self._world
        if world.freezes.get(reference_id) == "UNFROZEN":
            refuse(ErrorCode.TRANSFER_INVALID_STATE)
        if reference_id not in world.freezes:
            world.freezes[reference_id] = min(amount, world.balances[user_id])
            world.balances[user_id] -= world.freezes[reference_id]

    def _unfreeze(self, user_id: UUID, reference_id: UUID) -> None:
        frozen = self._world.freezes.get(reference_id)
        if isinstance(frozen, Decimal):
            self._world.balances[user_id] += frozen
        self._world.freezes[reference_id] = "UNFROZEN"


class Inventory(Double):
    def update_owner(self, move: SeatMove, qr_code_hash: str) -> None:
        self._do("inventory.update_owner", lambda: self._move(move))

    def undo_update_owner(self, move: SeatMove) -> None:
        self._do("inventory.undo_update_owner", lambda: self._undo(move))

    def _move(self, move: SeatMove) -> None:
        world = self._world
        if world.moves.get(move.move_id) == "UNDONE":
            refuse(ErrorCode.TRANSFER_INVALID_STATE)
        if move.move_id in world.moves:
            return
        if world.checked_in:
            refuse(ErrorCode.SEAT_UNAVAILABLE)
        if world.owner != move.from_user_id:
            refuse(ErrorCode.NOT_SEAT_OWNER)
        world.moves[move.move_id] = "MOVED"
        world.owner = move.to_user_id

    def _undo(self, move: SeatMove) -> None:
        world = self._world
        if world.moves.get(move.move_id) == "MOVED":
            if world.checked_in:
                refuse(ErrorCode.SEAT_UNAVAILABLE)
            world.owner = move.from_user_id
        world.moves[move.move_id] = "UNDONE"


class Orders(Double):
    def get(self, order_id: UUID) -> Any:
        return self._do("orders.get", lambda: EVENT)


class Events(Double):
    def get(self, event_id: UUID) -> Any:
        return self._do("events.get", lambda: EVENT)


_CLAIMS = {"confirm": "PENDING_OTP", "reverse": "DISPUTED", "dismiss": "DISPUTED"}
_OVER = {"saga": None, "saga_step": None, "saga_undoing": False}


class Transfers(Double):
    overtaken = ErrorCode.TRANSFER_INVALID_STATE

    def get(self, transfer_id: UUID) -> Transfer:
        return self._do("transfers.get", lambda: self._world.record)

    def begin_saga(
        self, transfer_id: UUID, saga: str, step: str, by: Party | None = None, reason: str = ""
    ) -> Transfer:
        return self._do("transfers.begin_saga", lambda: self._claim(saga, step, by))

    def begin_dispute(self, transfer_id: UUID, step: str, reason: str, by: Party) -> Transfer:
        return self._do("transfers.begin_dispute", lambda: self._begin_dispute(step, by))

    def record_step(self, transfer: Transfer, step: str) -> None:
        self._do("transfers.record_step", lambda: self._write(transfer, saga_step=step))

    def record_undoing(self, transfer: Transfer) -> None:
        self._do("transfers.record_undoing", lambda: self._write(transfer, saga_undoing=True))

    def end_saga(self, transfer: Transfer) -> None:
        was = "COMPLETED" if transfer.saga == "dispute" else transfer.status
        self._do("transfers.end_saga", lambda: self._write(transfer, status=was, **_OVER))

    def finish(self, transfer: Transfer, status: str, reason: str | None = None) -> None:
        self._do(
            f"transfers.finish {status}",
            lambda: self._write(transfer, status=status, failure_reason=reason, **_OVER),
        )

    def finish_reversed(self, transfer: Transfer) -> None:
        self.finish(transfer, "REVERSED")

    def _claim(self, saga: str, step: str, by: Party | None) -> Transfer:
        if by is not None and by is self._world.record.disputed_by:
            refuse(ErrorCode.FORBIDDEN)
        return self._begin(saga, step, _CLAIMS[saga])

    def _begin(self, saga: str, step: str, status: str, **change: Any) -> Transfer:
        record = self._world.record
        if record.saga is not None:
            refuse(ErrorCode.TRANSFER_INVALID_STATE, saga=record.saga)
        if record.status != status:
            refuse(ErrorCode.TRANSFER_INVALID_STATE, status=record.status)
        if saga == "reverse":
            change["reversal_id"] = uuid4()
        return self._world.change(
            saga=saga, saga_step=step, saga_version=record.saga_version + 1, **change
        )

    def _begin_dispute(self, step: str, by: Party) -> Transfer:
        dispute = {"disputed_by": by, "dispute_id": uuid4()}
        self._begin("dispute", step, "COMPLETED")
        return self._world.change(status="DISPUTED", **dispute)

    def _write(self, seen: Transfer, **change: Any) -> Transfer:
        record = self._world.record
        if record.saga is None or record.saga_version != seen.saga_version:
            refuse(ErrorCode.TRANSFER_INVALID_STATE)
        return self._world.change(**change)
