"""Credits are bought at Stripe, who tells of it through the gateway, in whatever way."""

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from uuid import uuid4

import httpx
import pytest
from local_stack.stack import Stack

from common.testing import wait_for
from outside import Stripe, frozen, in_time, stopped
from platform_client import Api, Buyer, Records, refusal

NewBuyer = Callable[..., Buyer]
_WEBHOOK = "/api/webhooks/stripe"
_FAULTS: dict[str, Callable[[Stack], AbstractContextManager[None]]] = {
    "is away": lambda stack: stopped(stack, "stripe"),
    "hangs": lambda stack: frozen(stack, "stripe"),
}


def begin(buyer: Buyer, amount: object, key: str | None = None) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    body = {"amount": amount}
    return buyer.api.call("POST", "/api/credits/topup", json=body, headers=headers)


def intent_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["payment_intent_id"]


@pytest.fixture
def tell(api: Api, stripe: Stripe) -> Callable[[bytes], None]:
    """Sends an event as Stripe does; it is received."""

    def telling(event: bytes) -> None:
        # a connection for each: httpx's pool would line up what comes at once
        url, headers = api.base_url + _WEBHOOK, stripe.signature(event)
        answer = httpx.post(url, content=event, headers=headers, timeout=30)
        assert (answer.status_code, answer.json()) == (200, {"received": True})

    return telling


def at_once(tell: Callable[[bytes], None], events: list[bytes]) -> None:
    barrier = threading.Barrier(len(events))

    def begun_together(event: bytes) -> None:
        barrier.wait()
        tell(event)

    with ThreadPoolExecutor(len(events)) as pool:
        list(pool.map(begun_together, events))


def test_a_payment_that_is_completed_at_stripe_is_in_the_balance_and_the_ledger_once(
    new_buyer: NewBuyer, stripe: Stripe, records: Records, tell: Callable[[bytes], None]
) -> None:
    buyer = new_buyer(credits=0)
    answer = begin(buyer, 250.5)
    intent_id, topup = intent_of(answer), answer.json()["data"]
    assert topup["client_secret"].startswith(f"{intent_id}_secret_")
    assert (topup["amount"], topup["currency"]) == (250.5, "sgd") and topup["message"]
    intent = stripe.intent(intent_id)
    assert (intent["amount"], intent["currency"]) == (25050, "sgd")
    assert intent["metadata"] == {"user_id": buyer.user_id}
    assert buyer.balance() == 0, "a payment that is begun is none"
    stripe.pay(intent_id)
    wait_for(lambda: buyer.balance() == 250.5, "the webhook")
    tell(stripe.succeeded(intent_id, buyer.user_id, 25050))
    assert buyer.ledger() == [("TOPUP", 250.5)]
    records.assert_balance_is_ledger(buyer)


def test_credits_that_were_bought_buy_a_ticket(
    new_buyer: NewBuyer, new_seat: Callable[[], str], stripe: Stripe, records: Records
) -> None:
    buyer = new_buyer(credits=0)
    stripe.pay(intent_of(begin(buyer, 1000)))
    wait_for(lambda: buyer.balance() == 1000, "the webhook")
    held = buyer.reserve(new_seat())
    paid = buyer.pay(held["order_id"])
    records.assert_sold(buyer, held, str(paid["credits_charged"]))


def test_the_same_event_five_times_at_once_credits_once(
    new_buyer: NewBuyer, stripe: Stripe, records: Records, tell: Callable[[bytes], None]
) -> None:
    for _ in range(5):
        buyer = new_buyer(credits=0)
        intent_id = intent_of(begin(buyer, 40))
        at_once(tell, [stripe.succeeded(intent_id, buyer.user_id, 4000)] * 5)
        assert buyer.ledger() == [("TOPUP", 40)] and buyer.balance() == 40
        records.assert_balance_is_ledger(buyer)


