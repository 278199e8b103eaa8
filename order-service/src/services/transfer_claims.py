"""Claiming a transfer for confirm, dispute, reverse or dismiss (design.md, Sagas: Claim)."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from common.database import Database
from common.errors import AppError, ErrorCode

from ..models.order import Order
from ..models.transfer import Transfer, TransferParty, TransferStatus
from ..transfer_values import NewDispute, TransferClaim, TransferRecord
from .records import TRANSFERS
from .sale import Sale, fail_active, lock_sale
from .transfer_service import TransferService, invalid_state

_STARTS_FROM = {
    "confirm": TransferStatus.PENDING_OTP,
    "dispute": TransferStatus.COMPLETED,
    "reverse": TransferStatus.DISPUTED,
    "dismiss": TransferStatus.DISPUTED,
}
_OUT_OF_TURN = {
    "confirm": "Only one that waits for its codes can be confirmed.",
    "dispute": "Only a completed one can be disputed.",
    "reverse": "Only a disputed one can be reversed.",
    "dismiss": "There is no dispute to dismiss.",
}


class TransferClaims:
    """The use cases that begin a saga on a transfer, each under the lock of its sale.

    The same driver again has its claim already. They raise TRANSFER_NOT_FOUND and
    TRANSFER_INVALID_STATE, with `details.saga` where one is at work on the transfer.
    """

    def __init__(self, database: Database, transfers: TransferService) -> None:
        self._database = database
        self._transfers = transfers

    def begin(self, transfer_id: UUID, claim: TransferClaim) -> TransferRecord:
        """Claim the transfer for a saga, its first step begun.

        Raises OTP_REQUIRED with `details.missing` where codes are missing to confirm it, FORBIDDEN
        where who raised the dispute would decide it.
        """
        self._transfers.expire(Transfer.transfer_id == transfer_id)
        values: dict[str, Any] = {"saga": claim.saga, "saga_step": claim.step}
        if claim.saga == "reverse":
            values["reversal_id"] = func.gen_random_uuid()
        if claim.saga == "dismiss":
            values["dismiss_reason"] = claim.reason
        return self._claim(transfer_id, claim.driver, values, claim.by)

    def dispute(self, transfer_id: UUID, dispute: NewDispute) -> TransferRecord:
        """Write DISPUTED as begun and end the active transfer of the seat.

        Only the latest transfer of a sale that stands can be disputed.
        """
        values = {
            "saga": "dispute",
            "saga_step": dispute.step,
            "status": TransferStatus.DISPUTED,
            "dispute_id": func.gen_random_uuid(),
            "dispute_reason": dispute.reason,
            "disputed_by": dispute.disputed_by,
            "dismiss_reason": None,
        }
        return self._claim(transfer_id, dispute.driver, values)

    def _claim(
        self,
        transfer_id: UUID,
        driver: UUID,
        values: dict[str, Any],
        by: TransferParty | None = None,
    ) -> TransferRecord:
        with self._database.transaction() as session:
            sale, transfer = _locked(session, transfer_id)
            if not transfer.is_driven_by(driver):
                _check(sale, transfer, values["saga"], by)
                if values["saga"] == "dispute":
                    fail_active(session, "DISPUTED", Transfer.order_id == transfer.order_id)
                transfer = _written(session, transfer, driver, values)
            return TransferRecord.model_validate(transfer)


def _locked(session: Session, transfer_id: UUID) -> tuple[Sale, Transfer]:
    order_id = session.scalar(select(Transfer.order_id).where(Transfer.transfer_id == transfer_id))
    sale = lock_sale(session, Order.order_id == order_id)
    return sale, TRANSFERS.found(session, transfer_id)


def _written(
    session: Session, transfer: Transfer, driver: UUID, values: dict[str, Any]
) -> Transfer:
    claimed = (
        update(Transfer)
        .where(
            Transfer.transfer_id == transfer.transfer_id,
            Transfer.status == _STARTS_FROM[values["saga"]],
            Transfer.saga.is_(None),
        )
        .values(
            saga_version=Transfer.saga_version + 1,
            saga_driver=driver,
            saga_touched_at=func.now(),
            **values,
        )
        .returning(Transfer)
        .execution_options(populate_existing=True)
    )
    return session.scalars(claimed).one()


def _check(sale: Sale, transfer: Transfer, saga: str, by: TransferParty | None) -> None:
    """Raises what keeps this saga from beginning."""
    if transfer.saga is not None:
        raise invalid_state(transfer, "It is being worked on right now.")
    if transfer.status is not _STARTS_FROM[saga]:
        raise invalid_state(transfer, _OUT_OF_TURN[saga])
    if not sale.is_open:
        raise invalid_state(transfer, "Its order is being refunded or has been.")
    if saga == "confirm":
        _check_confirm(sale, transfer)
    if saga == "dispute":
        _check_dispute(sale, transfer)
    if saga == "reverse" and by is not None and by is transfer.disputed_by:
        raise AppError(
            ErrorCode.FORBIDDEN, "Only the other party, or staff, can reverse this transfer."
        )


def _check_confirm(sale: Sale, transfer: Transfer) -> None:
    if sale.disputed is not None:
        raise invalid_state(transfer, "An earlier transfer of this seat is disputed.")
    verified = {"seller": transfer.seller_otp_verified, "buyer": transfer.buyer_otp_verified}
    missing = [party for party, is_verified in verified.items() if not is_verified]
    if missing:
        parties = " and the ".join(missing)
        raise AppError(
            ErrorCode.OTP_REQUIRED,
            f"This transfer still needs the code sent to the {parties}.",
            transfer_id=str(transfer.transfer_id),
            missing=missing,
        )


def _check_dispute(sale: Sale, transfer: Transfer) -> None:
    if sale.latest is not transfer:
        raise invalid_state(transfer, "The seat has been passed on since.")
    if sale.at_work is not None:
        raise invalid_state(transfer, "The seat is being passed on right now.")
