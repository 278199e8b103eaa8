"""The day of a big on-sale: everybody wants the same seat, or the best ones of a hall."""

import random
from decimal import Decimal
from functools import partial

import httpx
import pytest

from arena import Arena, Rush, pay, reserve
from platform_client import Buyer
from scale import SCALE, SEED
from tally import assert_definite

RESERVE = ("409 SEAT_UNAVAILABLE", "409 SEAT_ALREADY_SOLD")
Answers = list[httpx.Response]


def buy(arena: Arena, buyer: Buyer, seat_id: str) -> Answers:
    """What comes of reserving a seat, and of paying for it once it is held."""
    reserved = arena.tally.hear(reserve(buyer, seat_id))
    if not reserved.is_success:
        return [reserved]
    return [reserved, arena.tally.hear(pay(buyer, reserved.json()["data"]["order_id"]))]


def rush_for_one_seat(arena: Arena, buyers: int) -> None:
    """All reserve it at the same moment; whoever holds it pays, at once."""
    crowd, seat_id = arena.buyers(buyers), arena.seat()
    answers = arena.at_once(*(partial(buy, arena, buyer, seat_id) for buyer in crowd))
    winners = [(buyer, got) for buyer, got in zip(crowd, answers) if got[0].is_success]
    assert len(winners) == 1, f"{len(winners)} winners"
    arena.tally.won(len(winners))
    [(winner, (reserved, paid))] = winners
    assert_definite([got[0] for got in answers], *RESERVE)
    assert paid.json()["data"]["status"] == "CONFIRMED"
    price = str(paid.json()["data"]["credits_charged"])
    arena.records.assert_sold(winner, reserved.json()["data"], price)
    sql = "SELECT user_id::text, status::text FROM orders WHERE seat_id = %s"
    assert arena.records.query("order", sql, seat_id) == [(winner.user_id, "CONFIRMED")]
    assert spent(arena, crowd) == Decimal(price)


def spent(arena: Arena, crowd: list[Buyer]) -> Decimal:
    """What they have less than the 1,000 credits that each was given."""
    sql = "SELECT sum(1000 - credit_balance) FROM users WHERE user_id::text = ANY(%s)"
    ((total,),) = arena.records.query("user", sql, [buyer.user_id for buyer in crowd])
    return total


def test_of_a_crowd_that_wants_one_seat_one_gets_it_and_all_others_are_told(arena: Arena) -> None:
    rush_for_one_seat(arena, SCALE.buyers_of_one_seat)


_TRIES = 10


def test_without_lock_guard_and_index_several_of_the_crowd_hold_it(unguarded: Arena) -> None:
    with pytest.raises(AssertionError, match=r"^\d+ winners"):
        for _ in range(_TRIES):  # a race may come out well, but not always
            rush_for_one_seat(unguarded, 20)


def best_seats(arena: Arena, rush: Rush, buyer: Buyer, each: int, seed: int) -> Answers:
    """Look at the hall, and buy `each` of its free seats: the better, the likelier."""
    choice = random.Random(seed)
    seen = arena.tally.hear(buyer.api.call("GET", f"/api/events/{rush.event_id}"))
    free = [one["seat_id"] for one in seen.json()["data"]["seats"] if one["status"] == "AVAILABLE"]
    wanted = {free[int(len(free) * choice.random() ** 3)] for _ in range(each)}
    return [seen] + [answer for seat_id in wanted for answer in buy(arena, buyer, seat_id)]


def rush_for_a_hall(arena: Arena, buyers: int, seats: int, each: int) -> None:
    """Everybody looks at the same moment, and buys what is free as far as he has seen."""
    rush, crowd = arena.rush(seats), arena.buyers(buyers)
    shop = partial(best_seats, arena, rush)
    lists = arena.at_once(
        *(partial(shop, buyer, each, SEED + number) for number, buyer in enumerate(crowd))
    )
    orders = arena.records.query(
        "order",
        "SELECT seat_id::text, user_id::text FROM orders"
        " WHERE event_id = %s AND status = 'CONFIRMED' ORDER BY seat_id",
        rush.event_id,
    )
    twice = len(orders) - len({seat_id for seat_id, _ in orders})
    assert twice == 0, f"{twice} seats too many are sold"
    arena.tally.won(len(orders))
    assert_definite([answer for answers in lists for answer in answers], *RESERVE)
    assert_sold_as_told(arena, rush, crowd, lists, orders)


def assert_sold_as_told(
    arena: Arena,
    rush: Rush,
    crowd: list[Buyer],
    lists: list[Answers],
    orders: list[tuple[str, str]],
) -> None:
    """Who was told that a seat is his has it and has paid for it, and nobody else."""
    told = sorted(
        (answer.json()["data"]["seat_id"], buyer.user_id)
        for buyer, answers in zip(crowd, lists)
        for answer in answers[1:]
        if answer.is_success and answer.json()["data"]["status"] == "CONFIRMED"
    )
    assert told == orders
    owned = arena.records.query(
        "inventory",
        "SELECT seat_id::text, owner_user_id::text FROM seats"
        " WHERE event_id = %s AND status <> 'AVAILABLE' ORDER BY seat_id",
        rush.event_id,
    )
    assert owned == orders
    assert spent(arena, crowd) == rush.price * len(orders)


def test_a_crowd_buys_a_hall_of_5000_and_each_seat_has_one_order(arena: Arena) -> None:
    rush_for_a_hall(arena, SCALE.buyers_of_a_hall, 5000, SCALE.seats_each)


def test_without_locks_guards_and_indexes_seats_are_sold_twice(unguarded: Arena) -> None:
    with pytest.raises(AssertionError, match=r"^\d+ seats too many are sold"):
        rush_for_a_hall(unguarded, 20, 5, 3)
