"""Orders: booked once, moved along their life and never off it."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from common.database import Database
from common.testing import INTERNAL_TOKEN, schema_differences
from src.models.base import Base
from src.models.order import Order  # noqa: F401  (registers the table)
from src.models.transfer import Transfer  # noqa: F401
from src.services.order_service import OrderService

from conftest import SERVICE
from desk import Desk

Call = Callable[..., Any]


def soon(seconds: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()


def paid(call: Call, claim: Call, order: dict[str, Any]) -> dict[str, Any]:
    _, claimed = claim(order)
    status, confirmed = call(
        "PATCH",
        f"/orders/{order['order_id']}",
        status="CONFIRMED",
        saga_version=claimed["saga_version"],
    )
    assert status == 200
    return confirmed


def test_models_and_schema_agree(database: Database) -> None:
    assert schema_differences(Base.metadata, database.engine) == []


def test_the_schema_can_be_run_again_over_what_there_is(desk: Desk) -> None:
    transfer = desk.disputed(desk.sold())
    with desk.database.transaction() as session:
        session.connection().exec_driver_sql((SERVICE / "init.sql").read_text().replace("%", "%%"))
    assert schema_differences(Base.metadata, desk.database.engine) == []
    assert desk.now(transfer) == transfer


@pytest.mark.parametrize(
    "held_until",
    [
        0,
        "1700000000",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2031-01-01T00:00:00",
    ],
)
def test_what_is_no_time_makes_no_order(call: Call, held_until: Any) -> None:
    ids = {name: str(uuid4()) for name in ("order_id", "user_id", "seat_id", "event_id")}
    status, error = call("POST", "/orders", **ids, credits_charged=1, held_until=held_until)
    assert (status, error["error_code"]) == (400, "VALIDATION_ERROR")
    assert call("GET", f"/orders/{ids['order_id']}")[0] == 404


def test_a_new_order_is_pending_with_its_price(call: Call, new_order: Call) -> None:
    order = new_order(credits_charged=220.50)
    assert order["status"] == "PENDING"
    assert order["credits_charged"] == 220.50
    assert call("GET", f"/orders/{order['order_id']}") == (200, order)


def test_the_same_order_twice_is_one_order(call: Call, new_order: Call) -> None:
    order = new_order()
    fields = ("order_id", "user_id", "seat_id", "event_id", "credits_charged")
    status, again = call("POST", "/orders", **{name: order[name] for name in fields})
    assert (status, again) == (201, order)


def test_an_order_id_of_another_order_is_refused(call: Call, new_order: Call) -> None:
    order = new_order()
    other = {name: str(uuid4()) for name in ("user_id", "seat_id", "event_id")}
    status, error = call("POST", "/orders", order_id=order["order_id"], credits_charged=1, **other)
    assert (status, error["error_code"]) == (409, "ORDER_INVALID_STATE")


def test_orders_are_found_by_user_seat_and_status(client: FlaskClient, new_order: Call) -> None:
    user_id = str(uuid4())
    orders = [new_order(user_id=user_id) for _ in range(3)]

    def found(query: str) -> tuple[list[str], int]:
        body = client.get(
            f"/orders?{query}", headers={"X-Internal-Token": INTERNAL_TOKEN}
        ).get_json()
        return [one["order_id"] for one in body["data"]], body["pagination"]["total"]

    newest_first = [one["order_id"] for one in reversed(orders)]
    assert found(f"user_id={user_id}") == (newest_first, 3)
    assert found(f"user_id={user_id}&per_page=2&page=2") == (newest_first[2:], 3)
    assert found(f"seat_id={orders[0]['seat_id']}") == ([orders[0]["order_id"]], 1)
    assert found(f"user_id={user_id}&status=CONFIRMED") == ([], 0)


def test_an_unknown_order_is_not_found(call: Call) -> None:
    for method, body in (("GET", {}), ("PATCH", {"status": "FAILED", "reason": "HOLD_EXPIRED"})):
        status, error = call(method, f"/orders/{uuid4()}", **body)
        assert (status, error["error_code"]) == (404, "ORDER_NOT_FOUND")


def test_an_outsider_fails_an_idle_pending_order_and_a_repeat_changes_nothing(
    call: Call, new_order: Call
) -> None:
    path = f"/orders/{new_order()['order_id']}"
    first = call("PATCH", path, status="FAILED", reason="HOLD_EXPIRED")
    assert first[0] == 200 and first[1]["status"] == "FAILED"
    assert call("PATCH", path, status="FAILED", reason="SEAT_NOT_HELD") == first


@pytest.mark.parametrize("status", ["CONFIRMED", "REFUNDED"])
def test_an_outsider_neither_confirms_nor_refunds(
    call: Call, claim: Call, new_order: Call, status: str
) -> None:
    order = new_order() if status == "CONFIRMED" else paid(call, claim, new_order())
    answer = call("PATCH", f"/orders/{order['order_id']}", status=status)
    assert (answer[0], answer[1]["error_code"]) == (409, "ORDER_INVALID_STATE")
    assert call("GET", f"/orders/{order['order_id']}") == (200, order)


def test_a_confirmed_order_cannot_fail_and_a_failed_one_cannot_be_paid(
    call: Call, claim: Call, new_order: Call
) -> None:
    confirmed = paid(call, claim, new_order())
    status, error = call(
        "PATCH", f"/orders/{confirmed['order_id']}", status="FAILED", reason="HOLD_EXPIRED"
    )
    assert (status, error["error_code"]) == (409, "ORDER_INVALID_STATE")
    failed = new_order()
    call("PATCH", f"/orders/{failed['order_id']}", status="FAILED", reason="HOLD_EXPIRED")
    status, error = claim(failed)
    assert (status, error["error_code"]) == (410, "HOLD_EXPIRED")


def test_failing_needs_a_reason_and_nothing_else_takes_one(call: Call, new_order: Call) -> None:
    path = f"/orders/{new_order()['order_id']}"
    for body in ({"status": "FAILED"}, {"status": "CONFIRMED", "reason": "X", "saga_version": 1}):
        status, error = call("PATCH", path, **body)
        assert (status, error["error_code"]) == (400, "VALIDATION_ERROR")


def test_two_orders_of_one_seat_are_never_both_confirmed(
    call: Call, claim: Call, new_order: Call
) -> None:
    first = new_order()
    second = new_order(seat_id=first["seat_id"])
    paid(call, claim, first)
    _, claimed = claim(second)
    status, error = call(
        "PATCH",
        f"/orders/{second['order_id']}",
        status="CONFIRMED",
        saga_version=claimed["saga_version"],
    )
    assert (status, error["error_code"]) == (409, "ORDER_INVALID_STATE")


def test_orders_past_their_hold_expire_unless_a_saga_is_at_work(
    call: Call, claim: Call, new_order: Call, database: Database
) -> None:
    idle, live = new_order(), new_order(held_until=soon(60))
    at_work = new_order()
    claim(at_work)
    with database.transaction() as session:
        session.execute(
            text(
                "UPDATE orders SET held_until = now() - interval '11 s'"
                " WHERE order_id = ANY(CAST(:ids AS uuid[]))"
            ),
            {"ids": [idle["order_id"], at_work["order_id"]]},
        )
    OrderService(database).expire_orders()
    statuses = [call("GET", f"/orders/{one['order_id']}")[1] for one in (idle, live, at_work)]
    assert [one["status"] for one in statuses] == ["FAILED", "PENDING", "PENDING"]
    assert statuses[0]["failure_reason"] == "HOLD_EXPIRED"


def test_twenty_outsiders_and_a_saga_agree_on_one_end(
    call: Call, claim: Call, new_order: Call
) -> None:
    order = new_order()
    order_id = order["order_id"]
    barrier, answers = threading.Barrier(21), []

    def fail() -> None:
        barrier.wait()
        body = {"status": "FAILED", "reason": "HOLD_EXPIRED"}
        answers.append(call("PATCH", f"/orders/{order_id}", **body)[0])

    def drive() -> None:
        barrier.wait()
        answers.append(claim(order)[0])

    threads = [threading.Thread(target=fail) for _ in range(20)]
    threads.append(threading.Thread(target=drive))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    order = call("GET", f"/orders/{order_id}")[1]
    assert (order["status"], order["saga"]) in (("FAILED", None), ("PENDING", "pay"))


def test_a_code_is_kept_until_it_is_verified_once(call: Call, new_order: Call) -> None:
    path = f"/orders/{new_order()['order_id']}"
    assert call("PUT", f"{path}/code", verification_sid="VE1")[0] == 200
    status, verified = call("POST", f"{path}/code/verified")
    assert status == 200 and verified["otp_verified_at"]
    assert call("POST", f"{path}/code/verified") == (200, verified)
    assert call("PUT", f"{path}/code", verification_sid="VE2") == (200, verified)


def test_a_code_changes_nothing_of_an_order_that_has_ended(call: Call, new_order: Call) -> None:
    path = f"/orders/{new_order()['order_id']}"
    call("PATCH", path, status="FAILED", reason="HOLD_EXPIRED")
    for answer in (
        call("PUT", f"{path}/code", verification_sid="VE1"),
        call("POST", f"{path}/code/verified"),
    ):
        assert (answer[0], answer[1]["error_code"]) == (409, "ORDER_INVALID_STATE")
