"""A ticket is scanned while it changes hands: one person goes in, and it is the owner."""

from functools import partial

import httpx
import pytest

from arena import Arena, lasts
from deals import PARTIES, Deal
from gate import entries
from scale import ROUNDS_OF_CONTROL, SCALE
from tally import assert_definite, kind


def scan(arena: Arena, deal: Deal, name: str) -> httpx.Response:
    """Scan a code of this party, made right now."""
    return arena.gate.scan(arena.gate.code(deal.seat_id, deal.party(name)))


def scans_during_transfer(arena: Arena, rounds: int) -> None:
    """Seller and buyer stand at the gate with their codes while the swap runs."""
    swap_seconds = lasts(arena.deal().verified().confirm)
    for _ in range(rounds):
        deal = arena.deal().verified()
        before = deal.balances()
        swapped, *scanned = arena.race(
            deal.confirm,
            *(partial(scan, arena, deal, name) for name in PARTIES),
            within=swap_seconds,
        )
        went_in = [name for name, one in zip(PARTIES, scanned) if kind(one) == "200 SUCCESS"]
        winners = swapped.is_success + ("seller" in went_in)
        assert winners == 1, f"{winners} winners: the swap is {kind(swapped)}, {went_in} went in"
        arena.tally.won(winners)
        assert_definite([swapped], "409 TRANSFER_INVALID_STATE")
        assert_definite(scanned)
        assert_settled(deal, swapped.is_success, went_in, before)


def assert_settled(
    deal: Deal, is_swapped: bool, went_in: list[str], before: tuple[float, float]
) -> None:
    owner, paid = (deal.buyer, deal.price) if is_swapped else (deal.seller, 0)
    status = "CHECKED_IN" if went_in else "SOLD"
    assert deal.records.seat(deal.seat_id) == (status, owner.user_id)
    assert entries(deal.records, deal.seat_id).count("SUCCESS") == len(went_in) <= 1
    assert deal.status() == ("COMPLETED" if is_swapped else "FAILED")
    assert deal.balances() == (before[0] + paid, before[1] - paid)


def test_a_scan_during_a_transfer_lets_its_owner_in_or_the_seat_moves(arena: Arena) -> None:
    scans_during_transfer(arena, SCALE.rounds * 2)


def test_without_lock_and_guards_a_seat_moves_whose_owner_went_in(unguarded: Arena) -> None:
    with pytest.raises(AssertionError, match="^2 winners"):
        scans_during_transfer(unguarded, ROUNDS_OF_CONTROL)


def test_a_seat_whose_owner_went_in_never_moves(arena: Arena) -> None:
    """Whoever asks, and however many at once."""
    deal = arena.deal().verified()
    before = deal.balances()
    assert kind(scan(arena, deal, "seller")) == "200 SUCCESS"
    answers = arena.race(
        *(partial(deal.confirm, deal.party(name)) for name in PARTIES * 2),
        partial(deal.initiate, buyer_user_id=arena.buyers(1)[0].user_id),
        partial(arena.refund, deal.order_id),
        partial(scan, arena, deal, "buyer"),
    )
    refusals = ("409 TRANSFER_INVALID_STATE", "409 SEAT_UNAVAILABLE", "409 ORDER_INVALID_STATE")
    assert_definite(answers, *refusals)
    assert kind(answers[-1]) in ("200 NOT_OWNER", "200 DUPLICATE")
    assert not any(answer.is_success for answer in answers[:-1])
    assert_settled(deal, False, ["seller"], before)
