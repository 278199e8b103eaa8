"""The audit's walk: all of it, a bounded part at a time, and nothing that was only in flux."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from src.audit.seats import _of_sale
from src.audit.orders import judge_orders
from src.audit.walk import COUNTED, Audit, Part, Position
from src.clients.audit_client import STRETCH, UserSums
from src.clients.order_client import Order

from audit_books import PRICE, Books

MANY = 2 * STRETCH + 1


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
def audit(books: Books) -> Audit:
    return Audit(books)


def walked(audit: Audit) -> list[Part]:
    """Every part, until there is none."""
    parts = [audit.walk(None)]
    while parts[-1].next is not None:
        parts.append(audit.walk(Position.of(str(parts[-1].next))))
    return parts


def found(*parts: Part) -> list[tuple[int, dict[str, UUID]]]:
    return [(one.rule, one.ids) for part in parts for one in part.findings]


def ids_of(order: Order, *names: str) -> dict[str, UUID]:
    return {name: getattr(order, name) for name in names}


def user(**wrong: Any) -> UserSums:
    sums = ("credit_balance", "ledger_sum", "frozen_credits", "open_freezes")
    return UserSums(**{"user_id": uuid4(), **dict.fromkeys(sums, PRICE), **wrong})


@pytest.mark.parametrize("seconds", [5.0, 0.0])
def test_everything_is_checked_once_whether_in_one_part_or_in_many(
    books: Books, seconds: float
) -> None:
    for _ in range(MANY):
        books.sold()
        books.user_sums.append(user())
    parts = walked(Audit(books, seconds))
    assert (len(parts) == 1) == (seconds > 0)
    checked = {what: sum(part.checked[what] for part in parts) for what in COUNTED}
    assert checked == {**dict.fromkeys(COUNTED, MANY), "transfers": 0}
    assert found(*parts) == []
    assert books.most_told <= STRETCH


def test_what_is_broken_is_found_in_whatever_stretch_it_is(books: Books, audit: Audit) -> None:
    orders = sorted((books.sold() for _ in range(MANY)), key=lambda order: order.order_id)
    wrong = [orders[0], orders[STRETCH - 1], orders[STRETCH], orders[-1]]
    for order in wrong:
        books.book(order.order_id, order.user_id, "CHARGE", -PRICE)
    assert found(*walked(audit)) == [(2, ids_of(one, "order_id", "user_id")) for one in wrong]


def test_seats_and_sales_meet_though_one_side_has_many_more(books: Books, audit: Audit) -> None:
    """The sold seats between of which the other side knows nothing are each found once."""
    sold = [books.sold() for _ in range(MANY)]
    for order in sold[1:]:
        del books.all_seats[order.seat_id]
    ordered = sorted(sold[1:], key=lambda order: order.seat_id)
    seats = [one for part in walked(audit) for one in part.findings if one.rule == 3]
    assert [one.ids for one in seats] == [ids_of(one, "seat_id", "order_id") for one in ordered]


def test_a_part_ends_when_it_has_enough_to_tell_and_the_next_goes_on(books: Books) -> None:
    books.user_sums += [user(ledger_sum=0, open_freezes=0) for _ in range(1500)]
    parts = walked(Audit(books))
    assert max(len(part.findings) for part in parts) <= 1000 + 2 * STRETCH
    assert len(found(*parts)) == 3000
    assert {ids["user_id"] for _, ids in found(*parts)} == {one.user_id for one in books.user_sums}


# A pay that goes on while the audit reads: everything is right before, and after.


def paying(books: Books) -> tuple[Order, Callable[[], Order], Callable[[], Order]]:
    """A PENDING order, and what its pay does: begin with the charge, end with the sale."""
    order = books.order(saga_version=0)

    def begin() -> Order:
        books.book(order.order_id, order.user_id, "CHARGE", -PRICE)
        return books.change(order, saga="pay", saga_step="pay.charge", saga_version=1)

    def end() -> Order:
        books.seat(order)
        return books.change(order, status="CONFIRMED", saga_version=1)

    return order, begin, end


def test_an_order_whose_pay_begins_between_two_reads_is_unsettled_and_then_right(
    books: Books, audit: Audit
) -> None:
    order, begin, end = paying(books)
    seen = list(books.all_orders.values())
    books.after["orders"] = begin
    part = audit.walk(None)
    assert (found(part), [str(one) for one in part.unsettled]) == (
        [],
        [f"orders:{order.order_id}"],
    )
    assert judge_orders(books, seen)  # the first look alone would have reported it
    again = audit.again(part.unsettled[0])
    assert (found(again), again.unsettled) == ([], part.unsettled)
    end()
    again = audit.again(part.unsettled[0])
    assert (found(again), again.unsettled, again.next) == ([], [], None)


def test_an_order_that_is_paid_from_start_to_end_between_two_reads_is_not_reported(
    books: Books, audit: Audit
) -> None:
    order, begin, end = paying(books)
    books.after["orders"] = lambda: (begin(), end())
    part = audit.walk(None)
    assert found(part) == []
    assert [str(one) for one in part.unsettled] == [f"orders:{order.order_id}"]
    assert found(audit.again(part.unsettled[0])) == []


@pytest.mark.parametrize("moment", ["seats", "sales", "sales_of", "seats_named"])
def test_a_seat_that_is_sold_between_any_two_reads_is_not_reported(
    books: Books, audit: Audit, moment: str
) -> None:
    order, begin, end = paying(books)
    books.seat(order, status="HELD", owner_user_id=None)

    def sell() -> None:
        begin()
        end()

    books.after[moment] = sell
    if moment.endswith(("_of", "_named")):  # which are only asked about what looks broken
        books.seat(order)
    part = audit.walk(Position("seats"))
    assert found(part) == []


def test_a_seat_whose_sale_was_undone_between_two_reads_is_not_reported(
    books: Books, audit: Audit
) -> None:
    """Before and after no order has it; only the version tells that there was a saga."""
    order = books.order(status="FAILED", saga_version=1)
    sold = books.seat(order)

    def undone() -> None:
        books.seat(order, status="AVAILABLE", owner_user_id=None, hold_id=None)
        books.change(order, saga_version=2)

    books.after["seats_named"] = undone
    part = audit.walk(Position("seats"))
    assert found(part) == []
    assert part.unsettled == [Position("seats", order.seat_id)]
    assert list(_of_sale(order.seat_id, sold, []))  # what was read would have been reported
    again = audit.again(part.unsettled[0])
    assert (found(again), again.unsettled) == ([], [])


def test_a_seat_that_no_saga_is_at_work_on_is_reported(books: Books, audit: Audit) -> None:
    order = books.order(status="FAILED", saga_version=1)
    books.seat(order)
    assert found(audit.walk(Position("seats"))) == [(3, ids_of(order, "seat_id", "order_id"))]


def test_an_order_that_a_saga_is_at_work_on_all_the_while_is_never_reported(
    books: Books, audit: Audit
) -> None:
    order, begin, _ = paying(books)
    begin()
    part = audit.walk(None)
    assert (found(part), part.unsettled) == ([], [Position("orders", order.order_id)])


def test_credits_that_move_for_a_dispute_that_is_undone_meanwhile_are_not_reported(
    books: Books, audit: Audit
) -> None:
    seller, dispute = uuid4(), uuid4()
    books.book(dispute, seller, "FREEZE", -PRICE)
    books.after["references"] = lambda: books.book(dispute, seller, "UNFREEZE", PRICE)
    assert found(*walked(audit)) == []
    books.book(dispute, seller, "FREEZE", -PRICE)
    assert [rule for rule, _ in found(*walked(audit))] == [2]


@pytest.mark.parametrize("text", ["users", "seats:30000000-0000-4000-8000-000000000001"])
def test_a_position_is_read_as_it_is_written(text: str) -> None:
    assert str(Position.of(text)) == text
