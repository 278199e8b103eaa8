"""A seat is passed on from two sides at the same moment: one of them has its way, once."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from arena import Arena, lasts
from deals import PARTIES, Deal
from scale import ROUNDS_OF_CONTROL, SCALE
from tally import assert_definite, kind

INVALID = "409 TRANSFER_INVALID_STATE"
Race = Callable[[Arena, int], None]


def drivers(deal: Deal) -> int:
    """How often a saga of the transfer was claimed."""
    sql = "SELECT saga_version FROM transfers WHERE transfer_id = %s"
    return deal.records.query("order", sql, deal.transfer_id)[0][0]


def standing_offers(deal: Deal) -> list[str]:
    """The transfers of the seat that can still be confirmed."""
    sql = (
        "SELECT transfer_id::text FROM transfers"
        " WHERE seat_id = %s AND status IN ('INITIATED', 'PENDING_OTP')"
    )
    return [one for (one,) in deal.records.query("order", sql, deal.seat_id)]


def offers_and_a_request(arena: Arena, rounds: int) -> None:
    """A seller offers his seat to two buyers while a third one asks for it."""
    for _ in range(rounds):
        first = arena.deal()
        deals = [first, *(replace(first, buyer=buyer) for buyer in arena.buyers(2))]
        asking = deals[2]
        answers = arena.race(
            *(deal.initiate for deal in deals[:2]), partial(asking.initiate, by=asking.buyer)
        )
        standing = standing_offers(first)
        assert len(standing) == 1, f"{len(standing)} offers stand"
        arena.tally.won(1)
        assert_definite(answers, "409 TRANSFER_IN_PROGRESS")
        [deal] = [one for one in deals if one.transfer_id == standing[0]]
        confirm_all(arena, deals, deal)


def confirm_all(arena: Arena, deals: list[Deal], standing: Deal) -> None:
    """All that were begun are confirmed at once; the one that stands is, and the seat is paid."""
    seller_had, buyer_had = standing.balances()
    assert standing.give_code("buyer").is_success
    # the seller was sent a code for each of those that were begun
    codes = standing.smu.codes(standing.seller.phone)[: len(deals)]
    assert any(standing.give_code("seller", code).is_success for code in codes)
    begun = [one for one in deals if one.transfer_id]
    answers = arena.race(*(one.confirm for one in begun))
    assert [one for one, answer in zip(begun, answers) if answer.is_success] == [standing]
    assert_definite(answers, INVALID)
    assert standing.balances() == (seller_had + 100, buyer_had - 100)
    standing.assert_with("buyer")


def confirm_from_both_sides(arena: Arena, rounds: int) -> None:
    """Seller and buyer confirm, each twice."""
    for _ in range(rounds):
        deal = arena.deal().verified()
        seller_had, buyer_had = deal.balances()
        answers = arena.race(*(partial(deal.confirm, deal.party(name)) for name in PARTIES * 2))
        assert drivers(deal) == 1, f"{drivers(deal)} drivers"
        arena.tally.won(1)
        assert [kind(answer) for answer in answers] == ["200"] * 4
        assert deal.balances() == (seller_had + 100, buyer_had - 100)
        assert deal.buyer.ledger().count(("TRANSFER_OUT", -100)) == 1
        deal.assert_with("buyer")


def confirm_against_cancel(arena: Arena, rounds: int) -> None:
    """The buyer confirms while the seller takes it back."""
    swap_seconds = lasts(arena.deal().verified().confirm)
    for _ in range(rounds):
        deal = arena.deal().verified()
        before = deal.balances()
        cancel = partial(deal.settle, "cancel", deal.seller.api)
        answers = arena.race(deal.confirm, cancel, within=swap_seconds)
        winners = [answer.is_success for answer in answers].count(True)
        assert winners == 1, f"{winners} winners"
        arena.tally.won(winners)
        assert_definite(answers, INVALID)
        is_confirmed = answers[0].is_success
        assert deal.status() == ("COMPLETED" if is_confirmed else "FAILED")
        paid = 100 if is_confirmed else 0
        assert deal.balances() == (before[0] + paid, before[1] - paid)
        deal.assert_with("buyer" if is_confirmed else "seller")


def dispute_against_dispute(arena: Arena, rounds: int) -> None:
    """Both dispute it, each twice."""
    for _ in range(rounds):
        deal = arena.deal().completed()
        seller_had, _ = deal.balances()
        answers = arena.race(
            *(
                partial(deal.settle, "dispute", deal.party(name).api, reason=name)
                for name in PARTIES * 2
            )
        )
        winners = [name for name, answer in zip(PARTIES * 2, answers) if answer.is_success]
        assert len(winners) == 1, f"{len(winners)} winners"
        arena.tally.won(len(winners))
        assert_definite(answers, INVALID)
        seen = deal.buyer.api.ok("GET", f"/api/transfers/{deal.transfer_id}")
        dispute = (seen["status"], seen["disputed_by"], seen["dispute_reason"])
        assert dispute == ("DISPUTED", winners[0].upper(), winners[0])
        assert (deal.frozen(), deal.seller.balance()) == (100, seller_had - 100)
        deal.assert_with("buyer")


def reverse_from_both_sides(arena: Arena, rounds: int) -> None:
    """Seller and staff reverse what the buyer has disputed, each twice; so would he."""
    for _ in range(rounds):
        deal = arena.deal()
        before = deal.balances()
        deal.disputed(by="buyer")
        claimed = drivers(deal)
        callers = (deal.seller.api, arena.staff, deal.buyer.api)
        answers = arena.race(*(partial(deal.settle, "reverse", by) for by in callers * 2))
        driven = drivers(deal) - claimed
        assert driven == 1, f"{driven} drivers"
        arena.tally.won(1)
        assert [kind(answer) for answer in answers[:2] + answers[3:5]] == ["200"] * 4
        assert_definite(answers[2::3], "403 FORBIDDEN", INVALID)
        assert deal.status() == "REVERSED"
        assert (deal.balances(), deal.frozen()) == (before, 0)
        deal.assert_with("seller")


def refund_during_transfer(arena: Arena, rounds: int) -> None:
    """The seat's order is refunded while it is passed on: the price goes to whose seat it was."""
    swap_seconds = lasts(arena.deal().verified().confirm)
    for _ in range(rounds):
        deal = arena.deal().verified()
        answers = arena.race(
            deal.confirm, partial(arena.refund, deal.order_id), within=swap_seconds
        )
        ended = deal.status(), refunded_to(deal)
        assert ended in (("FAILED", "seller"), ("COMPLETED", "buyer"), ("COMPLETED", None)), ended
        arena.tally.won(1)
        assert_definite(answers[:1], INVALID)
        assert_definite(answers[1:], "409 ORDER_INVALID_STATE", "409 SEAT_UNAVAILABLE")
        assert answers[0].is_success == (ended[0] == "COMPLETED")
        assert answers[1].is_success == (ended[1] is not None)
        if answers[1].is_success:
            assert arena.records.order(deal.order_id) == ("REFUNDED", None)
            assert arena.records.seat(deal.seat_id) == ("AVAILABLE", None)
        else:
            deal.assert_with("buyer")
        for party in PARTIES:
            arena.records.assert_balance_is_ledger(deal.party(party))


