"""The stand-ins of SMU and Stripe run where nothing real is set, and remember what they should."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx
import pytest
from dotenv import dotenv_values

from local_stack import __main__ as command_line
from local_stack import standins
from local_stack.stack import ROOT, Stack

NewStack = Callable[..., Stack]
EXAMPLE = {name: value for name, value in dotenv_values(ROOT / ".env.example").items() if value}
TOPUP = {"amount": 500, "currency": "sgd"}


def stripe_of(stack: Stack) -> httpx.Client:
    base_url = f"http://127.0.0.1:{stack.ports['stripe']}/v1"
    return httpx.Client(base_url=base_url, headers={"Authorization": "Bearer sk_test_any"})


@pytest.mark.parametrize(
    ("changed", "used"),
    [
        ({}, ["smu", "stripe"]),
        ({"SMU_API_URL": "", "STRIPE_SECRET_KEY": ""}, ["smu", "stripe"]),
        ({"SMU_API_URL": "https://smu.example.com/notifications"}, ["stripe"]),
        ({"STRIPE_SECRET_KEY": "sk_live_of_somebody"}, ["smu"]),
        ({"STRIPE_API_BASE": "http://localhost:9000"}, ["smu"]),
        ({"STRIPE_WEBHOOK_SECRET": "whsec_of_somebody"}, ["smu", "stripe"]),
    ],
    ids=["as in the example", "empty", "SMU", "Stripe's key", "Stripe's address", "webhook"],
)
def test_a_stand_in_is_used_until_the_real_one_is_set(
    changed: dict[str, str], used: list[str]
) -> None:
    assert standins.used({**EXAMPLE, **changed}, EXAMPLE) == used


def test_what_is_set_reaches_the_services_and_a_stand_in_only_where_nothing_is(
    new_stack: NewStack,
) -> None:
    real = "https://smu.example.com/notifications"
    stack = new_stack(only=["stripe"], settings={"SMU_API_URL": real})
    stack.up()
    assert stack.settings["SMU_API_URL"] == real
    assert stack.settings["STRIPE_API_BASE"] == f"http://127.0.0.1:{stack.ports['stripe']}"
    assert stack.standins == {"stripe"}


def test_a_stand_in_joins_and_leaves_a_stack_that_runs_and_is_shown_meanwhile(
    new_stack: NewStack, capsys: pytest.CaptureFixture[str]
) -> None:
    one, both = new_stack(only=["stripe"]), new_stack(only=["smu", "stripe"])
    both._own = one._own
    one.up()
    healthy = {name: (state, healthy) for name, state, _, healthy in both.status()}
    assert healthy["smu"] == ("ABSENT", False) and healthy["stripe"][1]
    stripe = both.pid("stripe")
    both.up()
    assert both.is_healthy() and both.pid("stripe") == stripe
    assert command_line._COMMANDS["status"](both, None) == 0
    shown = capsys.readouterr().out
    assert f"http://localhost:{both.ports['smu']}/\n" in shown
    assert f"http://localhost:{both.ports['stripe']}\n" in shown
    one.up()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{both.ports['smu']}/health")
    assert both._supervisor.names() == ["stripe"]


def test_stripe_keeps_what_it_knows_until_the_reset(new_stack: NewStack) -> None:
    stack = new_stack(only=["stripe"])
    stack.up()
    with stripe_of(stack) as stripe:
        headers = {"Idempotency-Key": "mine"}
        begun = stripe.post("/payment_intents", json=TOPUP, headers=headers).json()
        assert begun["amount"] == 500
        stack.down()
        stack.up()
        assert stripe.get(f"/payment_intents/{begun['id']}").json() == begun
        assert stripe.post("/payment_intents", json=TOPUP, headers=headers).json() == begun
        stack.reset()
        stack.up()
    with stripe_of(stack) as stripe:
        assert stripe.get(f"/payment_intents/{begun['id']}").status_code == 404


def test_an_idempotency_key_begins_one_thing_at_stripe(new_stack: NewStack) -> None:
    stack = new_stack(only=["stripe"])
    stack.up()
    headers, barrier = {"Idempotency-Key": "mine"}, Barrier(5)
    with stripe_of(stack) as stripe:

        def begin(_: int) -> str:
            barrier.wait()
            return stripe.post("/payment_intents", json=TOPUP, headers=headers).json()["id"]

        with ThreadPoolExecutor(5) as threads:
            assert len(set(threads.map(begin, range(5)))) == 1
        barrier, headers = Barrier(5), {}
        with ThreadPoolExecutor(5) as threads:
            assert len(set(threads.map(begin, range(5)))) == 5, "without a key, five"
        other = {**TOPUP, "amount": 600}
        headers = {"Idempotency-Key": "mine"}
        refused = stripe.post("/payment_intents", json=other, headers=headers)
        assert refused.status_code == 400
        assert refused.json()["error"]["type"] == "idempotency_error"
        assert len(stripe.get("/payment_intents").json()["data"]) == 6
