"""Whoever is not Stripe tells nothing, and whatever Stripe tells twice counts once."""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest
from local_stack.stack import Stack

from logs import Logs, complaints
from outside import Stripe
from platform_client import Buyer, Records, refusal
from snapshot import nothing_changes

NewBuyer = Callable[..., Buyer]
_WEBHOOK = "/api/webhooks/stripe"
_REFUSED = (400, "VALIDATION_ERROR")
_ODD_INTENTS = (
    *({"amount_received": odd} for odd in (-4000, "4000", 40.5, True, None, 10**12, 10**400, [1])),
    {"currency": "usd"},
    {"metadata": {"user_id": "admin"}},
    {"metadata": {"user_id": {"$ne": None}}},
    {"metadata": ["user_id"]},
    {"id": None},
    {"id": "pi_\0"},
    {"id": "pi_\ud800"},
    {"id": "pi_'; DROP TABLE users; --", "amount_received": 0},
)


@pytest.fixture
def buyer(new_buyer: NewBuyer) -> Buyer:
    """Whose credits it is about."""
    return new_buyer(credits=0)


@pytest.fixture
def event(buyer: Buyer, stripe: Stripe) -> bytes:
    """He has paid 40."""
    return stripe.succeeded(f"pi_{uuid4().hex}", buyer.user_id, 4000)


@pytest.fixture(scope="module")
def doors(stack: Stack) -> tuple[str, ...]:
    """Where events are taken: the gateway, and the service itself."""
    return stack.gateway_url + _WEBHOOK, f"http://127.0.0.1:{stack.ports['user']}{_WEBHOOK}"


def tell(url: str, event: bytes, headers: dict[str, str]) -> httpx.Response:
    # a connection for each: a pool would line up what comes at once
    return httpx.post(url, content=event, headers=headers, timeout=30)


def signed_by(
    secret: str, event: bytes, at: int | str, scheme: str = "v1", digest: str = "sha256"
) -> str:
    given = hmac.new(secret.encode(), f"{at}.".encode() + event, digest).hexdigest()
    return f"t={at},{scheme}={given}"


def forgeries(secret: str, event: bytes) -> dict[str, str | None]:
    """Signatures that are none, by what is wrong with them."""
    now = int(time.time())
    good = signed_by(secret, event, now)
    _, _, digits = good.partition("v1=")
    return {
        "none": None,
        "an empty one": "",
        "nonsense": "nonsense",
        "no time": f"v1={digits}",
        "no signature": f"t={now}",
        "an empty signature": f"t={now},v1=",
        "a short one": f"t={now},v1={digits[:32]}",
        "a time that is none": signed_by(secret, event, "now"),
        "another time": f"t={now + 1},v1={digits}",
        "another scheme": signed_by(secret, event, now, scheme="v0"),
        "SHA-1": signed_by(secret, event, now, digest="sha1"),
        "another secret": signed_by("whsec_of_somebody", event, now),
        "no secret": signed_by("", event, now),
        "the public key of a test account": signed_by("whsec_test_secret", event, now),
        "a plain digest": f"t={now},v1={hashlib.sha256(event).hexdigest()}",
        "an old one": signed_by(secret, event, now - 301),
        "one of 1970": signed_by(secret, event, 0),
        "one of another event": signed_by(secret, event.replace(b"evt_", b"evt-"), now),
    }


def test_an_event_that_is_not_signed_as_it_should_be_is_refused_at_every_door(
    buyer: Buyer,
    event: bytes,
    stripe: Stripe,
    stack: Stack,
    doors: tuple[str, ...],
    records: Records,
) -> None:
    with nothing_changes(records):
        for wrong, signature in forgeries(stack.settings["STRIPE_WEBHOOK_SECRET"], event).items():
            for url in doors:
                headers = {} if signature is None else {"Stripe-Signature": signature}
                assert refusal(tell(url, event, headers)) == _REFUSED, wrong
    for url in doors:  # and it was refused for its signature alone
        assert tell(url, event, stripe.signature(event)).is_success
    assert buyer.ledger() == [("TOPUP", 40)]