def refunded_to(deal: Deal) -> str | None:
    """Who was given the price back."""
    sql = "SELECT user_id::text FROM credit_ledger WHERE reference_id = %s AND kind = 'REFUND'"
    given = deal.records.query("user", sql, deal.order_id)
    return (
        {deal.seller.user_id: "seller", deal.buyer.user_id: "buyer"}[given[0][0]] if given else None
    )


# Each race, and what is found of it where nothing keeps the two sides apart.
RACES: dict[Race, str] = {
    offers_and_a_request: r"^[23] offers stand",
    confirm_from_both_sides: r"^[234] drivers",
    confirm_against_cancel: r"^2 winners",
    dispute_against_dispute: r"^[234] winners",
    reverse_from_both_sides: r"^[234] drivers",
    refund_during_transfer: r"^\('COMPLETED', 'seller'\)",
}


@pytest.mark.parametrize("race", RACES)
def test_one_of_both_sides_has_its_way_once(arena: Arena, race: Race) -> None:
    race(arena, SCALE.rounds)


@pytest.mark.parametrize("race", RACES)
def test_without_lock_guard_and_index_both_have_it(unguarded: Arena, race: Race) -> None:
    with pytest.raises(AssertionError, match=RACES[race]):
        race(unguarded, ROUNDS_OF_CONTROL)
