"""A ticket changes hands: initiate, confirm, cancel, dispute, reverse, dismiss."""

from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID

from common.auth import Caller, Role
from common.errors import AppError, ErrorCode

from ..clients.event_client import EventClient
from ..clients.inventory_client import InventoryClient, Seat
from ..clients.order_client import OrderClient
from ..clients.transfer_client import Party, Transfer, TransferClient
from ..clients.user_client import UserClient
from ..utils.qr_util import QrCodec, qr_hash
from .driver import Driver, Outcome
from .saga import Saga
from .transfer_codes import TransferCodes
from .transfer_sagas import Swap, confirm_saga, dismiss_saga, dispute_saga, reverse_saga

# What the seat's inventory says no with where it is no longer the seller's to give.
_SEAT_HAS_GONE = (ErrorCode.SEAT_UNAVAILABLE, ErrorCode.NOT_SEAT_OWNER)


@dataclass(frozen=True)
class Offer:
    """What is to be transferred between whom; users as their IDs or e-mails."""

    seat_id: UUID
    seller: UUID | str
    buyer: UUID | str
    credits_amount: Decimal


class TransferOrchestrator:
    """Scenario 2 of the task list; the moderators of disputes are staff and admins."""

    def __init__(
        self,
        users: UserClient,
        orders: OrderClient,
        transfers: TransferClient,
        events: EventClient,
        inventory: InventoryClient,
        qr: QrCodec,
        codes: TransferCodes,
    ) -> None:
        self._users = users
        self._orders = orders
        self._transfers = transfers
        self._events = events
        self._inventory = inventory
        self._qr = qr
        self._codes = codes
        confirm, reverse = (
            make(users, transfers, inventory) for make in (confirm_saga, reverse_saga)
        )
        dispute, dismiss = (make(users, transfers) for make in (dispute_saga, dismiss_saga))
        self._confirm = self._driver(confirm, "COMPLETED", "FAILED", Party.BUYER)
        self._dispute = self._driver(dispute, "DISPUTED", "COMPLETED")
        self._reverse = self._driver(reverse, "REVERSED", "DISPUTED", Party.SELLER)
        self._dismiss = self._driver(dismiss, "COMPLETED", "DISPUTED")
        self._drivers = (self._confirm, self._dispute, self._reverse, self._dismiss)

    def initiate(self, caller_id: UUID, offer: Offer) -> Transfer:
        """Begin a transfer and send both parties their codes: it is PENDING_OTP.

        Raises USER_NOT_FOUND, FORBIDDEN, SELF_TRANSFER, SEAT_NOT_FOUND, SEAT_UNAVAILABLE,
        NOT_SEAT_OWNER, INSUFFICIENT_CREDITS, TRANSFER_IN_PROGRESS, VALIDATION_ERROR (no phone).
        """
        caller = self._users.get(caller_id)
        by = _party_that_begins(caller, offer)
        seat = self._sold_seat(offer.seat_id)
        seller = caller if by is Party.SELLER else self._user(offer.seller)
        _refuse_unless_owner(seat, seller)
        buyer = caller if by is Party.BUYER else self._user(offer.buyer)
        if buyer["credit_balance"] < offer.credits_amount:
            raise AppError(
                ErrorCode.INSUFFICIENT_CREDITS, "The buyer does not have so many credits."
            )
        _refuse_without_phone(seller=seller, buyer=buyer)
        transfer = self._transfers.create(
            seat_id=offer.seat_id,
            seller_user_id=seller["user_id"],
            buyer_user_id=buyer["user_id"],
            initiated_by=by,
            credits_amount=offer.credits_amount,
        )
        return self._codes.send_both(transfer)

    def confirm(
        self, caller_id: UUID, transfer_id: UUID, given: dict[Party, str]
    ) -> Outcome[Transfer, Swap]:
        """Check the codes given and swap seat and credits; once, whoever asks however often.

        Raises TRANSFER_NOT_FOUND, FORBIDDEN, TRANSFER_INVALID_STATE, OTP_REQUIRED (whose code is
        missing), OTP_INVALID, OTP_EXPIRED, OTP_MAX_RETRIES, INSUFFICIENT_CREDITS.
        """
        transfer, _ = self._of_party(caller_id, transfer_id)
        if transfer.status == "PENDING_OTP" and transfer.saga is None:
            self._codes.check(transfer, given, caller_id)
        try:
            return self._confirm.run_or_repeat(
                transfer_id, lambda: self._confirm.begin(transfer_id)
            )
        except AppError as error:
            if error.code in _SEAT_HAS_GONE:
                raise _invalid_state(
                    transfer_id, "The seat is no longer the seller's to give.", status="FAILED"
                ) from error
            raise

    def cancel(self, caller_id: UUID, transfer_id: UUID) -> Transfer:
        """End a pending transfer. Raises TRANSFER_NOT_FOUND, FORBIDDEN, TRANSFER_INVALID_STATE."""
        self._of_party(caller_id, transfer_id)
        return self._transfers.fail(transfer_id, "CANCELLED")

    def dispute(self, caller_id: UUID, transfer_id: UUID, reason: str) -> Transfer:
        """Freeze what the seller has of the price, until the dispute is settled.

        Raises TRANSFER_NOT_FOUND, FORBIDDEN, TRANSFER_INVALID_STATE.
        """
        _, party = self._of_party(caller_id, transfer_id)
        step = self._dispute.saga.step_names[0]
        begun = self._transfers.begin_dispute(transfer_id, step, reason, by=party)
        return self._dispute.drive(begun).record

    def reverse(self, caller: Caller, transfer_id: UUID) -> Outcome[Transfer, Swap]:
        """Give the seat back to the seller and the price to the buyer; once.

        For the party who did not raise the dispute, and for moderators. Raises TRANSFER_NOT_FOUND,
        FORBIDDEN, TRANSFER_INVALID_STATE, SEAT_UNAVAILABLE (checked in), INSUFFICIENT_CREDITS.
        """
        if caller.role in (Role.STAFF, Role.ADMIN):
            by = None
        else:
            _, by = self._of_party(caller.user_id, transfer_id)
        return self._reverse.run_or_repeat(
            transfer_id, lambda: self._reverse.begin(transfer_id, by=by)
        )

    def dismiss(self, transfer_id: UUID, reason: str) -> Outcome[Transfer, Swap]:
        """Settle a dispute in the transfer's favour: what was frozen is free again.

        Raises TRANSFER_NOT_FOUND, TRANSFER_INVALID_STATE.
        """
        return self._dismiss.drive(self._dismiss.begin(transfer_id, reason=reason))

    def recover(self, transfer: Transfer) -> None:
        """Settle a saga whose driver is gone; `transfer` has been taken over."""
        driver = next(one for one in self._drivers if one.saga.name == transfer.saga)
        driver.recover(transfer)

    def _driver(
        self, saga: Saga[Swap], done: str, undone: str, new_owner: Party | None = None
    ) -> Driver[Transfer, Swap]:
        """A driver of that saga, with a code for its `new_owner` if the seat moves."""
        prepare = Swap if new_owner is None else partial(self._swap, new_owner)
        return Driver(saga, self._transfers, done=done, undone=undone, prepare=prepare, bare=Swap)

    def _swap(self, new_owner: Party, transfer: Transfer) -> Swap:
        hall_id = self._events.get(self._orders.get(transfer.order_id).event_id).hall_id
        code = self._qr.generate_qr(transfer.seat_id, transfer.user_of(new_owner), hall_id)
        return Swap(transfer, qr_hash(code))

    def _user(self, named: UUID | str) -> dict[str, Any]:
        return self._users.get(named) if isinstance(named, UUID) else self._users.find(named)

    def _of_party(self, user_id: UUID, transfer_id: UUID) -> tuple[Transfer, Party]:
        transfer = self._transfers.get(transfer_id)
        party = transfer.party_of(user_id)
        if party is None:
            raise AppError(ErrorCode.FORBIDDEN, "You are not a party to this transfer.")
        return transfer, party

    def _sold_seat(self, seat_id: UUID) -> Seat:
        seat = self._inventory.seat(seat_id)
        if seat.status != "SOLD":
            raise AppError(
                ErrorCode.SEAT_UNAVAILABLE,
                "Only a seat that is sold, and whose owner has not gone in, can be transferred.",
                status=seat.status,
            )
        return seat


