"""What is outside the platform: the stand-ins of SMU and Stripe, and how they fail."""

import hashlib
import hmac
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import httpx
from local_stack.stack import Stack

from common.testing import wait_for
from platform_client import process_tree

# within 5 s, by the contract; the rest is for the way through a busy machine
DEADLINE_SECONDS = 5.5
_CARD = {"number": "4242424242424242", "exp_month": 12, "exp_year": 2040, "cvc": "123"}


class Smu:
    """The codes that were "sent", and the stand-in's switches."""

    def __init__(self, base_url: str) -> None:
        self._client = httpx.Client(base_url=base_url, timeout=10)

    def codes(self, phone: str) -> list[str]:
        """Every code that this phone got, newest first."""
        answer = self._client.get("/codes", params={"mobile": phone}).raise_for_status()
        return [sent["code"] for sent in answer.json()]

    def code(self, phone: str) -> str:
        """The last one."""
        return self.codes(phone)[0]

    def switch(self, **modes: str) -> None:
        """`send` and `verify`: ok, fail, slow, garbage; `verify` also expired."""
        self._client.post("/switches", json=modes).raise_for_status()


def wrong_codes(right: str) -> Iterator[str]:
    """Codes that are not that one, all different."""
    return (f"{(int(right) + distance) % 1_000_000:06}" for distance in range(1, 1_000_000))


class Stripe:
    """A client's side of a payment, and events signed as Stripe signs them."""

    def __init__(self, base_url: str, webhook_secret: str) -> None:
        headers = {"Authorization": "Bearer sk_test_of_the_tests"}
        self._client = httpx.Client(base_url=base_url, headers=headers, timeout=10)
        self._webhook_secret = webhook_secret

    def intent(self, intent_id: str) -> dict[str, Any]:
        """A payment as Stripe has it; amounts in cents."""
        return self._client.get(f"/v1/payment_intents/{intent_id}").raise_for_status().json()

    def pay(self, intent_id: str) -> None:
        """Complete a payment with a card that is good."""
        method = self._post("/v1/payment_methods", type="card", card=_CARD)
        self._post(f"/v1/payment_intents/{intent_id}", payment_method=method["id"])
        self._post(f"/v1/payment_intents/{intent_id}/confirm")

    def succeeded(self, intent_id: str, user_id: str, cents: int) -> bytes:
        """An event that tells of a completed payment."""
        amounts = {"amount": cents, "amount_received": cents, "currency": "sgd"}
        intent = {"id": intent_id, **amounts, "metadata": {"user_id": user_id}}
        told = {"type": "payment_intent.succeeded", "data": {"object": intent}}
        return json.dumps({"id": f"evt_{uuid4().hex}", "object": "event", **told}).encode()

    def signature(self, event: bytes, age_seconds: int = 0) -> dict[str, str]:
        """The header that goes with an event."""
        at = int(time.time()) - age_seconds
        signed = b"%d.%s" % (at, event)
        given = hmac.new(self._webhook_secret.encode(), signed, hashlib.sha256).hexdigest()
        return {"Stripe-Signature": f"t={at},v1={given}"}

    def _post(self, path: str, **body: Any) -> dict[str, Any]:
        return self._client.post(path, json=body).raise_for_status().json()


@contextmanager
def stopped(stack: Stack, name: str) -> Iterator[None]:
    """That process is not there; afterwards it is again, and whoever called it does again."""
    stack.stop(name)
    try:
        yield
    finally:
        stack.start(name)
        wait_until_all_are_reached(stack)


@contextmanager
def frozen(stack: Stack, name: str) -> Iterator[None]:
    """All that it consists of stops where it is: connections are taken and nothing is answered."""
    processes = process_tree(stack.pid(name))
    _signal_all(processes, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal_all(processes, signal.SIGCONT)
        wait_for(stack.is_healthy, "health", seconds=20)


def _signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)


@contextmanager
def switched(smu: Smu, **modes: str) -> Iterator[None]:
    """SMU's stand-in behaves so; afterwards as it should."""
    smu.switch(**modes)
    try:
        yield
    finally:
        smu.switch(**dict.fromkeys(modes, "ok"))


@contextmanager
def in_time() -> Iterator[None]:
    """What is done here is answered before a caller loses patience."""
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < DEADLINE_SECONDS


def wait_until_all_are_reached(stack: Stack) -> None:
    """By all who call them, after some were started again: their health says less."""
    wait_for(lambda: _answers(stack), "everybody to be reached again", seconds=20)


def _answers(stack: Stack) -> bool:
    """Whether every connection of every worker has found its way back: many calls, none refused."""
    with httpx.Client(base_url=stack.gateway_url, timeout=10) as client:
        login = {"email": "user3@example.com", "password": "password123"}
        signed_in = client.post("/api/auth/login", json=login)
        if not signed_in.is_success:
            return False
        client.headers["Authorization"] = f"Bearer {signed_in.json()['data']['access_token']}"
        paths = ("/api/tickets", "/api/orders", "/api/credits/balance", "/health")
        return all(client.get(path).is_success for _ in range(20) for path in paths)
