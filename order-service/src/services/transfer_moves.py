"""The changes of one transfer: where each is legal, what it writes, what a repeat of it finds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_

from ..models.transfer import ACTIVE, Transfer, TransferStatus
from ..transfer_values import TransferChange
from .records import WITHOUT_UNDONE_DISPUTE

_FORWARD = {
    "confirm": TransferStatus.COMPLETED,
    "dispute": TransferStatus.DISPUTED,
    "reverse": TransferStatus.REVERSED,
    "dismiss": TransferStatus.COMPLETED,
}
_BACK = {
    "confirm": TransferStatus.FAILED,
    "dispute": TransferStatus.COMPLETED,
    "reverse": TransferStatus.DISPUTED,
}
# Where their seat has moved for good, these go forward though they were being undone.
_MAY_STAND = ("confirm", "reverse")


@dataclass(frozen=True)
class Move:
    """`legal` guards the write; a transfer that `is_done` finds was moved so already."""

    legal: ColumnElement[bool]
    values: dict[str, Any]
    is_done: Callable[[Transfer], bool]


def outsiders_move(change: TransferChange) -> Move:
    """What a change means that is not the saga's own."""
    if change.status is TransferStatus.FAILED:
        return _failed(change.reason)
    if change.status is TransferStatus.PENDING_OTP:
        return _codes_sent(change)
    if change.seller_otp_verified or change.buyer_otp_verified:
        return _verified(
            [name for name in ("seller", "buyer") if f"{name}_otp_verified" in change.given]
        )
    return _sent_again(change)


def last_move(status: TransferStatus, saga_version: int, reason: str | None = None) -> Move:
    """The last write of the saga at work, forward or all undone; it ends the saga."""
    may_be_undoing = Transfer.saga_undoing.is_(False) | Transfer.saga.in_(_MAY_STAND)
    forward = Transfer.saga.in_(_sagas_to(status, _FORWARD)) & may_be_undoing
    back = Transfer.saga.in_(_sagas_to(status, _BACK))
    return Move(
        legal=and_(Transfer.saga_version == saga_version, or_(forward, back)),
        values={
            "status": status,
            "failure_reason": reason,
            "saga": None,
            "saga_step": None,
            "saga_undoing": False,
            **(_AS_COMPLETED if status is TransferStatus.COMPLETED else {}),
        },
        is_done=lambda transfer: (transfer.saga, transfer.saga_version, transfer.status)
        == (None, saga_version, status),
    )


_AS_COMPLETED = {
    "completed_at": func.coalesce(Transfer.completed_at, func.now()),
    **WITHOUT_UNDONE_DISPUTE,
}


def _sagas_to(status: TransferStatus, ends: dict[str, TransferStatus]) -> list[str]:
    return [saga for saga, end in ends.items() if end is status]


def _failed(reason: str) -> Move:
    return Move(
        legal=Transfer.status.in_(ACTIVE) & Transfer.saga.is_(None),
        values={"status": TransferStatus.FAILED, "failure_reason": reason},
        is_done=lambda transfer: transfer.failure_reason == reason,
    )


def _codes_sent(change: TransferChange) -> Move:
    sids = {
        "seller_verification_sid": change.seller_verification_sid,
        "buyer_verification_sid": change.buyer_verification_sid,
    }
    return Move(
        legal=Transfer.status == TransferStatus.INITIATED,
        values={"status": TransferStatus.PENDING_OTP, **sids},
        is_done=lambda transfer: transfer.status is TransferStatus.PENDING_OTP
        and all(getattr(transfer, name) == sid for name, sid in sids.items()),
    )


def _verified(parties: list[str]) -> Move:
    flags = [f"{party}_otp_verified" for party in parties]
    return Move(
        legal=_waits_for_codes() & or_(*(getattr(Transfer, flag).is_(False) for flag in flags)),
        values={flag: True for flag in flags}
        | {f"{party}_verification_sid": None for party in parties},
        is_done=lambda transfer: transfer.status is TransferStatus.PENDING_OTP
        and all(getattr(transfer, flag) for flag in flags),
    )


def _sent_again(change: TransferChange) -> Move:
    [(name, sid)] = change.model_dump(exclude_none=True).items()
    verified = getattr(Transfer, name.replace("verification_sid", "otp_verified"))
    return Move(
        legal=_waits_for_codes() & verified.is_(False),
        values={name: sid},
        is_done=lambda transfer: False,
    )


def _waits_for_codes() -> ColumnElement[bool]:
    return and_(Transfer.status == TransferStatus.PENDING_OTP, Transfer.saga.is_(None))
