"""What a dispute makes of a completed transfer, through the gateway."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from deals import Deal
from platform_client import Api, Buyer, refusal

NewDeal, NewBuyer, NewSeat = Callable[..., Deal], Callable[..., Buyer], Callable[[], str]


@pytest.mark.parametrize("by", ["seller", "buyer"])
def test_disputing_freezes_the_price_of_the_seller(new_deal: NewDeal, by: str) -> None:
    deal = new_deal(price=100).completed()
    seller_has, _ = deal.balances()
    answer = deal.settle("dispute", deal.party(by).api, reason="it was not I")
    data = answer.json()["data"]
    assert (answer.status_code, data["status"]) == (200, "DISPUTED")
    balance = deal.seller.api.ok("GET", "/api/credits/balance")
    assert balance["credit_balance"] == seller_has - 100
    assert balance["frozen_credits"] == 100
    assert ("FREEZE", -100) in deal.seller.ledger()
    seen = deal.seller.api.ok("GET", f"/api/transfers/{deal.transfer_id}")
    assert (seen["disputed_by"], seen["dispute_reason"]) == (by.upper(), "it was not I")
    deal.assert_with("buyer")


def test_only_what_the_seller_has_is_frozen_and_a_reverse_takes_the_rest_of_his_balance(
    new_deal: NewDeal, new_seat: NewSeat, admin: Api
) -> None:
    deal = new_deal(price=400).completed()
    while deal.seller.balance() >= 400:
        deal.seller.pay(deal.seller.reserve(new_seat())["order_id"])
    has = deal.seller.balance()
    assert 0 < has < 400
    assert deal.settle("dispute", deal.buyer.api, reason="why").is_success
    assert (deal.seller.balance(), float(deal.frozen())) == (0, has)
    assert refusal(deal.settle("reverse", deal.seller.api)) == (402, "INSUFFICIENT_CREDITS")
    assert (deal.status(), float(deal.frozen())) == ("DISPUTED", has)
    grant = {"user_id": deal.seller.user_id, "amount": 500, "reason": "for a test"}
    admin.ok("POST", "/api/admin/credits/grant", **grant)
    assert deal.settle("reverse", deal.seller.api).json()["data"]["status"] == "REVERSED"
    assert (deal.seller.balance(), deal.frozen()) == (500 - (400 - has), 0)
    deal.assert_with("seller")


@pytest.mark.parametrize("by", ["seller", "staff", "admin"])
def test_reversing_restores_ownership_and_credits(
    new_deal: NewDeal, staff: Api, admin: Api, by: str
) -> None:
    deal = new_deal(price=100)
    before = deal.balances()
    deal.disputed(by="buyer")
    caller = {"seller": deal.seller.api, "staff": staff, "admin": admin}[by]
    answer = deal.settle("reverse", caller)
    data = answer.json()["data"]
    assert (answer.status_code, data["status"]) == (200, "REVERSED")
    assert (data["seat_id"], data["credits_returned"]) == (deal.seat_id, 100)
    assert data["restored_owner_user_id"] == deal.seller.user_id
    assert deal.balances() == before
    assert deal.frozen() == 0
    deal.assert_with("seller")
    assert deal.settle("reverse", caller).json()["data"]["status"] == "REVERSED"
    assert deal.balances() == before


def test_whoever_raised_the_dispute_cannot_decide_it(new_deal: NewDeal, staff: Api) -> None:
    deal = new_deal().disputed(by="buyer")
    assert refusal(deal.settle("reverse", deal.buyer.api)) == (403, "FORBIDDEN")
    assert refusal(deal.settle("dismiss", deal.seller.api, reason="why")) == (403, "FORBIDDEN")
    assert deal.settle("dismiss", staff, reason="no proof").json()["data"]["status"] == "COMPLETED"


def test_dismissing_frees_what_was_frozen_and_it_can_be_disputed_again(
    new_deal: NewDeal, staff: Api
) -> None:
    deal = new_deal(price=100).disputed()
    assert deal.settle("dismiss", staff, reason="no proof").is_success
    assert deal.frozen() == 0
    assert refusal(deal.settle("dismiss", staff, reason="no")) == (409, "TRANSFER_INVALID_STATE")
    deal.assert_with("buyer")
    assert deal.settle("dispute", deal.seller.api, reason="once more").is_success
    assert deal.frozen() == 100
    assert deal.settle("reverse", deal.buyer.api).json()["data"]["status"] == "REVERSED"
    deal.assert_with("seller")


def test_only_a_completed_transfer_is_disputed_and_only_a_disputed_one_reversed(
    new_deal: NewDeal,
) -> None:
    deal = new_deal().begun()
    dispute = {"what": "dispute", "by": deal.buyer.api, "reason": "why"}
    assert refusal(deal.settle(**dispute)) == (409, "TRANSFER_INVALID_STATE")
    assert refusal(deal.settle("reverse", deal.seller.api)) == (409, "TRANSFER_INVALID_STATE")
    deal.settle("cancel", deal.seller.api)
    deal.completed()
    assert refusal(deal.settle("reverse", deal.seller.api)) == (409, "TRANSFER_INVALID_STATE")
    assert deal.settle(**dispute).is_success
    assert refusal(deal.settle(**dispute)) == (409, "TRANSFER_INVALID_STATE")


def test_only_the_latest_transfer_of_a_seat_is_disputed(
    new_deal: NewDeal, new_buyer: NewBuyer
) -> None:
    first = new_deal(price=50).completed()
    last = Deal(first.buyer, new_buyer(), first.seat_id, first.order_id, first.smu, first.records)
    last.completed()
    early = first.settle("dispute", first.buyer.api, reason="why")
    assert refusal(early) == (409, "TRANSFER_INVALID_STATE")
    assert last.settle("dispute", last.buyer.api, reason="why").is_success


def test_a_disputed_seat_is_not_transferred(new_deal: NewDeal, new_buyer: NewBuyer) -> None:
    deal = new_deal().disputed(by="seller")
    onward = Deal(deal.buyer, new_buyer(), deal.seat_id, deal.order_id, deal.smu, deal.records)
    assert refusal(onward.initiate()) == (409, "SEAT_UNAVAILABLE")


def test_a_dispute_ends_what_was_pending(new_deal: NewDeal, new_buyer: NewBuyer) -> None:
    deal = new_deal().completed()
    onward = Deal(deal.buyer, new_buyer(), deal.seat_id, deal.order_id, deal.smu, deal.records)
    onward.verified()
    assert deal.settle("dispute", deal.seller.api, reason="why").is_success
    assert refusal(onward.confirm()) == (409, "TRANSFER_INVALID_STATE")
    assert onward.status() == "FAILED"
    deal.assert_with("buyer")


def test_a_seller_who_disputes_and_reverses_at_once_does_not_undo_the_sale(
    new_deal: NewDeal,
) -> None:
    for _ in range(3):
        deal = new_deal().completed()
        barrier = threading.Barrier(9)

        def settle(what: str) -> int:
            barrier.wait()
            reason = {"reason": "why"} if what == "dispute" else {}
            return deal.settle(what, deal.seller.api, **reason).status_code

        with ThreadPoolExecutor(9) as pool:
            answers = list(pool.map(settle, ["dispute", *["reverse"] * 8]))
        assert answers[0] == 200 and set(answers[1:]) <= {403, 409}
        assert deal.status() == "DISPUTED"
        deal.assert_with("buyer")


def test_a_disputed_seat_is_refunded_only_once_the_dispute_is_settled(
    new_deal: NewDeal, staff: Api
) -> None:
    deal = new_deal().disputed()
    path, body = f"/api/orders/{deal.order_id}/refund", {"reason": "rain"}
    answer = staff.call("POST", path, json=body)
    assert refusal(answer) == (409, "ORDER_INVALID_STATE")
    assert answer.json()["details"]["transfer_id"] == deal.transfer_id
    assert deal.settle("dismiss", staff, reason="rain").is_success
    assert staff.ok("POST", path, **body)["status"] == "REFUNDED"
