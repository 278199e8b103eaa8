"""Top-ups: events of Stripe in any order and again; each payment settled once."""

import hashlib
import hmac
import itertools
import json
import random
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from src.app import create_app
from src.settings import Settings

from .conftest import INTERNAL, at_once

Call = Callable[..., tuple[int, Any]]
User = dict[str, Any]
_WEBHOOK = "/api/webhooks/stripe"


def signed(raw: bytes, secret: str = "whsec_of_the_tests", at: float | None = None) -> str:
    moment = int(time.time() if at is None else at)
    signature = hmac.new(secret.encode(), b"%d.%s" % (moment, raw), hashlib.sha256).hexdigest()
    return f"t={moment},v1={signature}"


def event(kind: str, found: dict[str, Any]) -> dict[str, Any]:
    told = {"id": f"evt_{uuid4().hex}", "object": "event", "type": kind}
    return {**told, "data": {"object": {"currency": "sgd", **found}}}


class Payment:
    """A payment of a user, and what Stripe tells of it; amounts in cents."""

    def __init__(self, user: User, cents: int) -> None:
        self.intent, self.cents, self.user = f"pi_{uuid4().hex}", cents, user

    def succeeded(self, kind: str = "payment_intent.succeeded") -> dict[str, Any]:
        metadata = {"user_id": self.user["user_id"]}
        amounts = {"amount": self.cents, "amount_received": self.cents}
        return event(kind, {"id": self.intent, **amounts, "metadata": metadata})

    def refunded(self, cents: int) -> dict[str, Any]:
        charge = {"id": "ch_1", "payment_intent": self.intent, "amount_refunded": cents}
        return event("charge.refunded", {**charge, "amount": self.cents})

    def disputed(self, cents: int) -> dict[str, Any]:
        dispute = {"id": "dp_1", "payment_intent": self.intent, "amount": cents}
        return event("charge.dispute.created", dispute)


@pytest.fixture
def tell(app: Flask) -> Callable[..., Any]:
    """Sends events as Stripe does, one after the other; each is received."""

    def telling(*events: dict[str, Any]) -> None:
        for one in events:
            raw = json.dumps(one).encode()
            headers = {"Stripe-Signature": signed(raw)}
            response = app.test_client().post(_WEBHOOK, data=raw, headers=headers)
            assert (response.status_code, response.get_json()) == (200, {"received": True})

    return telling


@pytest.fixture
def balance(call: Call) -> Callable[[User], float]:
    return lambda user: call("GET", f"/users/{user['user_id']}")[1]["credit_balance"]


@pytest.fixture
def lines(call: Call) -> Callable[[User], list[tuple[str, float]]]:
    """Kind and amount of a user's entries, oldest first."""

    def listing(user: User) -> list[tuple[str, float]]:
        entries = call("GET", f"/credits/ledger?user_id={user['user_id']}")[1]
        return [(one["kind"], one["amount"]) for one in reversed(entries)]

    return listing


def spend(call: Call, user: User, amount: float) -> bool:
    """Whether there was enough."""
    charge = {"user_id": user["user_id"], "amount": amount, "reference_id": str(uuid4())}
    status, _ = call("POST", "/credits/deduct", **charge)
    assert status in (200, 402)
    return status == 200


def test_a_payment_is_credited_once_however_often_it_is_told(
    new_user: Call, tell: Call, lines: Call
) -> None:
    payment = Payment(new_user(), 5025)
    first = payment.succeeded()
    tell(first, first, payment.succeeded(), payment.succeeded("payment.succeeded"))
    assert lines(payment.user) == [("TOPUP", 50.25)]


def test_the_task_lists_name_of_the_event_is_taken_as_the_same(
    new_user: Call, tell: Call, lines: Call
) -> None:
    payment = Payment(new_user(), 25)
    tell(payment.succeeded("payment.succeeded"))
    assert lines(payment.user) == [("TOPUP", 0.25)]


def test_one_event_five_times_at_once_credits_once(new_user: Call, tell: Call, lines: Call) -> None:
    payment = Payment(new_user(), 10000)
    told = payment.succeeded()
    at_once(*[lambda: tell(told)] * 5)
    at_once(*[lambda: tell(payment.succeeded())] * 5)
    assert lines(payment.user) == [("TOPUP", 100)]


def test_five_events_of_one_payment_at_once_credit_once(
    new_user: Call, tell: Call, lines: Call
) -> None:
    """No event is known yet, so that the payment alone keeps them apart."""
    payment = Payment(new_user(), 10000)
    at_once(*[lambda: tell(payment.succeeded())] * 5)
    assert lines(payment.user) == [("TOPUP", 100)]


