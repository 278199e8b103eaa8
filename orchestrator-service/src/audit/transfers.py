"""Rule 5: a completed transfer moved seat and credits once, a reversed one moved both back once."""

from collections.abc import Iterator
from uuid import UUID

from ..clients.audit_client import AuditClient, Entry, Move
from ..clients.transfer_client import Transfer
from .credits import booked, net
from .findings import Finding

_PASSED_ON = ("COMPLETED", "DISPUTED", "REVERSED")
_KINDS_BACK = ["FREEZE", "TRANSFER_IN", "TRANSFER_OUT"]


def judge_transfers(client: AuditClient, transfers: list[Transfer]) -> dict[UUID, list[Finding]]:
    """What is wrong with seat or credits of some of these transfers, by transfer."""
    entries = client.entries([key for transfer in transfers for key in _keys(transfer)])
    moves = client.moves([transfer.transfer_id for transfer in transfers])
    wrong: dict[UUID, list[Finding]] = {}
    for transfer in transfers:
        ids = {name: getattr(transfer, name) for name in ("transfer_id", "order_id", "seat_id")}
        problems = [
            _of_seat(transfer, moves.get(transfer.transfer_id, [])),
            _of_credits(transfer, *(entries.get(key, []) for key in _all_keys(transfer))),
        ]
        findings = [Finding(5, what, ids) for what in problems if what is not None]
        if findings:
            wrong[transfer.transfer_id] = findings
    return wrong


def _all_keys(transfer: Transfer) -> tuple[UUID | None, ...]:
    """What the ledger knows the price, the freeze and the price's way back by."""
    return transfer.transfer_id, transfer.dispute_id, transfer.reversal_id


def _keys(transfer: Transfer) -> Iterator[UUID]:
    return (key for key in _all_keys(transfer) if key is not None)


def _of_seat(transfer: Transfer, moves: list[Move]) -> str | None:
    sale = transfer.seat_id, transfer.order_id
    there = Move("FORWARD", *sale, transfer.seller_user_id, transfer.buyer_user_id)
    back = Move("BACK", *sale, transfer.buyer_user_id, transfer.seller_user_id)
    wanted = [there] if transfer.status in _PASSED_ON else []
    if transfer.status == "REVERSED":
        wanted = [back, there]
    if sorted(moves, key=lambda move: move.direction) == wanted:
        return None
    if not wanted:
        return f"A {transfer.status} transfer has moved its seat."
    way = "there and back" if back in wanted else "to the buyer and not back"
    return f"A {transfer.status} transfer has not moved its seat {way}, once."


def _of_credits(
    transfer: Transfer, price: list[Entry], dispute: list[Entry], way_back: list[Entry]
) -> str | None:
    status, amount = transfer.status, transfer.credits_amount
    seller, buyer = transfer.seller_user_id, transfer.buyer_user_id
    if status not in _PASSED_ON:
        moved = net(price + dispute + way_back)
        return f"The credits of a {status} transfer do not net to zero." if moved else None
    if booked(price) != [("TRANSFER_IN", seller, amount), ("TRANSFER_OUT", buyer, -amount)]:
        return f"A {status} transfer has not moved the credits to the seller, once."
    if status == "REVERSED":
        returned = {seller: -amount, buyer: amount} if amount else {}
        kinds = sorted(entry.kind for entry in dispute + way_back)
        is_right = kinds == _KINDS_BACK and net(dispute + way_back) == returned
        return None if is_right else "A REVERSED transfer has not moved the credits back, once."
    kept = way_back if status == "DISPUTED" else dispute + way_back
    return f"A {status} transfer has moved or kept credits of its dispute." if net(kept) else None
