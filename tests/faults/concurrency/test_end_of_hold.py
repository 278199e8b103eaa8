"""A hold ends while it is paid for: its buyer has the seat or the next one gets it."""

import time
from functools import partial

import httpx
import pytest

from arena import Arena, lasts, pay, reserve
from platform_client import Buyer
from scale import ROUNDS_OF_CONTROL, SCALE
from tally import assert_definite, kind

_PATIENCE_SECONDS = 10


def reserve_once_free(buyer: Buyer, seat_id: str) -> httpx.Response:
    """Ask for a seat until it is had or sold."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        answer = reserve(buyer, seat_id)
        if kind(answer) != "409 SEAT_UNAVAILABLE" or time.monotonic() > deadline:
            return answer


def pay_against_the_end(arena: Arena, rounds: int) -> None:
    """One pays for a seat at the moment his hold ends, another waits for it to be free."""
    first, second = arena.buyers(2, credits=350 * (rounds + 1))
    pay_seconds = lasts(partial(pay, first, first.reserve(arena.seat())["order_id"]))
    for _ in range(rounds):
        held = first.reserve(arena.seat())
        arena.end_hold_in(held["order_id"], arena.chance.random() * pay_seconds * 4)
        paid, reserved = arena.race(
            partial(pay, first, held["order_id"]),
            partial(reserve_once_free, second, held["seat_id"]),
        )
        winners = [paid.is_success, reserved.is_success].count(True)
        assert winners == 1, f"{winners} winners"
        arena.tally.won(winners)
        assert_definite([paid], "410 HOLD_EXPIRED")
        assert_definite([reserved], "409 SEAT_ALREADY_SOLD")
        if paid.is_success:
            assert_sold(arena, first, held, paid)
        else:
            now_held = reserved.json()["data"]
            arena.records.assert_held(second, now_held)
            assert sum(arena.records.movements(held["order_id"]).values()) == 0
            assert_sold(arena, second, now_held, pay(second, now_held["order_id"]))


def assert_sold(arena: Arena, buyer: Buyer, held: dict, paid: httpx.Response) -> None:
    price = paid.json()["data"]["credits_charged"]
    arena.records.assert_sold(buyer, held, str(price))


def test_a_seat_goes_to_who_pays_in_time_or_to_the_next_never_to_both(arena: Arena) -> None:
    pay_against_the_end(arena, SCALE.rounds * 4)


def test_without_the_guard_of_the_sale_it_goes_to_both(unguarded: Arena) -> None:
    with pytest.raises(AssertionError, match="^2 winners"):
        pay_against_the_end(unguarded, ROUNDS_OF_CONTROL)