def test_without_the_guards_the_same_events_would_credit_twice(
    new_user: Call, tell: Call, lines: Call, rows: Call
) -> None:
    """The negative control: it is the rows of the event and the intent that keep it to once."""
    payment = Payment(new_user(), 10000)
    told = payment.succeeded()
    tell(told)
    rows("DELETE FROM stripe_events WHERE event_id = :id", id=told["id"])
    rows("DELETE FROM stripe_intents WHERE intent_id = :id", id=payment.intent)
    tell(told)
    assert lines(payment.user) == [("TOPUP", 100), ("TOPUP", 100)]


def test_partial_refunds_grow_and_each_takes_back_what_it_adds(
    new_user: Call, tell: Call, lines: Call
) -> None:
    payment = Payment(new_user(), 10000)
    tell(payment.succeeded(), payment.refunded(2000), payment.refunded(2000))
    tell(payment.refunded(5000), payment.refunded(3000), payment.refunded(10000))
    assert lines(payment.user) == [
        ("TOPUP", 100),
        ("TOPUP_REVERSAL", -20),
        ("TOPUP_REVERSAL", -30),
        ("TOPUP_REVERSAL", -50),
    ]


def test_the_larger_of_refunded_and_disputed_is_taken_back_and_not_both(
    new_user: Call, tell: Call, lines: Call
) -> None:
    payment = Payment(new_user(), 10000)
    tell(payment.succeeded(), payment.refunded(3000), payment.disputed(10000))
    tell(payment.refunded(6000))
    assert lines(payment.user)[1:] == [("TOPUP_REVERSAL", -30), ("TOPUP_REVERSAL", -70)]


def test_a_refund_told_before_its_payment_waits_for_it(
    new_user: Call, tell: Call, lines: Call
) -> None:
    payment = Payment(new_user(), 10000)
    tell(payment.refunded(2500))
    assert lines(payment.user) == []
    tell(payment.succeeded())
    assert lines(payment.user) == [("TOPUP", 100), ("TOPUP_REVERSAL", -25)]


def test_in_whatever_order_the_events_come_the_end_is_the_same(
    new_user: Call, tell: Call, balance: Call
) -> None:
    for order in itertools.permutations(range(4)):
        payment = Payment(new_user(), 10000)
        told = [payment.succeeded(), payment.refunded(1000), payment.refunded(4000)]
        told.append(payment.disputed(3000))
        tell(*[told[number] for number in order])
        assert balance(payment.user) == 60, order


def test_all_events_of_several_payments_at_once_settle_each(
    new_user: Call, tell: Call, balance: Call
) -> None:
    user = new_user()
    told: list[dict[str, Any]] = []
    for cents in (10000, 20000, 30000):
        payment = Payment(user, cents)
        told += [payment.succeeded()] * 2 + [payment.refunded(1000), payment.refunded(2000)]
        told += [payment.disputed(500)]
    random.Random(3).shuffle(told)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(tell, told))
    assert balance(user) == 540


def test_what_is_spent_already_is_a_debt_that_the_next_top_ups_pay(
    new_user: Call, tell: Call, lines: Call, call: Call, balance: Call
) -> None:
    user = new_user()
    payment = Payment(user, 10000)
    tell(payment.succeeded())
    assert spend(call, user, 70)
    tell(payment.refunded(10000))
    assert balance(user) == 0
    tell(Payment(user, 4500).succeeded())
    assert balance(user) == 0
    tell(Payment(user, 10000).succeeded())
    assert balance(user) == 75
    assert lines(user) == [
        ("TOPUP", 100),
        ("CHARGE", -70),
        ("TOPUP_REVERSAL", -30),
        ("TOPUP", 45),
        ("TOPUP_REVERSAL", -45),
        ("TOPUP", 100),
        ("TOPUP_REVERSAL", -25),
    ]


def test_a_debt_is_paid_from_top_ups_and_from_nothing_else(
    new_user: Call, tell: Call, call: Call, balance: Call
) -> None:
    user = new_user()
    payment = Payment(user, 5000)
    tell(payment.succeeded())
    assert spend(call, user, 50)
    tell(payment.disputed(5000))
    grant = {"user_id": user["user_id"], "amount": 80, "reason": "sorry", "grant_id": str(uuid4())}
    assert call("POST", "/credits/grant", **grant)[1]["credit_balance"] == 80
    tell(Payment(user, 2000).succeeded())
    assert balance(user) == 80
    tell(Payment(user, 4000).succeeded())
    assert balance(user) == 90


def test_refunds_while_credits_are_spent_lose_and_invent_nothing(
    new_user: Call, tell: Call, call: Call, rows: Call
) -> None:
    user = new_user()
    payments = [Payment(user, 10000) for _ in range(4)]
    tell(*[one.succeeded() for one in payments])
    spending = [lambda: spend(call, user, 20)] * 4
    refunding = [lambda one=one: tell(one.refunded(10000)) for one in payments]
    spent = 20 * sum(at_once(*spending, *refunding)[: len(spending)])  # a refund may be quicker
    owed = "SELECT sum(owed), sum(taken_back) FROM stripe_intents WHERE user_id = :user_id"
    assert rows(owed, user_id=user["user_id"]) == [(Decimal(spent), Decimal(400 - spent))]


