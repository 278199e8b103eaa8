"""Whatever is done in whatever order, by several at once: no credit appears, none is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from market import MOVES, Market
from outside import Smu, Stripe
from platform_client import Api, Buyer, Records

NewBuyer, NewSeat = Callable[..., Buyer], Callable[[], str]

SMALL = st.integers(0, 9)
# buying and passing on come more often: the others need what these leave
MOVE = st.sampled_from(MOVES + ("buy", "transfer", "transfer", "dispute"))
MOVES_OF_ONE = st.lists(st.tuples(MOVE, SMALL, SMALL, st.integers(0, 400)), max_size=8)


@pytest.fixture
def new_market(
    new_buyer: NewBuyer,
    new_seat: NewSeat,
    staff: Api,
    smu: Smu,
    stripe: Stripe,
    records: Records,
) -> Callable[[], Market]:
    """Three users with 2,000 credits each, one of whom has a seat."""

    def making() -> Market:
        users = [new_buyer(credits=2000) for _ in range(3)]
        market = Market(users, new_seat, staff, smu, stripe, records)
        market.paid_in += 3 * 2000
        market.play("buy", 0, 0, 0)
        return market

    return making


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(threads=st.lists(MOVES_OF_ONE, min_size=3, max_size=3))
def test_every_balance_is_its_ledger_and_all_together_are_what_came_in(
    new_market: Callable[[], Market], threads: list[list[tuple[str, int, int, int]]]
) -> None:
    market = new_market()

    def play(moves: list[tuple[str, int, int, int]]) -> None:
        for move in moves:
            market.play(*move)

    with ThreadPoolExecutor(len(threads)) as pool:
        list(pool.map(play, threads))
    market.settle()
    market.assert_balanced()
    market.assert_owned()


def test_each_move_of_the_property_test_can_succeed(new_market: Callable[[], Market]) -> None:
    """Else it would prove nothing."""
    market = new_market()
    for move in ("deposit", "transfer", "dispute", "reverse", "transfer", "transfer"):
        market.play(move, 0, 1 if move != "transfer" else len(market.deals) + 1, 100)
    for deal in range(len(market.deals)):
        market.play("dispute", deal, 0, 0)
        market.play("dismiss", deal, 0, 0)
    market.play("refund", 0, 0, 0)
    assert set(MOVES) <= market.done
    market.settle()
    market.assert_balanced()
    market.assert_owned()
