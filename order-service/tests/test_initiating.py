"""Initiating a transfer: of a sold seat, one at a time, and who may take another's place."""

from uuid import uuid4

import pytest

from desk import Desk, assert_refused


def test_a_new_transfer_is_initiated_for_the_seats_confirmed_order(desk: Desk) -> None:
    order, ids = desk.sold(), {name: str(uuid4()) for name in ("transfer_id", "buyer_user_id")}
    status, transfer = desk.initiate(order, **ids, credits_amount=99.50)
    assert status == 201
    expected = {
        **ids,
        "order_id": order["order_id"],
        "seat_id": order["seat_id"],
        "seller_user_id": order["user_id"],
        "initiated_by": "SELLER",
        "status": "INITIATED",
        "credits_amount": 99.50,
        "saga_version": 0,
    }
    assert {name: transfer[name] for name in expected} == expected
    assert not transfer["seller_otp_verified"] and not transfer["buyer_otp_verified"]
    assert all("verification_sid" not in name for name in transfer)
    assert desk.now(transfer) == transfer


def test_the_same_transfer_again_is_answered_as_it_stands(desk: Desk) -> None:
    order = desk.sold()
    transfer = desk.pending(order)
    same = {name: transfer[name] for name in ("transfer_id", "buyer_user_id")}
    assert desk.initiate(order, **same) == (201, transfer)
    desk.claimed(order, "refund")
    status, after = desk.initiate(order, **same)
    assert (status, after["failure_reason"]) == (201, "ORDER_REFUNDED")


@pytest.mark.parametrize(
    "other", [{"credits_amount": 1.00}, {"buyer_user_id": str(uuid4())}, {"initiated_by": "BUYER"}]
)
def test_a_transfer_id_of_another_transfer_is_refused(desk: Desk, other: dict) -> None:
    order = desk.sold()
    transfer = desk.initiated(order)
    same = {name: transfer[name] for name in ("transfer_id", "buyer_user_id")}
    answer = desk.initiate(order, **{**same, **other})
    details = {"transfer_id": transfer["transfer_id"], "status": "INITIATED"}
    assert_refused(answer, "TRANSFER_INVALID_STATE", **details)


def test_nobody_transfers_to_himself(desk: Desk) -> None:
    order = desk.sold()
    assert_refused(desk.initiate(order, buyer_user_id=order["user_id"]), "SELF_TRANSFER")


def test_only_a_seat_that_is_sold_and_not_being_refunded_is_transferred(desk: Desk) -> None:
    assert_refused(desk.initiate(desk.order()), "SEAT_UNAVAILABLE")
    order = desk.sold()
    claimed = desk.claimed(order, "refund")
    assert_refused(desk.initiate(order), "SEAT_UNAVAILABLE")
    desk.ended(claimed, "REFUNDED")
    assert_refused(desk.initiate(order), "SEAT_UNAVAILABLE")


def test_a_disputed_seat_is_not_transferred(desk: Desk) -> None:
    order = desk.sold()
    transfer = desk.disputed(order)
    answer = desk.initiate(order, seller_user_id=transfer["buyer_user_id"])
    assert_refused(answer, "SEAT_UNAVAILABLE")


def test_only_the_present_owner_passes_the_seat_on(desk: Desk) -> None:
    order = desk.sold()
    assert_refused(desk.initiate(order, seller_user_id=str(uuid4())), "NOT_SEAT_OWNER")
    transfer = desk.completed(order)
    assert_refused(desk.initiate(order), "NOT_SEAT_OWNER")
    desk.initiated(order, seller_user_id=transfer["buyer_user_id"])


def test_a_transfer_in_progress_is_named_to_its_parties_only(desk: Desk) -> None:
    order = desk.sold()
    active = desk.verified(order)
    theirs = {"transfer_id": active["transfer_id"]}
    assert_refused(desk.initiate(order), "TRANSFER_IN_PROGRESS", **theirs)
    of_buyer = desk.initiate(order, initiated_by="BUYER", buyer_user_id=active["buyer_user_id"])
    assert_refused(of_buyer, "TRANSFER_IN_PROGRESS", **theirs)
    assert_refused(desk.initiate(order, initiated_by="BUYER"), "TRANSFER_IN_PROGRESS")
    assert desk.now(active) == active


