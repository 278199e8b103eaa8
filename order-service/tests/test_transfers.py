"""Transfers: found by their parties, moved along by codes, ended by a reason or by time."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from common.testing import INTERNAL_TOKEN, wait_for

from desk import Desk, Record, assert_refused, path_of

SIDS = {"seller_verification_sid": "VE1", "buyer_verification_sid": "VE2"}
CODES_SENT = {"status": "PENDING_OTP", **SIDS}
BOTH = {"seller_otp_verified": True, "buyer_otp_verified": True}
CANCELLED = {"status": "FAILED", "reason": "CANCELLED"}


def patch(desk: Desk, transfer: Record, **change: Any) -> tuple[int, Any]:
    return desk.call("PATCH", path_of(transfer), **change)


def sids(desk: Desk, transfer: Record) -> tuple[str | None, str | None]:
    with desk.database.transaction() as session:
        query = (
            "SELECT seller_verification_sid, buyer_verification_sid FROM transfers"
            f" WHERE transfer_id = '{transfer['transfer_id']}'"
        )
        return tuple(session.connection().exec_driver_sql(query).one())


def assert_illegal(desk: Desk, transfer: Record, **change: Any) -> None:
    """The change is refused with where the transfer stands, and changes nothing."""
    stands = desk.now(transfer)
    at_work = {"saga": stands["saga"]} if stands["saga"] else {}
    details = {"transfer_id": stands["transfer_id"], "status": stands["status"], **at_work}
    assert_refused(patch(desk, transfer, **change), "TRANSFER_INVALID_STATE", **details)
    assert desk.now(transfer) == stands


def test_transfers_are_found_by_seat_order_party_and_status(
    client: FlaskClient, desk: Desk
) -> None:
    order, buyer = desk.sold(), str(uuid4())
    old = desk.initiated(order, buyer_user_id=buyer)
    new = desk.initiated(order)
    elsewhere = desk.initiated(desk.sold(), buyer_user_id=order["user_id"])

    def found(query: str) -> tuple[list[str], int]:
        headers = {"X-Internal-Token": INTERNAL_TOKEN}
        body = client.get(f"/transfers?{query}", headers=headers).get_json()
        return [one["transfer_id"] for one in body["data"]], body["pagination"]["total"]

    first, second, third = (one["transfer_id"] for one in (elsewhere, new, old))
    assert found(f"seat_id={order['seat_id']}") == ([second, third], 2)
    assert found(f"order_id={order['order_id']}") == ([second, third], 2)
    assert found(f"user_id={order['user_id']}") == ([first, second, third], 3)
    assert found(f"user_id={order['user_id']}&per_page=2&page=2") == ([third], 3)
    assert found(f"user_id={buyer}") == ([third], 1)
    assert found(f"order_id={order['order_id']}&status=FAILED") == ([third], 1)
    assert found(f"seat_id={order['seat_id']}&user_id={uuid4()}") == ([], 0)


def test_an_unknown_transfer_is_not_found(desk: Desk) -> None:
    path, version = f"/transfers/{uuid4()}", {"saga_version": 1}
    claim = {"driver": str(uuid4()), "step": "confirm.move_credits"}
    for method, where, body in (
        ("GET", path, {}),
        ("PATCH", path, CANCELLED),
        ("PATCH", path, {"status": "COMPLETED", **version}),
        ("POST", f"{path}/saga", {"saga": "confirm", **claim}),
        ("POST", f"{path}/dispute", {"reason": "x", "disputed_by": "BUYER", **claim}),
        ("POST", f"{path}/reverse", version),
        ("PATCH", f"{path}/saga", {"undoing": True, **version}),
        ("POST", f"{path}/saga/end", version),
        ("POST", f"{path}/saga/take-over", {"driver": str(uuid4()), **version}),
    ):
        assert_refused(desk.call(method, where, **body), "TRANSFER_NOT_FOUND")


def test_codes_that_were_sent_are_kept_until_each_party_has_verified_its_own(desk: Desk) -> None:
    transfer = desk.initiated(desk.sold())
    status, pending = patch(desk, transfer, **CODES_SENT)
    assert (status, pending["status"], sids(desk, transfer)) == (200, "PENDING_OTP", ("VE1", "VE2"))
    status, half = patch(desk, transfer, buyer_otp_verified=True)
    assert (status, half["buyer_otp_verified"], half["seller_otp_verified"]) == (200, True, False)
    assert sids(desk, transfer) == ("VE1", None)
    status, whole = patch(desk, transfer, seller_otp_verified=True)
    assert (status, whole["seller_otp_verified"], whole["status"]) == (200, True, "PENDING_OTP")
    assert sids(desk, transfer) == (None, None)


def test_both_parties_may_be_verified_by_one_change(desk: Desk) -> None:
    transfer = desk.pending(desk.sold())
    status, verified = patch(desk, transfer, **BOTH)
    assert status == 200 and verified["seller_otp_verified"] and verified["buyer_otp_verified"]


def test_a_repeat_changes_nothing(desk: Desk) -> None:
    transfer = desk.initiated(desk.sold())
    for change in (CODES_SENT, {"seller_otp_verified": True}, BOTH, CANCELLED):
        first = patch(desk, transfer, **change)
        assert first[0] == 200
        assert patch(desk, transfer, **change) == first
    assert patch(desk, transfer, status="FAILED", reason="ANOTHER")[0] == 409
    assert desk.now(transfer) == first[1]


def test_a_code_sent_again_replaces_the_one_of_that_party(desk: Desk) -> None:
    transfer = desk.pending(desk.sold())
    assert patch(desk, transfer, buyer_verification_sid="VE9")[0] == 200
    assert sids(desk, transfer) == ("VE-seller", "VE9")
    patch(desk, transfer, seller_otp_verified=True)
    assert_illegal(desk, transfer, seller_verification_sid="VE9")


def test_codes_belong_to_a_transfer_that_waits_for_them(desk: Desk) -> None:
    transfer = desk.initiated(desk.sold())
    assert_illegal(desk, transfer, seller_otp_verified=True)
    assert_illegal(desk, transfer, seller_verification_sid="VE9")
    patch(desk, transfer, **CODES_SENT)
    assert_illegal(desk, transfer, **{**CODES_SENT, "buyer_verification_sid": "VE9"})


def in_every_later_state(desk: Desk) -> dict[str, Record]:
    failed = desk.initiated(desk.sold())
    patch(desk, failed, **CANCELLED)
    reversing = desk.claimed(desk.disputed(desk.sold()), "reverse")
    return {
        "FAILED": failed,
        "confirm": desk.claimed(desk.verified(desk.sold()), "confirm"),
        "COMPLETED": desk.completed(desk.sold()),
        "dispute": desk.claimed(desk.completed(desk.sold()), "dispute"),
        "DISPUTED": desk.disputed(desk.sold()),
        "reverse": desk.claimed(desk.disputed(desk.sold()), "reverse"),
        "REVERSED": desk.ended(reversing, "REVERSED"),
    }


def test_an_outsider_changes_nothing_that_is_decided_or_a_saga_is_at_work_on(desk: Desk) -> None:
    for state, transfer in in_every_later_state(desk).items():
        assert_illegal(desk, transfer, **CODES_SENT)
        assert_illegal(desk, transfer, seller_verification_sid="VE9")
        if state != "FAILED":
            assert_illegal(desk, transfer, **CANCELLED)
        if state == "confirm":
            assert patch(desk, transfer, **BOTH) == (200, transfer), "a repeat"
        else:
            assert_illegal(desk, transfer, **BOTH)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"status": "FAILED"},
        {"status": "COMPLETED"},
        {"status": "REVERSED", "saga_version": 1},
        {"status": "INITIATED"},
        {"status": "COMPLETED", "saga_version": 1, "reason": "X"},
        {"status": "PENDING_OTP"},
        {"status": "PENDING_OTP", "seller_verification_sid": "VE1"},
        SIDS,
        {"seller_otp_verified": False},
        {"seller_otp_verified": True, "buyer_verification_sid": "VE1"},
        {**CANCELLED, "seller_otp_verified": True},
        {"reason": "X"},
        {"saga_version": 1},
        {"credits_amount": 1},
    ],
)
def test_what_makes_no_one_change_is_refused(desk: Desk, change: dict) -> None:
    transfer = desk.initiated(desk.sold())
    status, error = patch(desk, transfer, **change)
    assert (status, error["error_code"]) == (400, "VALIDATION_ERROR")
    assert desk.now(transfer) == transfer


def test_transfers_expire_untouched_for_30_minutes_unless_a_saga_is_at_work(desk: Desk) -> None:
    made: list[Callable[[Record], Record]] = [desk.initiated, desk.verified, desk.completed]
    initiated, verified, completed = [make(desk.sold()) for make in made]
    fresh = desk.initiated(desk.sold())
    at_work = desk.claimed(desk.verified(desk.sold()), "confirm")
    for transfer in (initiated, verified, completed, at_work):
        desk.leave_untouched(transfer, 31)
    desk.leave_untouched(fresh, 29)
    ended = (initiated, verified)
    wait_for(lambda: all(desk.now(one)["status"] == "FAILED" for one in ended), "the expiry")
    states = [desk.now(one)["status"] for one in (completed, fresh, at_work)]
    assert states == ["COMPLETED", "INITIATED", "PENDING_OTP"]
    assert desk.now(initiated)["failure_reason"] == "EXPIRED"


@pytest.mark.parametrize("change", [{"buyer_otp_verified": True}, {"buyer_verification_sid": "V"}])
def test_what_has_expired_is_not_brought_back_by_a_code(desk: Desk, change: dict) -> None:
    transfer = desk.pending(desk.sold())
    desk.leave_untouched(transfer, 31)
    details = {"transfer_id": transfer["transfer_id"], "status": "FAILED"}
    assert_refused(patch(desk, transfer, **change), "TRANSFER_INVALID_STATE", **details)
    assert desk.now(transfer)["failure_reason"] == "EXPIRED"


def test_every_change_touches_the_transfer(desk: Desk) -> None:
    transfer = desk.initiated(desk.sold())
    for change in (CODES_SENT, {"buyer_verification_sid": "V"}, {"seller_otp_verified": True}):
        desk.leave_untouched(transfer, 20)
        before = desk.now(transfer)["saga_touched_at"]
        assert patch(desk, transfer, **change)[1]["saga_touched_at"] > before
