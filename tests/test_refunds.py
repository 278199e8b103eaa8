"""Refunds of confirmed orders by staff, through the gateway."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from deals import Deal
from platform_client import Api, Buyer, Records, refusal

NewDeal, NewBuyer, NewSeat = Callable[..., Deal], Callable[..., Buyer], Callable[[], str]


def refund(staff: Api, order_id: str) -> httpx.Response:
    return staff.call("POST", f"/api/orders/{order_id}/refund", json={"reason": "rain"})


def test_a_refund_frees_the_seat_and_returns_exactly_the_price(
    new_buyer: NewBuyer, new_seat: NewSeat, staff: Api, records: Records
) -> None:
    buyer, seat_id = new_buyer(credits=1000), new_seat()
    order_id = buyer.reserve(seat_id)["order_id"]
    price = buyer.pay(order_id)["credits_charged"]
    data = refund(staff, order_id).json()["data"]
    assert data == {"order_id": order_id, "status": "REFUNDED", "credits_returned": price}
    assert buyer.balance() == 1000
    assert buyer.ledger()[-2:] == [("CHARGE", -price), ("REFUND", price)]
    assert records.seat(seat_id) == ("AVAILABLE", None)
    assert buyer.order(order_id)["status"] == "REFUNDED"
    assert refund(staff, order_id).json()["data"] == data
    assert buyer.balance() == 1000
    assert new_buyer().reserve(seat_id)["status"] == "HELD"


def test_a_refund_goes_to_who_owns_the_seat_now_and_ends_its_open_transfer(
    new_deal: NewDeal, new_buyer: NewBuyer, staff: Api
) -> None:
    deal = new_deal(price=50).completed()
    price = deal.seller.order(deal.order_id)["credits_charged"]
    onward = Deal(deal.buyer, new_buyer(), deal.seat_id, deal.order_id, deal.smu, deal.records)
    onward.verified()
    seller_has, buyer_has = deal.balances()
    assert refund(staff, deal.order_id).json()["data"]["credits_returned"] == price
    assert deal.balances() == (seller_has, buyer_has + price)
    assert onward.status() == "FAILED"
    assert refusal(onward.confirm()) == (409, "TRANSFER_INVALID_STATE")
    assert refusal(deal.settle("dispute", deal.buyer.api, reason="why"))[0] == 409


def test_two_refunds_at_once_pay_once(new_deal: NewDeal, staff: Api) -> None:
    deal = new_deal()
    had = deal.seller.balance()
    price = deal.seller.order(deal.order_id)["credits_charged"]
    barrier = threading.Barrier(2)

    def both(_: int) -> int:
        barrier.wait()
        return refund(staff, deal.order_id).status_code

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(both, range(2))) == [200, 200]
    assert deal.seller.balance() == had + price
    assert [kind for kind, _ in deal.seller.ledger()].count("REFUND") == 1


def test_only_staff_refunds_and_only_what_is_confirmed(
    new_buyer: NewBuyer, new_seat: NewSeat, staff: Api
) -> None:
    buyer = new_buyer()
    held = buyer.reserve(new_seat())
    assert refusal(refund(buyer.api, held["order_id"])) == (403, "FORBIDDEN")
    assert refusal(refund(staff, held["order_id"])) == (409, "ORDER_INVALID_STATE")
    unknown = "00000000-0000-4000-8000-000000000000"
    assert refusal(refund(staff, unknown)) == (404, "ORDER_NOT_FOUND")
    path = f"/api/orders/{held['order_id']}/refund"
    assert staff.refused("POST", path) == (400, "VALIDATION_ERROR")