def test_five_payments_told_of_at_once_credit_five_times(
    new_buyer: NewBuyer, stripe: Stripe, records: Records, tell: Callable[[bytes], None]
) -> None:
    """The negative control: told so, credits would be given more than once."""
    buyer = new_buyer(credits=0)
    intents = [intent_of(begin(buyer, 40)) for _ in range(5)]
    at_once(tell, [stripe.succeeded(one, buyer.user_id, 4000) for one in intents])
    assert buyer.ledger() == [("TOPUP", 40)] * 5 and buyer.balance() == 200
    records.assert_balance_is_ledger(buyer)


def test_a_repeat_under_an_idempotency_key_begins_no_second_payment(
    new_buyer: NewBuyer, stripe: Stripe
) -> None:
    buyer, other, key = new_buyer(credits=0), new_buyer(credits=0), uuid4().hex
    first = begin(buyer, 75, key)
    assert begin(buyer, 75, key).json() == first.json()
    assert refusal(begin(buyer, 76, key)) == (400, "VALIDATION_ERROR")
    keyless, of_other = intent_of(begin(buyer, 75)), intent_of(begin(other, 75, key))
    assert len({intent_of(first), keyless, of_other}) == 3
    assert stripe.intent(of_other)["metadata"] == {"user_id": other.user_id}
    stripe.pay(intent_of(first))
    wait_for(lambda: buyer.balance() == 75, "the webhook")
    assert begin(buyer, 75, key).json() == first.json()
    assert other.balance() == 0


@pytest.mark.parametrize("amount", [0, -1, 10_000.01, 0.001, 10.005, "5", None])
def test_an_amount_that_cannot_be_bought_is_refused(new_buyer: NewBuyer, amount: object) -> None:
    assert refusal(begin(new_buyer(credits=0), amount)) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize(("amount", "cents"), [(0.5, 50), (10_000, 1_000_000)])
def test_the_smallest_and_the_largest_amount_are_taken(
    new_buyer: NewBuyer, stripe: Stripe, amount: float, cents: int
) -> None:
    assert stripe.intent(intent_of(begin(new_buyer(credits=0), amount)))["amount"] == cents


def test_without_a_login_nothing_is_bought(api: Api) -> None:
    refused = api.refused("POST", "/api/credits/topup", amount=5)
    assert refused == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("fault", _FAULTS)
def test_no_payment_is_begun_while_stripe(
    new_buyer: NewBuyer, stack: Stack, stripe: Stripe, records: Records, fault: str
) -> None:
    buyer = new_buyer(credits=5)
    with _FAULTS[fault](stack), in_time():
        assert refusal(begin(buyer, 20)) == (503, "SERVICE_UNAVAILABLE")
    assert buyer.ledger() == [("GRANT", 5)]
    stripe.pay(intent_of(begin(buyer, 20)))
    wait_for(lambda: buyer.balance() == 25, "the webhook")
    records.assert_balance_is_ledger(buyer)


def test_an_event_that_stripe_did_not_sign_is_refused_and_changes_nothing(
    api: Api, new_buyer: NewBuyer, stripe: Stripe
) -> None:
    buyer = new_buyer(credits=0)
    event = stripe.succeeded(intent_of(begin(buyer, 40)), buyer.user_id, 4000)
    somebody = Stripe(api.base_url, "whsec_of_somebody_else")
    for headers in (
        {},
        {"Stripe-Signature": "t=1,v1=00"},
        somebody.signature(event),
        stripe.signature(event.replace(b"4000", b"9000")),
        stripe.signature(event, age_seconds=301),
    ):
        answer = api.call("POST", _WEBHOOK, content=event, headers=headers)
        assert refusal(answer) == (400, "VALIDATION_ERROR"), headers
    assert buyer.ledger() == []


def test_an_event_of_another_kind_is_received_and_changes_nothing(
    new_buyer: NewBuyer, stripe: Stripe, tell: Callable[[bytes], None]
) -> None:
    buyer = new_buyer(credits=0)
    event = json.loads(stripe.succeeded("pi_of_nobody", buyer.user_id, 4000))
    for kind in ("payment_intent.created", "payment_intent.payment_failed", "never.heard.of"):
        tell(json.dumps({**event, "type": kind}).encode())
    assert buyer.ledger() == []
