"""Scenario 2 of the task list, through the gateway: a ticket changes hands."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from local_stack.stack import Stack

from common.testing import wait_for
from deals import PARTIES, Deal
from outside import Smu, in_time, stopped, switched, wrong_codes
from platform_client import Api, Buyer, Records, refusal

NewDeal, NewBuyer, NewSeat = Callable[..., Deal], Callable[..., Buyer], Callable[[], str]


@pytest.mark.parametrize("beginner", PARTIES)
def test_either_party_initiates_both_give_their_codes_and_the_swap_happens(
    new_deal: NewDeal, beginner: str
) -> None:
    deal = new_deal(price=100)
    seller_had, buyer_had = deal.balances()
    answer = deal.initiate(by=deal.party(beginner))
    data = answer.json()["data"]
    assert answer.status_code == 201
    assert (data["status"], data["seat_id"]) == ("PENDING_OTP", deal.seat_id)
    for name in PARTIES:
        verified = deal.give_code(name).json()["data"]
        assert verified["verified"] is True and verified["message"]
    deal.assert_with("seller")
    swapped = deal.confirm(by=deal.party(beginner))
    data = swapped.json()["data"]
    assert (swapped.status_code, data["status"]) == (200, "COMPLETED")
    assert data["new_owner_user_id"] == deal.buyer.user_id
    assert (data["seat_id"], data["credits_transferred"]) == (deal.seat_id, 100)
    assert deal.balances() == (seller_had + 100, buyer_had - 100)
    deal.assert_with("buyer")
    assert ("TRANSFER_OUT", -100) in deal.buyer.ledger()
    assert ("TRANSFER_IN", 100) in deal.seller.ledger()


def test_both_codes_can_be_given_with_the_confirm(new_deal: NewDeal) -> None:
    deal = new_deal().begun()
    codes = {f"{name}_otp": deal.code(name) for name in PARTIES}
    assert deal.confirm(**codes).json()["data"]["status"] == "COMPLETED"
    deal.assert_with("buyer")


def test_the_buyer_confirms_with_only_its_own_code_once_the_seller_has_given_his(
    new_deal: NewDeal,
) -> None:
    deal = new_deal().begun()
    alone = deal.confirm(buyer_otp=deal.code("buyer"))
    assert refusal(alone) == (428, "OTP_REQUIRED")
    assert alone.json()["details"]["missing"] == ["seller"]
    assert "seller" in alone.json()["message"]
    assert deal.give_code("seller").is_success
    assert deal.confirm().json()["data"]["status"] == "COMPLETED"


def test_parties_may_be_named_by_their_email(new_deal: NewDeal) -> None:
    deal = new_deal()
    emails = {"seller_user_id": deal.seller.email, "buyer_user_id": deal.buyer.email.upper()}
    assert deal.initiate(**emails).status_code == 201


def test_a_gift_needs_no_credits(new_deal: NewDeal) -> None:
    deal = new_deal(price=0, buyer_credits=0).completed()
    deal.assert_with("buyer")
    assert deal.buyer.balance() == 0


def test_a_wrong_code_leaves_the_transfer_pending_and_counts_for_its_own_party(
    new_deal: NewDeal,
) -> None:
    deal = new_deal().begun()
    wrong = wrong_codes(deal.code("seller"))
    for _ in range(2):
        assert refusal(deal.give_code("seller", next(wrong))) == (401, "OTP_INVALID")
    for code, _ in zip(wrong_codes(deal.code("buyer")), range(2)):
        assert refusal(deal.confirm(buyer_otp=code)) == (401, "OTP_INVALID")
    assert deal.status() == "PENDING_OTP"
    assert all(deal.give_code(name).is_success for name in PARTIES)
    assert deal.confirm().json()["data"]["status"] == "COMPLETED"


@pytest.mark.parametrize("name", PARTIES)
def test_three_wrong_codes_of_a_party_and_the_transfer_has_failed(
    new_deal: NewDeal, name: str
) -> None:
    deal = new_deal().begun()
    other = next(one for one in PARTIES if one != name)
    wrong = wrong_codes(deal.code(name))
    for expected in ((401, "OTP_INVALID"), (401, "OTP_INVALID"), (429, "OTP_MAX_RETRIES")):
        assert refusal(deal.confirm(**{f"{name}_otp": next(wrong)})) == expected
    assert deal.status() == "FAILED"
    assert refusal(deal.give_code(name)) == (429, "OTP_MAX_RETRIES")
    assert refusal(deal.give_code(other)) == (429, "OTP_MAX_RETRIES")
    assert refusal(deal.confirm(seller_otp=deal.code("seller"))) == (409, "TRANSFER_INVALID_STATE")
    deal.assert_with("seller")


def test_a_right_code_beside_a_wrong_one_counts(new_deal: NewDeal) -> None:
    deal = new_deal().begun()
    wrong = next(wrong_codes(deal.code("buyer")))
    answer = deal.confirm(seller_otp=deal.code("seller"), buyer_otp=wrong)
    assert refusal(answer) == (401, "OTP_INVALID")
    assert answer.json()["details"]["party"] == "buyer"
    assert deal.confirm(buyer_otp=deal.code("buyer")).json()["data"]["status"] == "COMPLETED"


def test_a_code_that_was_sent_again_replaces_the_first(new_deal: NewDeal) -> None:
    deal = new_deal().begun()
    first = deal.code("buyer")
    body = {"context": "transfer", "reference_id": deal.transfer_id}
    assert deal.buyer.api.ok("POST", "/api/otp/resend", **body)["message"]
    assert deal.code("buyer") != first
    assert deal.give_code("buyer").is_success and deal.give_code("seller").is_success
    assert deal.confirm().is_success


def test_a_second_transfer_of_a_seat_is_refused_while_one_is_pending(
    new_deal: NewDeal, new_buyer: NewBuyer
) -> None:
    deal = new_deal().begun()
    pending = deal.transfer_id
    rival = new_buyer()
    offer = {"buyer_user_id": rival.user_id}
    answer = deal.initiate(by=rival, **offer)
    assert refusal(answer) == (409, "TRANSFER_IN_PROGRESS")
    assert "transfer_id" not in answer.json().get("details", {})
    assert deal.give_code("seller").is_success
    answer = deal.initiate(by=deal.seller, **offer)
    assert refusal(answer) == (409, "TRANSFER_IN_PROGRESS")
    assert answer.json()["details"]["transfer_id"] == pending


def test_a_sellers_own_initiate_replaces_one_that_he_has_not_verified(new_deal: NewDeal) -> None:
    deal = new_deal()
    squatter = deal.begun(by=deal.buyer).transfer_id
    deal.begun(by=deal.seller)
    assert deal.transfer_id != squatter
    assert deal.buyer.api.ok("GET", f"/api/transfers/{squatter}")["status"] == "FAILED"
    for name in PARTIES:
        assert deal.give_code(name).is_success
    assert deal.confirm().is_success


def test_a_buyer_has_at_most_three_transfers_that_wait_for_their_sellers(
    new_deal: NewDeal, new_buyer: NewBuyer
) -> None:
    buyer = new_buyer()
    deals = [new_deal() for _ in range(4)]
    for deal in deals:
        deal.buyer = buyer
    answers = [deal.initiate(by=buyer) for deal in deals]
    assert [answer.status_code for answer in answers[:3]] == [201, 201, 201]
    assert refusal(answers[3]) == (409, "TRANSFER_IN_PROGRESS")


def test_what_cannot_be_transferred_is_refused(
    new_deal: NewDeal, new_buyer: NewBuyer, new_seat: NewSeat
) -> None:
    deal, stranger = new_deal(price=100), new_buyer()
    me = {"buyer_user_id": deal.seller.user_id}
    assert refusal(deal.initiate(**me)) == (400, "SELF_TRANSFER")
    assert refusal(deal.initiate(by=stranger)) == (403, "FORBIDDEN")
    not_mine = {"seller_user_id": stranger.user_id}
    assert refusal(deal.initiate(by=deal.buyer, **not_mine)) == (403, "NOT_SEAT_OWNER")
    assert refusal(deal.initiate(credits_amount=100_000)) == (402, "INSUFFICIENT_CREDITS")
    assert refusal(deal.initiate(credits_amount=-1)) == (400, "VALIDATION_ERROR")
    assert refusal(deal.initiate(seat_id=new_seat())) == (409, "SEAT_UNAVAILABLE")
    nowhere = {"seat_id": "00000000-0000-4000-8000-000000000000"}
    assert refusal(deal.initiate(**nowhere)) == (404, "SEAT_NOT_FOUND")
    nobody = {"buyer_user_id": "00000000-0000-4000-8000-000000000000"}
    assert refusal(deal.initiate(**nobody)) == (404, "USER_NOT_FOUND")
    nobody = {"buyer_user_id": "nobody@example.com"}
    assert refusal(deal.initiate(**nobody)) == (404, "USER_NOT_FOUND")
    assert refusal(deal.initiate(buyer_user_id="user-17")) == (400, "INVALID_UUID")


def test_a_party_without_a_phone_is_named(new_deal: NewDeal, records: Records) -> None:
    deal = new_deal()
    records.query("user", "UPDATE users SET phone = NULL WHERE user_id = %s", deal.buyer.user_id)
    answer = deal.initiate()
    assert refusal(answer) == (400, "VALIDATION_ERROR")
    assert "buyer_user_id" in answer.json()["details"]["fields"]


def test_a_third_person_sees_and_does_nothing(new_deal: NewDeal, new_buyer: NewBuyer) -> None:
    deal, stranger = new_deal().verified(), new_buyer()
    assert refusal(deal.confirm(by=stranger)) == (403, "FORBIDDEN")
    assert refusal(deal.settle("cancel", stranger.api)) == (403, "FORBIDDEN")
    assert refusal(deal.settle("dispute", stranger.api, reason="why")) == (403, "FORBIDDEN")
    assert refusal(deal.settle("reverse", stranger.api)) == (403, "FORBIDDEN")
    seen = stranger.api.refused("GET", f"/api/transfers/{deal.transfer_id}")
    assert seen == (404, "TRANSFER_NOT_FOUND")
    given = {"context": "transfer", "reference_id": deal.transfer_id, "otp_code": "123456"}
    assert stranger.api.refused("POST", "/api/verify-otp", **given) == (404, "TRANSFER_NOT_FOUND")
    assert deal.status() == "PENDING_OTP"


@pytest.mark.parametrize("name", PARTIES)
def test_a_party_cancels_a_pending_transfer(new_deal: NewDeal, name: str) -> None:
    deal = new_deal().begun()
    answer = deal.settle("cancel", deal.party(name).api)
    assert answer.json()["data"] == {"transfer_id": deal.transfer_id, "status": "FAILED"}
    assert refusal(deal.confirm()) == (409, "TRANSFER_INVALID_STATE")
    deal.begun()
    deal.assert_with("seller")


def test_a_completed_transfer_is_not_cancelled_and_a_second_confirm_changes_nothing(
    new_deal: NewDeal,
) -> None:
    deal = new_deal().completed()
    before = deal.balances()
    assert refusal(deal.settle("cancel", deal.seller.api)) == (409, "TRANSFER_INVALID_STATE")
    assert deal.confirm(by=deal.seller).json()["data"]["status"] == "COMPLETED"
    assert deal.balances() == before
    deal.assert_with("buyer")


def test_both_confirm_at_the_same_instant_and_the_swap_happens_once(new_deal: NewDeal) -> None:
    for _ in range(5):
        deal = new_deal(price=100).verified()
        seller_had, buyer_had = deal.balances()
        barrier = threading.Barrier(2)

        def confirm(name: str) -> int:
            barrier.wait()
            return deal.confirm(by=deal.party(name)).status_code

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(confirm, PARTIES))
        assert answers == [200, 200]
        assert deal.balances() == (seller_had + 100, buyer_had - 100)
        assert deal.buyer.ledger().count(("TRANSFER_OUT", -100)) == 1
        deal.assert_with("buyer")


def test_credits_that_are_gone_by_the_confirm_leave_the_transfer_to_be_confirmed_later(
    new_deal: NewDeal, new_seat: NewSeat, admin: Api
) -> None:
    deal = new_deal(price=300, buyer_credits=500).verified()
    deal.buyer.pay(deal.buyer.reserve(new_seat())["order_id"])
    assert refusal(deal.confirm()) == (402, "INSUFFICIENT_CREDITS")
    assert deal.status() == "PENDING_OTP"
    grant = {"user_id": deal.buyer.user_id, "amount": 300, "reason": "for a test"}
    admin.ok("POST", "/api/admin/credits/grant", **grant)
    assert deal.confirm().json()["data"]["status"] == "COMPLETED"
    deal.assert_with("buyer")


def test_an_untouched_transfer_fails_by_itself_after_30_minutes(
    new_deal: NewDeal, records: Records
) -> None:
    deal, fresh = new_deal().verified(), new_deal().verified()
    age = "saga_touched_at = saga_touched_at - interval '{} minutes' WHERE transfer_id = %s"
    records.query("order", f"UPDATE transfers SET {age.format(31)}", deal.transfer_id)
    records.query("order", f"UPDATE transfers SET {age.format(29)}", fresh.transfer_id)
    assert refusal(deal.confirm()) == (409, "TRANSFER_INVALID_STATE")
    wait_for(lambda: deal.status() == "FAILED", "the transfer to expire", seconds=15)
    assert fresh.status() == "PENDING_OTP"
    deal.begun()


def test_ones_transfers_are_listed_newest_first(new_deal: NewDeal) -> None:
    deal = new_deal().completed()
    for name in PARTIES:
        answer = deal.party(name).api.call("GET", "/api/transfers?status=COMPLETED")
        (one,) = answer.json()["data"]
        assert one["transfer_id"] == deal.transfer_id
        assert (one["seller_user_id"], one["credits_amount"]) == (deal.seller.user_id, 100)
        assert answer.json()["pagination"]["total"] == 1
    assert deal.buyer.api.ok("GET", "/api/transfers?status=FAILED") == []


def test_a_seat_is_passed_on_again_by_its_new_owner(new_deal: NewDeal, new_buyer: NewBuyer) -> None:
    deal = new_deal(price=50).completed()
    deal.seller, deal.buyer = deal.buyer, new_buyer()
    deal.completed()
    deal.assert_with("buyer")


def test_codes_that_cannot_be_sent_fail_the_transfer_within_seconds(
    new_deal: NewDeal, stack: Stack, smu: Smu
) -> None:
    deal = new_deal()
    with stopped(stack, "smu"), in_time():
        assert refusal(deal.initiate()) == (503, "SERVICE_UNAVAILABLE")
    with switched(smu, send="slow"), in_time():
        assert refusal(deal.initiate()) == (503, "SERVICE_UNAVAILABLE")
    deal.begun()
    with switched(smu, verify="slow"), in_time():
        codes = {f"{name}_otp": deal.code(name) for name in PARTIES}
        assert refusal(deal.confirm(**codes)) == (503, "SERVICE_UNAVAILABLE")
    assert deal.status() == "PENDING_OTP"
    assert deal.confirm(**codes).json()["data"]["status"] == "COMPLETED"
    deal.assert_with("buyer")


def test_a_user_begins_ten_transfers_in_ten_minutes_at_most(new_deal: NewDeal) -> None:
    deal = new_deal()
    for _ in range(10):
        deal.begun()
    answer = deal.initiate()
    assert refusal(answer) == (429, "RATE_LIMITED")
    assert 0 < answer.json()["details"]["retry_after_seconds"] <= 600


def test_codes_that_somebody_else_gets_wrong_keep_nobody_from_his_own(new_deal: NewDeal) -> None:
    deal = new_deal()
    for _ in range(4):
        deal.begun()
        for code, _ in zip(wrong_codes(deal.code("buyer")), range(3)):
            deal.confirm(by=deal.seller, buyer_otp=code)
    assert refusal(deal.initiate()) == (429, "OTP_MAX_RETRIES")
    other = new_deal()
    other.buyer = deal.buyer
    assert other.begun().give_code("buyer").is_success


def test_two_initiates_of_a_seller_at_once_leave_one_transfer(new_deal: NewDeal) -> None:
    deal = new_deal()
    barrier = threading.Barrier(3)

    def initiate(_: int) -> tuple[int, str]:
        barrier.wait()
        answer = deal.initiate()
        return (201, "") if answer.is_success else refusal(answer)

    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(initiate, range(3)))
    assert set(answers) <= {(201, ""), (409, "TRANSFER_IN_PROGRESS")} and (201, "") in answers
    pending = deal.seller.api.ok("GET", "/api/transfers?status=PENDING_OTP")
    assert len(pending) == 1


def test_a_body_may_name_its_caller_and_nobody_else(new_deal: NewDeal) -> None:
    deal = new_deal()
    assert refusal(deal.initiate(user_id=deal.buyer.user_id)) == (403, "FORBIDDEN")
    assert deal.initiate(user_id=deal.seller.user_id).status_code == 201