@pytest.mark.parametrize(
    "told",
    [
        event("customer.created", {"id": "cus_1"}),
        event("payment_intent.created", {"id": "pi_1", "metadata": {"user_id": "x"}}),
        event("payment_intent.succeeded", {"id": "pi_1", "amount": 5, "metadata": {}}),
        event("charge.refunded", {"id": "ch_1", "payment_intent": None, "amount_refunded": 5}),
        event("charge.refunded", {"payment_intent": "pi_usd", "currency": "usd"}),
        event("charge.refunded", {"payment_intent": "pi_not_ours", "amount_refunded": 5}),
        event(
            "payment_intent.succeeded",
            {"id": "pi_lost", "amount": 500, "metadata": {"user_id": str(uuid4())}},
        ),
    ],
)
def test_events_of_no_interest_are_received_too(tell: Call, told: dict[str, Any]) -> None:
    tell(told, told)


def test_only_stripes_own_fresh_signature_over_this_very_body_counts(
    app: Flask, new_user: Call, lines: Call
) -> None:
    payment = Payment(new_user(), 10000)
    raw = json.dumps(payment.succeeded()).encode()
    for body, signature in [
        (raw, None),
        (raw, ""),
        (raw, "t=1"),
        (raw, "nonsense"),
        (raw, signed(raw, secret="whsec_of_another")),
        (raw, signed(raw, at=time.time() - 400)),
        (raw + b" ", signed(raw)),
        (b"\xff", signed(b"\xff")),
        (b"{}", signed(b"{}")),
        (b"[]", signed(b"[]")),
        (b"", signed(b"")),
    ]:
        headers = {} if signature is None else {"Stripe-Signature": signature}
        response = app.test_client().post(_WEBHOOK, data=body, headers=headers)
        assert (response.status_code, response.get_json()["error_code"]) == (
            400,
            "VALIDATION_ERROR",
        ), (body, signature)
    assert lines(payment.user) == []


def test_an_event_that_lacks_what_it_should_have_is_refused_and_not_booked(
    app: Flask, new_user: Call, rows: Call
) -> None:
    for found in (
        {"amount": 10.5},
        {"amount": -5},
        {"amount": "500"},
        {"amount": 5, "id": None},
        {"amount": 5, "id": "pi_with\0"},
    ):
        told = Payment(new_user(), 1).succeeded()
        del told["data"]["object"]["amount_received"]
        told["data"]["object"] |= found
        raw = json.dumps(told).encode()
        headers = {"Stripe-Signature": signed(raw)}
        assert app.test_client().post(_WEBHOOK, data=raw, headers=headers).status_code == 400
        assert rows("SELECT * FROM stripe_events WHERE event_id = :id", id=told["id"]) == []


@pytest.fixture
def silent_stripe(settings: Settings) -> Iterator[Flask]:
    """The service with a Stripe that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield create_app(settings.model_copy(update={"stripe_api_base": base}))


def test_a_silent_stripe_is_said_within_five_seconds_and_holds_no_lock(
    silent_stripe: Flask, new_user: Call, rows: Call
) -> None:
    body = {"user_id": new_user()["user_id"], "amount": 50}
    answers: list[Any] = []

    def ask() -> None:
        client = silent_stripe.test_client()
        answers.append(client.post("/credits/topup", json=body, headers=INTERNAL))

    begun, asking = time.monotonic(), Thread(target=ask)
    asking.start()
    time.sleep(1)
    assert rows("SELECT 1 FROM users WHERE user_id = :user_id FOR UPDATE NOWAIT", **body)
    held = """SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
              AND state LIKE 'idle in transaction%'
              AND state_change < clock_timestamp() - interval '0.5 seconds'"""
    assert rows(held) == [] and asking.is_alive()
    asking.join()
    assert time.monotonic() - begun < 5
    assert answers[0].status_code == 503
    assert answers[0].get_json()["error_code"] == "SERVICE_UNAVAILABLE"


def test_a_stripe_that_cannot_be_reached_is_said(call: Call, new_user: Call) -> None:
    """settings of conftest name a port where nobody listens."""
    status, error = call("POST", "/credits/topup", user_id=new_user()["user_id"], amount=50)
    assert (status, error["error_code"]) == (503, "SERVICE_UNAVAILABLE")


@pytest.mark.parametrize("amount", [0, -1, 10000.01, 0.001, "50", None])
def test_an_amount_that_cannot_be_paid_is_refused(call: Call, new_user: Call, amount: Any) -> None:
    status, error = call("POST", "/credits/topup", user_id=new_user()["user_id"], amount=amount)
    assert (status, error["error_code"]) == (400, "VALIDATION_ERROR")


def test_nobody_can_top_up_for_nobody(call: Call) -> None:
    status, error = call("POST", "/credits/topup", user_id=str(uuid4()), amount=1)
    assert (status, error["error_code"]) == (404, "USER_NOT_FOUND")
