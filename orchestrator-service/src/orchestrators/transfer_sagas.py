"""The sagas of scenario 2 as their tables (design.md, Sagas).

What a transfer pays is held back from the payer until the seat has moved: the payee cannot have
spent what may still have to go back.
"""

from dataclasses import dataclass

from ..clients.inventory_client import InventoryClient, SeatMove
from ..clients.transfer_client import Transfer, TransferClient
from ..clients.user_client import CreditTransfer, UserClient
from .saga import Saga, Step


@dataclass
class Swap:
    """The record of these sagas: the transfer, and the hash of the code made for the new owner."""

    transfer: Transfer
    qr_code_hash: str = ""


def confirm_saga(
    users: UserClient, transfers: TransferClient, inventory: InventoryClient
) -> Saga[Swap]:
    """Credits buyer to seller → UpdateOwner(seller → buyer) ‖ → seller has them → COMPLETED."""

    def move_credits(swap: Swap) -> None:
        users.hold_back(_price(swap.transfer))

    def credits_back(swap: Swap) -> None:
        users.undo_transfer(_price(swap.transfer))

    def update_owner(swap: Swap) -> None:
        inventory.update_owner(_to_buyer(swap.transfer), swap.qr_code_hash)

    def seat_back(swap: Swap) -> None:
        inventory.undo_update_owner(_to_buyer(swap.transfer))

    def pay_seller(swap: Swap) -> None:
        users.complete_transfer(_price(swap.transfer))

    def complete(swap: Swap) -> None:
        transfers.finish(swap.transfer, "COMPLETED")

    return Saga(
        "confirm",
        Step(do=move_credits, undo=credits_back),
        Step(do=update_owner, undo=seat_back, pivot=True, may_stand=True),
        Step(do=pay_seller),
        Step(do=complete),
    )


def dispute_saga(users: UserClient, transfers: TransferClient) -> Saga[Swap]:
    """DISPUTED, written as begun → freeze ‖."""

    def freeze(swap: Swap) -> None:
        users.freeze(*_disputed(swap.transfer))

    def unfreeze(swap: Swap) -> None:
        users.unfreeze(*_disputed(swap.transfer))

    def stay_disputed(swap: Swap) -> None:
        transfers.finish(swap.transfer, "DISPUTED")

    return Saga(
        "dispute",
        Step(do=freeze, undo=unfreeze, pivot=True),
        Step(do=stay_disputed),
    )


def reverse_saga(
    users: UserClient, transfers: TransferClient, inventory: InventoryClient
) -> Saga[Swap]:
    """Credits back to the buyer → UpdateOwner(buyer → seller) ‖ → buyer has them → REVERSED."""

    def return_credits(swap: Swap) -> None:
        users.hold_back(_price_back(swap.transfer))

    def credits_as_they_were(swap: Swap) -> None:
        users.undo_transfer(_price_back(swap.transfer))

    def update_owner(swap: Swap) -> None:
        inventory.update_owner(_to_seller(swap.transfer), swap.qr_code_hash)

    def seat_as_it_was(swap: Swap) -> None:
        inventory.undo_update_owner(_to_seller(swap.transfer))

    def pay_buyer(swap: Swap) -> None:
        users.complete_transfer(_price_back(swap.transfer))

    def reverse(swap: Swap) -> None:
        transfers.finish_reversed(swap.transfer)

    return Saga(
        "reverse",
        Step(do=return_credits, undo=credits_as_they_were),
        Step(do=update_owner, undo=seat_as_it_was, pivot=True, may_stand=True),
        Step(do=pay_buyer),
        Step(do=reverse),
    )


def dismiss_saga(users: UserClient, transfers: TransferClient) -> Saga[Swap]:
    """Unfreeze ‖ → COMPLETED."""

    def unfreeze(swap: Swap) -> None:
        users.unfreeze(*_disputed(swap.transfer))

    def complete(swap: Swap) -> None:
        transfers.finish(swap.transfer, "COMPLETED")

    return Saga(
        "dismiss",
        Step(do=unfreeze, pivot=True),
        Step(do=complete),
    )


def _price(transfer: Transfer) -> CreditTransfer:
    return CreditTransfer(
        from_user_id=transfer.buyer_user_id,
        to_user_id=transfer.seller_user_id,
        amount=transfer.credits_amount,
        reference_id=transfer.transfer_id,
    )


def _price_back(transfer: Transfer) -> CreditTransfer:
    return CreditTransfer(
        from_user_id=transfer.seller_user_id,
        to_user_id=transfer.buyer_user_id,
        amount=transfer.credits_amount,
        reference_id=transfer.reversal_id,
        freeze_id=transfer.dispute_id,
    )


def _disputed(transfer: Transfer) -> tuple:
    return transfer.seller_user_id, transfer.credits_amount, transfer.dispute_id


def _to_buyer(transfer: Transfer) -> SeatMove:
    return SeatMove(
        seat_id=transfer.seat_id,
        hold_id=transfer.order_id,
        transfer_id=transfer.transfer_id,
        move_id=transfer.transfer_id,
        from_user_id=transfer.seller_user_id,
        to_user_id=transfer.buyer_user_id,
    )


def _to_seller(transfer: Transfer) -> SeatMove:
    return SeatMove(
        seat_id=transfer.seat_id,
        hold_id=transfer.order_id,
        transfer_id=transfer.transfer_id,
        move_id=transfer.reversal_id,
        from_user_id=transfer.buyer_user_id,
        to_user_id=transfer.seller_user_id,
        back=True,
    )
