"""The refund's claim of an order: to the seat's present owner, ending its active transfer."""

from uuid import uuid4

import pytest
from sqlalchemy.exc import IntegrityError

from common.database import violated_constraint

from desk import Desk, assert_refused, path_of


def test_a_refund_goes_to_the_orders_buyer_who_has_the_seat_still(desk: Desk) -> None:
    order = desk.sold()
    assert order["refund_to_user_id"] is None
    claimed = desk.claimed(order, "refund", reason="The show is cancelled.")
    assert (claimed["saga"], claimed["saga_step"]) == ("refund", "refund.release_seat")
    assert (claimed["status"], claimed["refund_to_user_id"]) == ("CONFIRMED", order["user_id"])
    refunded = desk.ended(claimed, "REFUNDED")
    assert (refunded["status"], refunded["saga"]) == ("REFUNDED", None)
    assert refunded["refund_to_user_id"] == order["user_id"]


def test_the_reason_is_kept(desk: Desk) -> None:
    order = desk.sold()
    desk.claimed(order, "refund", reason="The show is cancelled.")
    with desk.database.transaction() as session:
        query = f"SELECT refund_reason FROM orders WHERE order_id = '{order['order_id']}'"
        kept = session.connection().exec_driver_sql(query).scalar_one()
    assert kept == "The show is cancelled."


def test_a_refund_goes_to_the_end_of_the_chain_of_transfers(desk: Desk) -> None:
    order = desk.sold()
    first = desk.completed(order)
    last = desk.completed(order, seller_user_id=first["buyer_user_id"])
    assert desk.claimed(order, "refund")["refund_to_user_id"] == last["buyer_user_id"]


@pytest.mark.parametrize("made", ["dismissed", "reversed", "failed"])
def test_who_owns_the_seat_is_what_its_transfers_came_to(desk: Desk, made: str) -> None:
    order = desk.sold()
    if made == "failed":
        transfer = desk.initiated(order)
        desk.call("PATCH", path_of(transfer), status="FAILED", reason="CANCELLED")
    else:
        transfer = desk.disputed(order)
    if made == "reversed":
        desk.ended(desk.claimed(transfer, "reverse"), "REVERSED")
    if made == "dismissed":
        desk.ended(desk.claimed(transfer, "dismiss"), "COMPLETED")
    owner = transfer["buyer_user_id"] if made == "dismissed" else order["user_id"]
    assert desk.claimed(order, "refund")["refund_to_user_id"] == owner


def test_a_refund_ends_the_active_transfer(desk: Desk) -> None:
    order = desk.sold()
    transfer = desk.verified(order)
    desk.claimed(order, "refund")
    ended = desk.now(transfer)
    assert (ended["status"], ended["failure_reason"]) == ("FAILED", "ORDER_REFUNDED")
    failed = {"transfer_id": ended["transfer_id"], "status": "FAILED"}
    assert_refused(desk.claim(transfer, "confirm"), "TRANSFER_INVALID_STATE", **failed)


@pytest.mark.parametrize("saga", ["confirm", "dispute", "reverse", "dismiss"])
def test_a_refund_waits_for_the_saga_of_a_transfer(desk: Desk, saga: str) -> None:
    order = desk.sold()
    before = {"confirm": desk.verified, "dispute": desk.completed}.get(saga, desk.disputed)
    claimed = desk.claimed(before(order), saga)
    details = {"order_id": order["order_id"], "status": "CONFIRMED", "saga": saga}
    assert_refused(desk.claim(order, "refund"), "ORDER_INVALID_STATE", **details)
    assert (desk.now(order), desk.now(claimed)) == (order, claimed)


def test_the_same_driver_has_its_refund_already_and_another_is_told_of_it(desk: Desk) -> None:
    order, driver = desk.sold(), str(uuid4())
    claimed = desk.claimed(order, "refund", driver=driver)
    assert desk.claim(order, "refund", driver=driver) == (200, claimed)
    details = {"order_id": order["order_id"], "status": "CONFIRMED", "saga": "refund"}
    assert_refused(desk.claim(order, "refund"), "ORDER_INVALID_STATE", **details)


def test_a_disputed_transfer_is_settled_before_its_order_is_refunded(desk: Desk) -> None:
    order = desk.sold()
    disputed = desk.disputed(order)
    details = {
        "order_id": order["order_id"],
        "status": "CONFIRMED",
        "transfer_id": disputed["transfer_id"],
    }
    assert_refused(desk.claim(order, "refund"), "ORDER_INVALID_STATE", **details)
    desk.ended(desk.claimed(disputed, "dismiss"), "COMPLETED")
    assert desk.claimed(order, "refund")["refund_to_user_id"] == disputed["buyer_user_id"]


def test_only_a_confirmed_order_is_refunded(desk: Desk) -> None:
    failed = desk.order()
    desk.call("PATCH", path_of(failed), status="FAILED", reason="HOLD_EXPIRED")
    refunded = desk.ended(desk.claimed(desk.sold(), "refund"), "REFUNDED")
    for order, status in ((desk.order(), "PENDING"), (failed, "FAILED"), (refunded, "REFUNDED")):
        details = {"order_id": order["order_id"], "status": status}
        assert_refused(desk.claim(order, "refund"), "ORDER_INVALID_STATE", **details)
    unknown = {"order_id": str(uuid4())}
    assert_refused(desk.claim(unknown, "refund"), "ORDER_NOT_FOUND")


def test_a_refund_given_back_leaves_the_order_as_it_was(desk: Desk) -> None:
    order = desk.sold()
    claimed = desk.claimed(order, "refund", reason="X")
    path = f"{path_of(order)}/saga/end"
    status, free = desk.call("POST", path, saga_version=claimed["saga_version"])
    unchanged = ("status", "saga", "refund_to_user_id")
    assert status == 200 and [free[name] for name in unchanged] == [order[n] for n in unchanged]
    desk.initiated(order)


def test_a_user_who_is_given_must_be_the_orders(desk: Desk) -> None:
    order = desk.sold()
    assert_refused(desk.claim(order, "refund", user_id=str(uuid4())), "ORDER_NOT_FOUND")
    desk.claimed(order, "refund", user_id=order["user_id"])


def test_pay_needs_its_user_and_takes_no_reason(desk: Desk) -> None:
    order = desk.order()
    for given in ({"user_id": None}, {"reason": "X"}):
        status, error = desk.claim_pay(order, **given)
        assert (status, error["error_code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    "change", ["refund_to_user_id = user_id", "status = 'REFUNDED'", "refund_reason = 'x'"]
)
def test_the_database_itself_keeps_a_refund_and_its_receiver_together(
    desk: Desk, change: str
) -> None:
    order = desk.sold()
    with pytest.raises(IntegrityError) as refused:
        desk.sql(f"UPDATE orders SET {change} WHERE order_id = :id", id=order["order_id"])
    assert violated_constraint(refused.value) in ("order_refund_to", "order_refund_reason")
