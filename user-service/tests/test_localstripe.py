"""A top-up against localstripe, which delivers its webhook to the service as it runs."""

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from common.testing import wait_for
from src.settings import Settings

from .conftest import INTERNAL, STANDINS, free_port, running, serving

Call = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def addresses() -> tuple[str, str]:
    """Where Stripe's stand-in and the service will listen: each has to know the other's."""
    return f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def stripe(addresses: tuple[str, str], settings: Settings) -> Iterator[httpx.Client]:
    own, service = addresses
    command = [sys.executable, str(STANDINS / "stripe_server.py"), "--port", own.partition(":")[2]]
    command += ["--webhook", f"http://{service}/api/webhooks/stripe"]
    environment = {**os.environ, "STRIPE_WEBHOOK_SECRET": settings.stripe_webhook_secret}
    with running(command, f"http://{own}", "/_config/health", env=environment) as client:
        client.headers["Authorization"] = "Bearer sk_test_of_the_tests"
        yield client


@pytest.fixture(scope="module")
def server(
    addresses: tuple[str, str], settings: Settings, stripe: httpx.Client
) -> Iterator[httpx.Client]:
    own, service = addresses
    changes = {"stripe_api_base": f"http://{own}"}
    with serving(settings.model_copy(update=changes), service) as client:
        yield client


def test_a_payment_completed_at_stripe_is_in_the_balance(
    server: httpx.Client, stripe: httpx.Client, new_user: Call, call: Call
) -> None:
    user = new_user()
    body = {"user_id": user["user_id"], "amount": 250.50, "idempotency_key": "the first"}
    answer = server.post("/credits/topup", json=body, headers=INTERNAL)
    assert answer.status_code == 200, answer.text
    topup = answer.json()["data"]
    assert topup["client_secret"].startswith(topup["payment_intent_id"] + "_secret_")
    assert (topup["amount"], topup["currency"]) == (250.5, "sgd")
    card = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}
    method = stripe.post("/v1/payment_methods", json={"type": "card", "card": card}).json()
    intent = f"/v1/payment_intents/{topup['payment_intent_id']}"
    known = stripe.get(intent).json()
    assert (known["amount"], known["currency"]) == (25050, "sgd")
    assert known["metadata"] == {"user_id": user["user_id"]}
    stripe.post(intent, json={"payment_method": method["id"]}).raise_for_status()
    stripe.post(f"{intent}/confirm", json={}).raise_for_status()

    def entries() -> list[tuple[str, float]]:
        found = call("GET", f"/credits/ledger?user_id={user['user_id']}")[1]
        return [(one["kind"], one["amount"]) for one in found]

    wait_for(entries, "the webhook")
    assert entries() == [("TOPUP", 250.5)]
