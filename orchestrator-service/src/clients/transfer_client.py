"""Transfers, and the journal of the sagas at work on them."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from common.clients import HttpClient
from common.errors import ErrorCode

from .saga_records import SagaRecord, SagaRecords


class Party(StrEnum):
    """The two sides of a transfer."""

    SELLER = "SELLER"
    BUYER = "BUYER"


class Transfer(SagaRecord):
    """A transfer as the order service keeps it."""

    transfer_id: UUID
    order_id: UUID
    seat_id: UUID
    seller_user_id: UUID
    buyer_user_id: UUID
    initiated_by: Party
    seller_otp_verified: bool
    buyer_otp_verified: bool
    credits_amount: Decimal
    dispute_reason: str | None
    disputed_by: Party | None
    dispute_id: UUID | None
    reversal_id: UUID | None
    created_at: datetime
    completed_at: datetime | None

    @property
    def record_id(self) -> UUID:
        return self.transfer_id

    def user_of(self, party: Party) -> UUID:
        """Who that party is."""
        return self.seller_user_id if party is Party.SELLER else self.buyer_user_id

    def party_of(self, user_id: UUID) -> Party | None:
        """Which party this user is; None for a third person."""
        return next((party for party in Party if self.user_of(party) == user_id), None)

    def is_verified(self, party: Party) -> bool:
        """Whether that party has given its code."""
        return self.seller_otp_verified if party is Party.SELLER else self.buyer_otp_verified


class TransferClient(SagaRecords[Transfer]):
    """Internal calls about transfers."""

    def __init__(self, http: HttpClient) -> None:
        super().__init__(http, "/transfers", Transfer, overtaken=ErrorCode.TRANSFER_INVALID_STATE)

    def create(self, **transfer: Any) -> Transfer:
        """Book an INITIATED transfer of the seat's CONFIRMED order.

        Raises SEAT_UNAVAILABLE, TRANSFER_IN_PROGRESS, SELF_TRANSFER.
        """
        return Transfer(**self._http.post("/transfers", transfer_id=uuid4(), **transfer))

    def codes_sent(self, transfer_id: UUID, sids: dict[Party, str]) -> Transfer:
        """Both codes of a new transfer are on their way: it is PENDING_OTP."""
        return self._change(transfer_id, status="PENDING_OTP", **_named(sids, "verification_sid"))

    def code_resent(self, transfer_id: UUID, party: Party, verification_sid: str) -> Transfer:
        """A party was sent another code."""
        return self._change(transfer_id, **_named({party: verification_sid}, "verification_sid"))

    def codes_verified(self, transfer_id: UUID, parties: list[Party]) -> Transfer:
        """These parties have given their codes."""
        return self._change(transfer_id, **_named(dict.fromkeys(parties, True), "otp_verified"))

    def begin_dispute(self, transfer_id: UUID, step: str, reason: str, by: Party) -> Transfer:
        """DISPUTED, written as begun; raises TRANSFER_INVALID_STATE."""
        claim = {"driver": uuid4(), "step": step, "reason": reason, "disputed_by": by}
        return Transfer(**self._http.post(f"/transfers/{transfer_id}/dispute", **claim))

    def finish_reversed(self, transfer: Transfer) -> None:
        """The reverse saga's last write."""
        self._http.post(
            f"/transfers/{transfer.transfer_id}/reverse", saga_version=transfer.saga_version
        )

    def _change(self, transfer_id: UUID, **change: Any) -> Transfer:
        return Transfer(**self._http.patch(f"/transfers/{transfer_id}", **change))


def _named(values: dict[Party, Any], what: str) -> dict[str, Any]:
    return {f"{party.lower()}_{what}": value for party, value in values.items()}