@pytest.mark.parametrize("initiated_by", ["SELLER", "BUYER"])
def test_a_seller_replaces_a_transfer_that_he_has_not_verified(
    desk: Desk, initiated_by: str
) -> None:
    order = desk.sold()
    old = desk.pending(order, initiated_by=initiated_by)
    desk.call("PATCH", f"/transfers/{old['transfer_id']}", buyer_otp_verified=True)
    new = desk.initiated(order)
    old = desk.now(old)
    assert (old["status"], old["failure_reason"]) == ("FAILED", "REPLACED")
    assert new["status"] == "INITIATED"


def test_a_seller_does_not_replace_what_he_has_verified_or_a_saga_is_at_work_on(
    desk: Desk,
) -> None:
    order = desk.sold()
    verified = desk.pending(order)
    path = f"/transfers/{verified['transfer_id']}"
    desk.call("PATCH", path, seller_otp_verified=True)
    theirs = {"transfer_id": verified["transfer_id"]}
    assert_refused(desk.initiate(order), "TRANSFER_IN_PROGRESS", **theirs)
    desk.call("PATCH", path, buyer_otp_verified=True)
    claimed = desk.claimed(verified, "confirm")
    assert_refused(desk.initiate(order), "TRANSFER_IN_PROGRESS", **theirs)
    assert desk.now(verified) == claimed


def test_a_buyer_replaces_nothing_not_even_his_own(desk: Desk) -> None:
    order = desk.sold()
    old = desk.initiated(order, initiated_by="BUYER")
    again = {"initiated_by": "BUYER", "buyer_user_id": old["buyer_user_id"]}
    answer = desk.initiate(order, **again)
    assert_refused(answer, "TRANSFER_IN_PROGRESS", transfer_id=old["transfer_id"])


def test_a_transfer_untouched_for_30_minutes_is_no_obstacle(desk: Desk) -> None:
    order = desk.sold()
    old = desk.verified(order)
    desk.leave_untouched(old, 29)
    assert desk.initiate(order)[0] == 409
    desk.leave_untouched(old, 31)
    desk.initiated(order)
    old = desk.now(old)
    assert (old["status"], old["failure_reason"]) == ("FAILED", "EXPIRED")


def test_a_buyer_has_at_most_three_transfers_that_their_sellers_have_not_verified(
    desk: Desk,
) -> None:
    own = {"initiated_by": "BUYER", "buyer_user_id": str(uuid4())}
    first, *_ = [desk.pending(desk.sold(), **own) for _ in range(3)]
    status, error = answer = desk.initiate(desk.sold(), **own)
    assert_refused(answer, "TRANSFER_IN_PROGRESS")
    assert "cancel one" in error["message"]
    desk.initiated(desk.sold(), buyer_user_id=own["buyer_user_id"])
    desk.call("PATCH", f"/transfers/{first['transfer_id']}", seller_otp_verified=True)
    desk.initiated(desk.sold(), **own)
    assert_refused(desk.initiate(desk.sold(), **own), "TRANSFER_IN_PROGRESS")


def test_transfers_that_ended_or_expired_do_not_count_for_the_buyers_limit(desk: Desk) -> None:
    own = {"initiated_by": "BUYER", "buyer_user_id": str(uuid4())}
    ended, expired, _ = [desk.initiated(desk.sold(), **own) for _ in range(3)]
    desk.leave_untouched(expired, 31)
    desk.initiated(desk.sold(), **own)
    assert_refused(desk.initiate(desk.sold(), **own), "TRANSFER_IN_PROGRESS")
    desk.call("PATCH", f"/transfers/{ended['transfer_id']}", status="FAILED", reason="CANCELLED")
    desk.initiated(desk.sold(), **own)


@pytest.mark.parametrize(
    "bad",
    [
        {"credits_amount": -0.01},
        {"credits_amount": 1.001},
        {"initiated_by": "STAFF"},
        {"status": "COMPLETED"},
    ],
)
def test_what_is_no_transfer_is_refused(desk: Desk, bad: dict) -> None:
    status, error = desk.initiate(desk.sold(), **bad)
    assert (status, error["error_code"]) == (400, "VALIDATION_ERROR")


def test_a_gift_is_a_transfer(desk: Desk) -> None:
    assert desk.completed(desk.sold(), credits_amount=0)["status"] == "COMPLETED"