@pytest.mark.parametrize(
    ("what", "other"),
    [
        (b"4000", b"9000"),
        (b"sgd", b"usd"),
        (b"payment_intent.succeeded", b"payment.succeeded"),
        (b'"object": "event"', b'"object": "evnt"'),
        (b"}", b"} "),
    ],
)
def test_what_was_signed_cannot_be_changed(
    event: bytes,
    stripe: Stripe,
    doors: tuple[str, ...],
    records: Records,
    what: bytes,
    other: bytes,
) -> None:
    signature = stripe.signature(event)
    with nothing_changes(records):
        for url in doors:
            assert refusal(tell(url, event.replace(what, other), signature)) == _REFUSED


def test_an_event_is_credited_once_however_often_it_is_replayed(
    buyer: Buyer, event: bytes, stripe: Stripe, doors: tuple[str, ...], records: Records
) -> None:
    """The very same bytes and signature, at both doors at once and then one after the other."""
    signature, barrier = stripe.signature(event), threading.Barrier(8)

    def replay(number: int) -> int:
        barrier.wait()
        return tell(doors[number % 2], event, signature).status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(replay, range(8))) == [200] * 8
    for url in doors:
        for headers in (signature, stripe.signature(event), stripe.signature(event, 200)):
            assert tell(url, event, headers).json() == {"received": True}
    assert buyer.ledger() == [("TOPUP", 40)] and buyer.balance() == 40
    records.assert_balance_is_ledger(buyer)


def test_events_of_several_payments_at_once_are_credited_each(
    buyer: Buyer, stripe: Stripe, doors: tuple[str, ...], records: Records
) -> None:
    """The negative control: what is not the same event is not taken for it."""
    events = [stripe.succeeded(f"pi_{uuid4().hex}", buyer.user_id, 4000) for _ in range(8)]
    barrier = threading.Barrier(8)

    def telling(number: int) -> int:
        barrier.wait()
        one = events[number]
        return tell(doors[number % 2], one, stripe.signature(one)).status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(telling, range(8))) == [200] * 8
    assert buyer.balance() == 320
    records.assert_balance_is_ledger(buyer)


def odd_events(event: bytes) -> dict[str, bytes]:
    """Well signed, and yet not what Stripe would ever send."""
    whole = json.loads(event)
    strange: dict[str, Any] = {
        "nothing": {},
        "no data": {**whole, "data": None},
        "a type of another kind": {**whole, "type": ["payment"]},
        "no ID": {**whole, "id": None},
        "a long ID": {**whole, "id": "evt_" * 100},
    }
    for number, change in enumerate(_ODD_INTENTS):
        intent = {**whole["data"]["object"], **change}
        strange[f"intent {number}"] = {**whole, "data": {"object": intent}}
    return {
        **{what: json.dumps(one).encode() for what, one in strange.items()},
        **{repr(one): one for one in (b"{", b"[]", b"null", b'"event"', b'{"id": "\xff"}')},
        "arrays in arrays": b"[" * 50_000,
        "an infinite amount": event.replace(b"4000", b"1e999"),
        "no number": event.replace(b"4000", b"NaN"),
    }


def test_an_event_that_makes_no_sense_credits_nothing_and_breaks_nothing(
    buyer: Buyer, event: bytes, stripe: Stripe, doors: tuple[str, ...], logs: Logs
) -> None:
    for what, odd in odd_events(event).items():
        for url in doors:
            answer = tell(url, odd, stripe.signature(odd))
            assert answer.status_code == 200 or refusal(answer) == _REFUSED, (what, answer.text)
    assert buyer.balance() == 0
    # of what is signed and cannot be read, those who run the platform are told
    told = [json.loads(line)["message"] for line in complaints(logs.complete().lines("user"))]
    assert set(told) == {"a signed event of Stripe could not be read"}
    logs.begin_anew()
