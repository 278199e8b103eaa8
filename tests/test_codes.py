"""A flagged buyer confirms his purchase by a code; the provider may be away, slow or mad."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import islice

import pytest
from local_stack.stack import Stack

from common.testing import wait_for
from outside import Smu, frozen, in_time, stopped, switched, wrong_codes
from platform_client import Api, Buyer, Purchase, Records

NewBuyer, NewSeat = Callable[..., Buyer], Callable[[], str]

_SEND_FAULTS: dict[str, Callable[[Stack, Smu], AbstractContextManager[None]]] = {
    "is away": lambda stack, smu: stopped(stack, "smu"),
    "hangs": lambda stack, smu: frozen(stack, "smu"),
    "is slow": lambda stack, smu: switched(smu, send="slow"),
    "refuses": lambda stack, smu: switched(smu, send="fail"),
    "does not speak JSON": lambda stack, smu: switched(smu, send="garbage"),
}
_VERIFY_FAULTS: dict[str, Callable[[Stack, Smu], AbstractContextManager[None]]] = {
    "hangs": lambda stack, smu: frozen(stack, "smu"),
    "is slow": lambda stack, smu: switched(smu, verify="slow"),
    "refuses": lambda stack, smu: switched(smu, verify="fail"),
    "does not speak JSON": lambda stack, smu: switched(smu, verify="garbage"),
}
# a message that the provider got to only after we had given up
_SENDS_LATE = ("hangs", "is slow")


@pytest.fixture
def purchase_of(new_seat: NewSeat, records: Records) -> Callable[[Buyer], Purchase]:
    """Makes orders whose hold outlives the test."""

    def making(buyer: Buyer) -> Purchase:
        held = buyer.reserve(new_seat())
        records.prolong(held)
        return Purchase(buyer, held)

    return making


@pytest.fixture
def flagged(new_buyer: NewBuyer, admin: Api) -> Buyer:
    """A buyer who must confirm what he buys."""
    buyer = new_buyer()
    admin.ok("PATCH", f"/api/admin/users/{buyer.user_id}", is_flagged=True)
    return buyer


@pytest.fixture
def purchase(flagged: Buyer, purchase_of: Callable[[Buyer], Purchase]) -> Purchase:
    """An order of his."""
    return purchase_of(flagged)


@pytest.fixture
def code(purchase: Purchase, smu: Smu) -> str:
    """The code that his first pay has sent."""
    assert purchase.pay() == (428, "OTP_REQUIRED")
    return smu.code(purchase.buyer.phone)


def assert_completes(records: Records, purchase: Purchase, code: str) -> None:
    """The right code and a pay, and the seat is sold and charged for once."""
    paid = purchase.complete(code)
    assert paid["status"] == "CONFIRMED"
    records.assert_sold(purchase.buyer, purchase.held, str(paid["credits_charged"]))


def test_a_flagged_buyer_pays_once_he_has_given_the_code_that_was_sent(
    purchase: Purchase, smu: Smu, records: Records
) -> None:
    assert smu.codes(purchase.buyer.phone) == []
    assert purchase.pay() == (428, "OTP_REQUIRED")
    (code,) = smu.codes(purchase.buyer.phone)
    records.assert_held(purchase.buyer, purchase.held)
    assert purchase.pay() == (428, "OTP_REQUIRED")
    assert smu.codes(purchase.buyer.phone) == [code], "a code lives: nothing more is sent"
    assert_completes(records, purchase, code)


def test_a_code_that_was_given_once_is_ignored_when_it_comes_again(
    purchase: Purchase, code: str, records: Records
) -> None:
    assert_completes(records, purchase, code)
    again = {"context": "purchase", "reference_id": purchase.held["order_id"], "otp_code": code}
    assert purchase.buyer.api.ok("POST", "/api/verify-otp", **again)["verified"] is True
    order_id = purchase.held["order_id"]
    refused = purchase.buyer.api.refused("POST", "/api/pay", order_id=order_id)
    assert refused == (409, "ORDER_ALREADY_CONFIRMED")


def test_a_buyer_who_is_not_flagged_is_sent_nothing(
    new_buyer: NewBuyer, purchase_of: Callable[[Buyer], Purchase], smu: Smu
) -> None:
    buyer = new_buyer()
    buyer.pay(purchase_of(buyer).held["order_id"])
    assert smu.codes(buyer.phone) == []


def test_a_wrong_code_leaves_everything_and_the_same_again_is_not_counted(
    purchase: Purchase, code: str, records: Records
) -> None:
    first, second = islice(wrong_codes(code), 2)
    for wrong in (first, first, first, second):
        assert purchase.verify(wrong) == (401, "OTP_INVALID")
        assert purchase.pay() == (428, "OTP_REQUIRED")
    records.assert_held(purchase.buyer, purchase.held)
    assert_completes(records, purchase, code)


def test_after_three_wrong_codes_the_order_has_failed_and_the_seat_is_free_at_once(
    purchase: Purchase, code: str, records: Records, new_buyer: NewBuyer
) -> None:
    *wrong, last = islice(wrong_codes(code), 3)
    assert [purchase.verify(one) for one in wrong] == [(401, "OTP_INVALID")] * 2
    assert purchase.verify(last) == (429, "OTP_MAX_RETRIES")
    records.assert_undone(purchase.buyer, purchase.held)
    assert purchase.verify(code) == (429, "OTP_MAX_RETRIES"), "the right one comes too late"
    assert purchase.resend()[1] == "OTP_MAX_RETRIES"
    assert purchase.pay() == (409, "SEAT_NOT_HELD")
    other = new_buyer()
    held = other.reserve(purchase.held["seat_id"])
    paid = other.pay(held["order_id"])
    records.assert_sold(other, held, str(paid["credits_charged"]))
    assert purchase.verify(code) == (429, "OTP_MAX_RETRIES")
    records.assert_sold(other, held, str(paid["credits_charged"]))


def test_ten_wrong_codes_over_all_orders_stop_a_buyer_but_end_no_further_order(
    flagged: Buyer, purchase_of: Callable[[Buyer], Purchase], smu: Smu, records: Records
) -> None:
    for _ in range(3):
        purchase = purchase_of(flagged)
        assert purchase.pay() == (428, "OTP_REQUIRED")
        answers = [purchase.verify(one) for one in islice(wrong_codes(smu.code(flagged.phone)), 3)]
        assert answers[-1] == (429, "OTP_MAX_RETRIES")
    purchase = purchase_of(flagged)
    assert purchase.pay() == (428, "OTP_REQUIRED")
    code = smu.code(flagged.phone)
    assert purchase.verify(next(wrong_codes(code))) == (401, "OTP_INVALID")
    assert purchase.verify(code) == (429, "OTP_MAX_RETRIES")
    records.assert_held(purchase.buyer, purchase.held)


def test_an_expired_code_is_refused_as_that_and_the_next_pay_sends_another(
    purchase: Purchase, code: str, smu: Smu, records: Records
) -> None:
    with switched(smu, verify="expired"):
        assert purchase.verify(code) == (410, "OTP_EXPIRED")
    records.assert_held(purchase.buyer, purchase.held)
    assert purchase.pay() == (428, "OTP_REQUIRED")
    assert len(smu.codes(purchase.buyer.phone)) == 2
    assert_completes(records, purchase, smu.code(purchase.buyer.phone))


def test_a_code_is_sent_three_times_and_only_the_last_one_counts(
    purchase: Purchase, code: str, smu: Smu, records: Records
) -> None:
    purchase.another_code()
    purchase.another_code()
    assert purchase.resend() == (429, "RATE_LIMITED")
    last, *earlier = smu.codes(purchase.buyer.phone)
    assert len(earlier) == 2 and earlier[-1] == code
    assert purchase.verify(code) == (401, "OTP_INVALID")
    assert_completes(records, purchase, last)


def test_the_codes_of_another_buyers_order_are_nobody_elses(
    purchase: Purchase, code: str, new_buyer: NewBuyer, smu: Smu, records: Records
) -> None:
    stranger = new_buyer()
    for _ in range(4):
        assert purchase.verify(code, stranger) == (404, "ORDER_NOT_FOUND")
    assert purchase.resend(stranger) == (404, "ORDER_NOT_FOUND")
    assert smu.codes(purchase.buyer.phone) == [code] and smu.codes(stranger.phone) == []
    assert_completes(records, purchase, code)


@pytest.mark.parametrize("fault", _SEND_FAULTS)
def test_no_code_is_sent_while_the_provider(
    purchase: Purchase, stack: Stack, smu: Smu, records: Records, fault: str
) -> None:
    phone = purchase.buyer.phone
    with _SEND_FAULTS[fault](stack, smu), in_time():
        assert purchase.pay() == (503, "SERVICE_UNAVAILABLE")
    if fault in _SENDS_LATE:
        wait_for(lambda: smu.codes(phone), "the late message")
    records.prolong(purchase.held)
    records.assert_held(purchase.buyer, purchase.held)
    assert purchase.pay() == (428, "OTP_REQUIRED")
    assert_completes(records, purchase, smu.code(phone))


@pytest.mark.parametrize("fault", _VERIFY_FAULTS)
def test_no_code_is_counted_while_the_provider(
    purchase: Purchase, code: str, stack: Stack, smu: Smu, records: Records, fault: str
) -> None:
    *wrong, other = islice(wrong_codes(code), 3)
    with _VERIFY_FAULTS[fault](stack, smu), in_time():
        assert purchase.verify(other) == (503, "SERVICE_UNAVAILABLE")
    records.prolong(purchase.held)
    records.assert_held(purchase.buyer, purchase.held)
    assert [purchase.verify(one) for one in wrong] == [(401, "OTP_INVALID")] * 2
    assert_completes(records, purchase, code)


def test_a_provider_that_has_forgotten_its_codes_is_asked_for_new_ones(
    purchase: Purchase, code: str, stack: Stack, smu: Smu, records: Records
) -> None:
    with stopped(stack, "smu"), in_time():
        assert purchase.verify(code) == (503, "SERVICE_UNAVAILABLE")
    assert purchase.verify(code) == (410, "OTP_EXPIRED")
    records.assert_held(purchase.buyer, purchase.held)
    purchase.another_code()
    assert_completes(records, purchase, smu.code(purchase.buyer.phone))
