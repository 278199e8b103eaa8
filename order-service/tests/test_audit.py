"""What the audit is told: every record once, by key, and each seat's sale of one instant."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from desk import Desk

Record = dict[str, Any]


@pytest.fixture
def clerk(own_desk: Desk) -> Desk:
    """The service on a database in which only this test writes."""
    return own_desk


def walked(desk: Desk, path: str, key: str, limit: int, **wanted: Any) -> Iterator[Record]:
    """Everything, a stretch at a time."""
    after: Record = {}
    while True:
        status, found = desk.call("POST", path, limit=limit, **wanted, **after)
        assert status == 200, found
        assert len(found) <= limit
        yield from found
        if len(found) < limit:
            return
        after = {"after": found[-1][key]}


def of_seat(desk: Desk, seat_id: str) -> Record:
    status, [sale] = desk.call("POST", "/audit/sales", ids=[seat_id])
    assert status == 200
    return sale


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
def test_every_order_is_told_once_in_the_order_of_its_id(clerk: Desk, limit: int) -> None:
    orders = [clerk.order(), clerk.sold(), clerk.order(), clerk.sold(), clerk.order()]
    seen = list(walked(clerk, "/audit/orders", "order_id", limit))
    assert seen == sorted(map(clerk.now, orders), key=lambda one: UUID(one["order_id"]))


@pytest.mark.parametrize("limit", [1, 3])
def test_every_transfer_is_told_once_with_its_journal(clerk: Desk, limit: int) -> None:
    transfers = [clerk.initiated(clerk.sold()), clerk.completed(clerk.sold())]
    transfers.append(clerk.claimed(clerk.verified(clerk.sold()), "confirm"))
    seen = list(walked(clerk, "/audit/transfers", "transfer_id", limit))
    assert seen == sorted(map(clerk.now, transfers), key=lambda one: UUID(one["transfer_id"]))
    assert [one["saga"] for one in seen].count("confirm") == 1


def test_records_are_told_by_name_and_what_is_not_there_is_left_out(desk: Desk) -> None:
    order, transfer = desk.order(), desk.initiated(desk.sold())
    ids = [order["order_id"], str(uuid4())]
    assert desk.call("POST", "/audit/orders", ids=ids) == (200, [order])
    assert desk.call("POST", "/audit/orders", ids=[]) == (200, [])
    ids = [transfer["transfer_id"]]
    assert desk.call("POST", "/audit/transfers", ids=ids) == (200, [transfer])


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_every_seat_that_is_sold_is_told_once_and_only_those(clerk: Desk, limit: int) -> None:
    sold = [clerk.sold() for _ in range(3)]
    clerk.order()
    clerk.ended(clerk.claimed(clerk.sold(), "refund"), "REFUNDED")
    seen = list(walked(clerk, "/audit/sales", "seat_id", limit))
    seats = sorted((order["seat_id"] for order in sold), key=UUID)
    assert [one["seat_id"] for one in seen] == seats
    until = list(walked(clerk, "/audit/sales", "seat_id", limit, until=seats[1]))
    assert [one["seat_id"] for one in until] == seats[:2]


def test_a_seat_belongs_to_its_buyer_or_to_the_end_of_the_chain_of_transfers(desk: Desk) -> None:
    order = desk.sold()

    def owner() -> str:
        [sold] = of_seat(desk, order["seat_id"])["confirmed"]
        assert sold["order_id"] == order["order_id"]
        return sold["owner_user_id"]

    assert owner() == order["user_id"]
    first = desk.completed(order)
    assert owner() == first["buyer_user_id"]
    second = desk.completed(order, seller_user_id=first["buyer_user_id"])
    assert owner() == second["buyer_user_id"]
    disputed = desk.ended(desk.claimed(second, "dispute"), "DISPUTED")
    assert owner() == second["buyer_user_id"]
    desk.ended(desk.claimed(disputed, "reverse"), "REVERSED")
    assert owner() == first["buyer_user_id"]
    desk.pending(order, seller_user_id=first["buyer_user_id"])
    assert owner() == first["buyer_user_id"]


def test_two_confirmed_orders_of_a_seat_are_both_told(clerk: Desk) -> None:
    clerk.sql("DROP INDEX idx_one_confirmed_order_per_seat")
    order = clerk.sold()
    other = clerk.sold(seat_id=order["seat_id"])
    [sale] = walked(clerk, "/audit/sales", "seat_id", 1)
    told = [one["order_id"] for one in sale["confirmed"]]
    assert told == sorted((order["order_id"], other["order_id"]), key=UUID)


def test_a_saga_on_any_record_of_the_seat_shows_while_it_works_and_afterwards(desk: Desk) -> None:
    """Else what is read between two equal answers would prove nothing."""
    order = desk.order()

    def seen() -> tuple[bool, int]:
        sale = of_seat(desk, order["seat_id"])
        return sale["at_work"], sale["version"]

    assert seen() == (False, 0)
    _, paying = desk.claim_pay(order)
    assert seen() == (True, 1)
    desk.ended(paying, "CONFIRMED")
    assert seen() == (False, 1)
    confirming = desk.claimed(desk.verified(order), "confirm")
    assert seen() == (True, 2)
    desk.ended(confirming, "FAILED", reason="INSUFFICIENT_CREDITS")
    assert seen() == (False, 2)
    failed = desk.order(seat_id=order["seat_id"])
    _, paying = desk.claim_pay(failed)
    desk.ended(paying, "FAILED", reason="HOLD_EXPIRED")
    assert seen() == (False, 3)


def test_a_seat_that_nobody_ever_ordered_has_no_sale(desk: Desk) -> None:
    nothing = {"version": 0, "at_work": False, "confirmed": []}
    seat_id = str(uuid4())
    assert of_seat(desk, seat_id) == {"seat_id": seat_id, **nothing}


def test_ids_of_orders_transfers_disputes_and_reversals_are_known_and_no_others(
    desk: Desk,
) -> None:
    disputed = desk.disputed(desk.sold())
    reversing = desk.claimed(disputed, "reverse")
    known = [reversing[f"{name}_id"] for name in ("order", "transfer", "dispute", "reversal")]
    stranger = str(uuid4())
    told = desk.call("POST", "/audit/unknown", ids=[*known, stranger])
    assert told == (200, {"ids": [stranger]})
    assert desk.call("POST", "/audit/unknown", ids=known) == (200, {"ids": []})


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"limit": 0},
        {"limit": 1001},
        {"limit": 1, "ids": []},
        {"ids": [str(uuid4()) for _ in range(1001)]},
    ],
)
def test_more_than_a_stretch_is_refused(call: Callable[..., Any], wanted: Record) -> None:
    for path in ("orders", "transfers", "sales"):
        status, error = call("POST", f"/audit/{path}", **wanted)
        assert (status, error["error_code"]) == (400, "VALIDATION_ERROR")


def test_a_malformed_id_is_refused(desk: Desk) -> None:
    status, error = desk.call("POST", "/audit/orders", after="nonsense")
    assert (status, error["error_code"]) == (400, "INVALID_UUID")
