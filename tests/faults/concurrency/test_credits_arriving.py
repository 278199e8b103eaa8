"""Credits come in while others are spent, and one payment is told of several times at once."""

from collections.abc import Callable
from functools import partial
from uuid import uuid4

import httpx
import pytest

from arena import Arena, pay
from platform_client import Api
from scale import ROUNDS_OF_CONTROL, SCALE

Race = Callable[[Arena, int], None]


def tell(arena: Arena, event: bytes) -> httpx.Response:
    """Tell the platform of a payment as Stripe does, on a connection of its own."""
    headers = arena.stripe.signature(event)
    with Api(arena.api.base_url) as stripe:
        return stripe.call("POST", "/api/webhooks/stripe", content=event, headers=headers)


def top_up_during_pay(arena: Arena, rounds: int) -> None:
    """Two payments of 50 are credited while a seat is charged for."""
    [buyer] = arena.buyers(1, credits=350 * rounds)
    for _ in range(rounds):
        had, held = buyer.balance(), buyer.reserve(arena.seat())
        payments = [arena.stripe.succeeded(new_intent(), buyer.user_id, 5000) for _ in range(2)]
        paid, *told = arena.race(
            partial(pay, buyer, held["order_id"]),
            *(partial(tell, arena, event) for event in payments),
        )
        assert [paid.status_code, *(one.status_code for one in told)] == [200] * 3
        price = paid.json()["data"]["credits_charged"]
        lost = had + 100 - price - buyer.balance()
        assert lost == 0, f"{lost} credits are lost"
        arena.tally.won(1)
        arena.records.assert_sold(buyer, held, str(price))


def payment_told_at_once(arena: Arena, rounds: int) -> None:
    """The same event twice and another of the same payment, while a seat is charged for."""
    for _ in range(rounds):
        [buyer] = arena.buyers(1)
        held, intent = buyer.reserve(arena.seat()), new_intent()
        event, other = (arena.stripe.succeeded(intent, buyer.user_id, 5000) for _ in range(2))
        answers = arena.race(
            *(partial(tell, arena, one) for one in (event, event, other)),
            partial(pay, buyer, held["order_id"]),
        )
        top_ups = buyer.ledger().count(("TOPUP", 50))
        assert top_ups == 1, f"{top_ups} top-ups of one payment"
        arena.tally.won(top_ups)
        assert [answer.status_code for answer in answers] == [200] * 4
        price = answers[-1].json()["data"]["credits_charged"]
        assert buyer.balance() == 1050 - price
        arena.records.assert_sold(buyer, held, str(price))


def new_intent() -> str:
    return f"pi_{uuid4().hex}"


# Each race, and what is found of it where nothing keeps the two apart.
RACES: dict[Race, str] = {
    top_up_during_pay: r"^\S+ credits are lost",
    payment_told_at_once: r"^[23] top-ups",
}


@pytest.mark.parametrize("race", RACES)
def test_what_comes_in_is_credited_once_and_nothing_is_lost(arena: Arena, race: Race) -> None:
    race(arena, SCALE.rounds)


@pytest.mark.parametrize("race", RACES)
def test_without_locks_guards_and_keys_it_is_lost_or_credited_again(
    unguarded: Arena, race: Race
) -> None:
    with pytest.raises(AssertionError, match=RACES[race]):
        race(unguarded, ROUNDS_OF_CONTROL)
