"""The journal: one driver at a time, an overtaken one writes nothing, undoing goes one way."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from common.database import Database, violated_constraint

Call = Callable[..., Any]


def test_a_claim_begins_the_first_step_under_a_new_version(claim: Call, new_order: Call) -> None:
    order = new_order()
    status, claimed = claim(order)
    assert status == 200
    assert (claimed["saga"], claimed["saga_step"]) == ("pay", "pay.charge")
    assert claimed["saga_version"] == order["saga_version"] + 1


def test_of_twenty_claims_at_once_one_succeeds(claim: Call, new_order: Call) -> None:
    order, barrier, answers = new_order(), threading.Barrier(20), []

    def one() -> None:
        barrier.wait()
        answers.append(claim(order)[0])

    threads = [threading.Thread(target=one) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [409] * 19


def test_a_claim_says_why_it_is_refused(
    call: Call, claim: Call, new_order: Call, database: Database
) -> None:
    order = new_order()
    assert claim(order, user_id=str(uuid4()))[1]["error_code"] == "ORDER_NOT_FOUND"
    version = claim(order)[1]["saga_version"]
    status, error = claim(order)
    assert (error["error_code"], error["details"]["saga"]) == ("ORDER_INVALID_STATE", "pay")
    call("PATCH", f"/orders/{order['order_id']}", status="FAILED", reason="X", saga_version=version)
    assert claim(order)[1]["error_code"] == "SEAT_NOT_HELD"
    lapsed = new_order()
    with database.transaction() as session:
        session.execute(
            text("UPDATE orders SET held_until = now() WHERE order_id = :id"),
            {"id": lapsed["order_id"]},
        )
    assert claim(lapsed)[1]["error_code"] == "HOLD_EXPIRED"
    assert claim(new_order(), saga="refund")[1]["error_code"] == "ORDER_INVALID_STATE"


def test_a_confirmed_order_is_not_paid_again(call: Call, claim: Call, new_order: Call) -> None:
    order = new_order()
    version = claim(order)[1]["saga_version"]
    path = f"/orders/{order['order_id']}"
    status, confirmed = call("PATCH", path, status="CONFIRMED", saga_version=version)
    assert (confirmed["status"], confirmed["saga"]) == ("CONFIRMED", None)
    status, error = claim(order)
    assert (status, error["error_code"]) == (409, "ORDER_ALREADY_CONFIRMED")
    assert error["details"]["order_id"] == order["order_id"]
    assert claim(order, saga="refund", step="refund.release_seat")[0] == 200


def test_an_outsider_keeps_off_while_a_saga_is_at_work(
    call: Call, claim: Call, new_order: Call
) -> None:
    order = new_order()
    claim(order)
    status, error = call(
        "PATCH", f"/orders/{order['order_id']}", status="FAILED", reason="HOLD_EXPIRED"
    )
    assert (status, error["error_code"]) == (409, "ORDER_INVALID_STATE")


def test_an_overtaken_driver_can_write_nothing_more(
    call: Call, claim: Call, new_order: Call
) -> None:
    order = new_order()
    path, old = f"/orders/{order['order_id']}", claim(order)[1]["saga_version"]
    status, taken = call("POST", f"{path}/saga/take-over", saga_version=old, driver=str(uuid4()))
    assert (status, taken["saga_version"]) == (200, old + 1)
    for method, where, body in (
        ("PATCH", f"{path}/saga", {"step": "pay.confirm_seat"}),
        ("PATCH", f"{path}/saga", {"undoing": True}),
        ("POST", f"{path}/saga/end", {}),
        ("POST", f"{path}/saga/take-over", {"driver": str(uuid4())}),
        ("PATCH", path, {"status": "CONFIRMED"}),
        ("PATCH", path, {"status": "FAILED", "reason": "X"}),
    ):
        status, error = call(method, where, saga_version=old, **body)
        assert (status, error["error_code"]) == (409, "ORDER_INVALID_STATE"), where
    assert call("GET", path) == (200, taken)


def test_undoing_is_never_taken_back(call: Call, claim: Call, new_order: Call) -> None:
    order = new_order()
    path, version = f"/orders/{order['order_id']}", claim(order)[1]["saga_version"]
    assert call("PATCH", f"{path}/saga", saga_version=version, undoing=True)[0] == 200
    for method, where, body in (
        ("PATCH", f"{path}/saga", {"step": "pay.confirm_seat"}),
        ("POST", f"{path}/saga/end", {}),
        ("PATCH", path, {"status": "CONFIRMED"}),
    ):
        assert call(method, where, saga_version=version, **body)[0] == 409, where
    status, failed = call("PATCH", path, status="FAILED", reason="X", saga_version=version)
    assert (status, failed["status"], failed["saga_undoing"]) == (200, "FAILED", False)


@pytest.mark.parametrize("cleared", ["FALSE", "TRUE"])
def test_the_database_itself_refuses_to_confirm_what_is_being_undone(
    call: Call, claim: Call, new_order: Call, database: Database, cleared: str
) -> None:
    order = new_order()
    version = claim(order)[1]["saga_version"]
    call("PATCH", f"/orders/{order['order_id']}/saga", saga_version=version, undoing=True)
    with pytest.raises(IntegrityError) as refused, database.transaction() as session:
        session.execute(
            text(
                f"UPDATE orders SET saga_undoing = {cleared}, status = 'CONFIRMED',"
                " confirmed_at = now() WHERE order_id = :id"
            ),
            {"id": order["order_id"]},
        )
    assert violated_constraint(refused.value) == "order_not_confirmed_while_undoing"


def test_a_driver_whose_answer_was_lost_asks_again_and_has_its_claim(
    call: Call, claim: Call, new_order: Call
) -> None:
    order, driver = new_order(), str(uuid4())
    first = claim(order, driver=driver)
    assert claim(order, driver=driver) == first
    path, second = f"/orders/{order['order_id']}/saga", str(uuid4())
    body = {"saga_version": first[1]["saga_version"], "driver": second}
    taken = call("POST", f"{path}/take-over", **body)
    assert call("POST", f"{path}/take-over", **body) == taken and taken[0] == 200
    assert claim(order, driver=driver)[0] == 409
    ended = call("POST", f"{path}/end", saga_version=taken[1]["saga_version"])
    assert call("POST", f"{path}/end", saga_version=taken[1]["saga_version"]) == ended
    assert ended[0] == 200


def test_where_a_code_is_required_only_a_confirmed_order_is_claimed(
    claim: Call, new_order: Call, database: Database
) -> None:
    order = new_order()
    status, error = claim(order, otp_required=True)
    assert (status, error["error_code"]) == (428, "OTP_REQUIRED")
    with database.transaction() as session:
        session.execute(
            text("UPDATE orders SET otp_verified_at = now() WHERE order_id = :id"),
            {"id": order["order_id"]},
        )
    assert claim(order, otp_required=True)[0] == 200


def test_a_claim_given_back_leaves_the_order_payable(
    call: Call, claim: Call, new_order: Call
) -> None:
    order = new_order()
    version = claim(order)[1]["saga_version"]
    path = f"/orders/{order['order_id']}/saga/end"
    status, free = call("POST", path, saga_version=version)
    assert (status, free["saga"], free["status"]) == (200, None, "PENDING")
    assert claim(order)[0] == 200


def test_untouched_sagas_are_listed_oldest_first(
    call: Call, client: Any, claim: Call, new_order: Call, database: Database
) -> None:
    stale, older, fresh = new_order(), new_order(), new_order()
    for order in (stale, older, fresh):
        claim(order)
    with database.transaction() as session:
        for order, age in ((stale, 3600), (older, 7200)):
            session.execute(
                text(
                    "UPDATE orders SET saga_touched_at = now() - make_interval(secs => :age)"
                    " WHERE order_id = :id"
                ),
                {"age": age, "id": order["order_id"]},
            )
    status, listed = call("GET", "/orders/sagas?untouched_seconds=1800")
    assert [one["order_id"] for one in listed] == [older["order_id"], stale["order_id"]]


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "1e308", "1e8"])
@pytest.mark.parametrize("kind", ["orders", "transfers"])
def test_a_time_beyond_all_bounds_is_refused(call: Call, kind: str, seconds: str) -> None:
    status, error = call("GET", f"/{kind}/sagas?untouched_seconds={seconds}")
    assert (status, error["error_code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("version", ["1", 1.0, True])
def test_only_a_whole_number_is_a_version(
    call: Call, claim: Call, new_order: Call, version: Any
) -> None:
    order = new_order()
    claim(order)
    path = f"/orders/{order['order_id']}/saga/end"
    status, error = call("POST", path, saga_version=version)
    assert (status, error["error_code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("version", [-1, 2**31])
@pytest.mark.parametrize(
    "where", ["PATCH ", "PATCH /saga", "POST /saga/end", "POST /saga/take-over"]
)
def test_a_version_that_cannot_be_is_refused(
    call: Call, new_order: Call, where: str, version: int
) -> None:
    method, _, path = where.partition(" ")
    body = {"": {"status": "CONFIRMED"}, "/saga": {"undoing": True}}.get(path, {})
    if path == "/saga/take-over":
        body = {"driver": str(uuid4())}
    order_path = f"/orders/{new_order()['order_id']}{path}"
    status, error = call(method, order_path, saga_version=version, **body)
    assert (status, error["error_code"]) == (400, "VALIDATION_ERROR")