def _refuse_unless_owner(seat: Seat, seller: dict[str, Any]) -> None:
    if seat.owner_user_id != UUID(seller["user_id"]):
        raise AppError(ErrorCode.NOT_SEAT_OWNER, "The seat does not belong to the seller.")


def _party_that_begins(caller: dict[str, Any], offer: Offer) -> Party:
    """Which party the caller is; nobody else's e-mail is looked up for who is none."""
    is_caller = (UUID(caller["user_id"]), caller["email"])
    named = {
        Party.SELLER: _normalised(offer.seller) in is_caller,
        Party.BUYER: _normalised(offer.buyer) in is_caller,
    }
    if all(named.values()):
        raise AppError(ErrorCode.SELF_TRANSFER, "Seller and buyer are the same user.")
    for party, is_it in named.items():
        if is_it:
            return party
    raise AppError(ErrorCode.FORBIDDEN, "You are neither the seller nor the buyer.")


def _normalised(named: UUID | str) -> UUID | str:
    return named.lower() if isinstance(named, str) else named


def _refuse_without_phone(**parties: dict[str, Any]) -> None:
    without = [name for name, user in parties.items() if user["phone"] is None]
    if without:
        raise AppError(
            ErrorCode.VALIDATION_ERROR,
            f"The {' and the '.join(without)} must have a phone number to send a code to.",
            fields={f"{name}_user_id": "has no phone number" for name in without},
        )


def _invalid_state(transfer_id: UUID, message: str, **details: str) -> AppError:
    return AppError(
        ErrorCode.TRANSFER_INVALID_STATE, message, transfer_id=str(transfer_id), **details
    )
