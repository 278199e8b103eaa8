"""Transfers: found, moved along by conditional statements, ended when nobody goes on with them."""

from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, text, update

from common.database import Database
from common.errors import AppError, ErrorCode
from common.fields import Page

from ..models.transfer import ACTIVE, Transfer, TransferStatus
from ..transfer_values import TransferChange, TransferFilter, TransferRecord
from .records import TRANSFERS
from .sale import fail_active
from .transfer_moves import Move, last_move, outsiders_move

_LIFE_UNTOUCHED = text("interval '30 minutes'")


class TransferService:
    """The use cases of one transfer; each is one transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, transfer_id: UUID) -> TransferRecord:
        """Raises TRANSFER_NOT_FOUND."""
        with self._database.transaction() as session:
            return TransferRecord.model_validate(TRANSFERS.found(session, transfer_id))

    def find(self, wanted: TransferFilter) -> Page[TransferRecord]:
        """The matching transfers, newest first."""
        given = wanted.model_dump(include={"seat_id", "order_id", "status"}, exclude_none=True)
        matching = [getattr(Transfer, name) == value for name, value in given.items()]
        if wanted.user_id is not None:
            matching.append(
                or_(
                    Transfer.seller_user_id == wanted.user_id,
                    Transfer.buyer_user_id == wanted.user_id,
                )
            )
        with self._database.transaction() as session:
            return TRANSFERS.page(session, wanted, matching)

    def change(self, transfer_id: UUID, change: TransferChange) -> TransferRecord:
        """Move the transfer along; what is illegal is refused, a repeat changes nothing.

        With `saga_version` it is the saga's own last write, which ends it. Raises
        TRANSFER_NOT_FOUND, TRANSFER_INVALID_STATE.
        """
        if change.saga_version is not None:
            return self._move(
                transfer_id, last_move(change.status, change.saga_version, change.reason)
            )
        self.expire(Transfer.transfer_id == transfer_id)
        return self._move(transfer_id, outsiders_move(change))

    def finish_reverse(self, transfer_id: UUID, saga_version: int) -> TransferRecord:
        """The reverse saga's last write: REVERSED. Raises as `change` does."""
        return self._move(transfer_id, last_move(TransferStatus.REVERSED, saga_version))

    def expire(self, *which: ColumnElement[bool]) -> int:
        """Fail the (matching) active transfers that nobody has touched for 30 minutes.

        One that is locked is being touched, and waiting for it could be waiting for each other.
        """
        untouched = (
            select(Transfer.transfer_id)
            .where(
                Transfer.status.in_(ACTIVE),
                Transfer.saga.is_(None),
                Transfer.saga_touched_at < func.now() - _LIFE_UNTOUCHED,
                *which,
            )
            .with_for_update(skip_locked=True)
        )
        with self._database.transaction() as session:
            return fail_active(session, "EXPIRED", Transfer.transfer_id.in_(untouched))

    def _move(self, transfer_id: UUID, move: Move) -> TransferRecord:
        moved = (
            update(Transfer)
            .where(Transfer.transfer_id == transfer_id, move.legal)
            .values(saga_touched_at=func.now(), **move.values)
            .returning(Transfer)
        )
        with self._database.transaction() as session:
            transfer = session.scalars(moved).one_or_none()
            if transfer is None:
                transfer = TRANSFERS.found(session, transfer_id)
                if not move.is_done(transfer):
                    raise invalid_state(transfer, "That cannot be done with it now.")
            return TransferRecord.model_validate(transfer)


def invalid_state(transfer: Transfer, why: str) -> AppError:
    """The refusal that says where the transfer stands."""
    at_work = {"saga": transfer.saga} if transfer.saga is not None else {}
    return AppError(
        ErrorCode.TRANSFER_INVALID_STATE,
        f"This transfer is {transfer.status}. {why}",
        transfer_id=str(transfer.transfer_id),
        status=transfer.status.value,
        **at_work,
    )
