"""One JSON object a line, one request's ID through every service, and nothing that opens a door."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from local_stack.stack import Stack

from common.testing import wait_for
from gate import Gate
from logbook import SERVICES, SHAPES, Logbook, leaks, misshapen
from outside import Smu, Stripe, wrong_codes
from platform_client import HOLD_TTL_SECONDS, Api, Buyer, Purchase, refusal

NewBuyer, NewSeat = Callable[..., Buyer], Callable[[], str]
HEADER = "X-Correlation-ID"
_SECRET_SETTINGS = (
    "JWT_SECRET",
    "QR_ENCRYPTION_KEY",
    "INTERNAL_API_TOKEN",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "SMU_API_KEY",
    "INVENTORY_DB_PASS",
    "USER_DB_PASS",
    "ORDER_DB_PASS",
    "EVENT_DB_PASS",
)


@pytest.fixture
def logbook(stack: Stack) -> Logbook:
    return Logbook(stack)


def test_one_purchase_is_found_in_every_service_under_the_callers_id(
    logbook: Logbook, new_buyer: NewBuyer, new_seat: NewSeat
) -> None:
    """Browsing is part of it: the orchestrator asks for an event again only after some seconds."""
    buyer, given = new_buyer(), str(uuid4())

    def ask(method: str, path: str, **body: str) -> Any:
        headers = {HEADER: given}
        answer = buyer.api.call(method, path, json=body or None, headers=headers)
        assert answer.is_success and answer.headers[HEADER] == given, answer.text
        return answer.json()["data"]

    ask("GET", "/api/events")
    held = ask("POST", "/api/reserve", seat_id=new_seat())
    ask("POST", "/api/pay", order_id=held["order_id"])
    wait_for(
        lambda: all(logbook.under(name, given) for name in SERVICES), "a line in every service"
    )
    paths = {name: {one.get("path") for one in logbook.under(name, given)} for name in SERVICES}
    assert paths["orchestrator"] == {"/api/reserve", "/api/pay"}
    assert "/credits/deduct" in paths["user"] and "/orders" in paths["order"]
    assert any(path.startswith("/events") for path in paths["event"])
    calls = [one["rpc"].rpartition("/")[2] for one in logbook.under("inventory", given)]
    assert [call for call in calls if call.endswith("Seat")] == ["ReserveSeat", "ConfirmSeat"]


def test_without_one_the_gateways_id_is_that_of_the_answer_and_of_the_logs(
    logbook: Logbook, new_buyer: NewBuyer, new_seat: NewSeat
) -> None:
    buyer, seat_id = new_buyer(), new_seat()
    ids = [
        buyer.api.call("POST", "/api/reserve", json={"seat_id": seat_id}).headers[HEADER]
        for _ in range(2)
    ]
    assert ids[0] != ids[1]
    for one in ids:
        wait_for(lambda: logbook.under("inventory", one), "the line of inventory")
        assert {line["service"] for line in logbook.under("orchestrator", one)} == {
            "orchestrator-service"
        }


def test_the_end_of_a_hold_is_told_under_the_id_of_the_request_that_made_it(
    logbook: Logbook, new_buyer: NewBuyer, new_seat: NewSeat
) -> None:
    buyer, given = new_buyer(), str(uuid4())
    seat = {"seat_id": new_seat()}
    held = buyer.api.call("POST", "/api/reserve", json=seat, headers={HEADER: given})

    def settled() -> list[str]:
        told = logbook.under("inventory", given)
        return [one["order_id"] for one in told if one["message"] == "hold message settled"]

    wait_for(settled, "the consumer's line", seconds=HOLD_TTL_SECONDS + 10)
    order_id = held.json()["data"]["order_id"]
    assert settled() == [order_id]
    changes = [one for one in logbook.under("order", given) if one.get("method") == "PATCH"]
    assert f"/orders/{order_id}" in {one["path"] for one in changes}


def test_every_line_is_one_json_object_with_what_every_line_has(logbook: Logbook) -> None:
    written = {name: logbook.lines(name) for name in (*SERVICES, "recovery")}
    assert all(
        written[name] for name in SERVICES
    )  # recovery has nothing to say where nothing fails
    assert {name: misshapen(lines) for name, lines in written.items() if misshapen(lines)} == {}


def test_a_line_that_is_none_is_noticed() -> None:
    """The negative control."""
    whole = '{"timestamp": "t", "level": "INFO", "logger": "l", "message": "m", "service": "s"'
    good, bad = whole + ', "correlation_id": "c"}', whole + "}"
    text = "Traceback (most recent call last):"
    assert misshapen([good, bad, text, "[]"]) == [bad, text, "[]"]


class Life:
    """What a user does with all that is secret of his; `secrets` by what they are."""

    def __init__(self, api: Api, admin: Api, credits: float) -> None:
        self.password = f"pass word {uuid4()}"
        self.email, self.phone = f"{uuid4().hex}@example.com", f"+65{uuid4().int % 10**11:011}"
        self.api, self.admin = api, admin
        self.secrets = {"password": self.password, "wrong password": f"no {uuid4()}"}
        account = {"email": self.email, "phone": self.phone, "password": self.password}
        user_id = api.ok("POST", "/api/auth/register", **account)["user_id"]
        assert api.refused("POST", "/api/auth/register", **account)[0] == 409
        grant = {"user_id": user_id, "amount": credits, "reason": "for a test"}
        admin.ok("POST", "/api/admin/credits/grant", **grant)
        self.buyer = Buyer(self._sign_in(), user_id, self.email, self.phone)

    def _sign_in(self) -> Api:
        """Log in, wrongly first, and refresh."""
        login = {"email": self.email, "password": self.password}
        wrong = {**login, "password": self.secrets["wrong password"]}
        assert self.api.refused("POST", "/api/auth/login", **wrong) == (401, "UNAUTHORIZED")
        tokens = self.api.ok("POST", "/api/auth/login", **login)
        refreshing = Api(self.api.base_url, tokens["refresh_token"])
        access = refreshing.ok("POST", "/api/auth/refresh")["access_token"]
        assert refreshing.refused("GET", "/api/tickets")[0] == 401
        for name in ("access_token", "refresh_token"):
            self.secrets[name] = tokens[name].rpartition(".")[2]
        self.secrets["refreshed token"] = access.rpartition(".")[2]
        return Api(self.api.base_url, access)

    def buy(self, seat_id: str, smu: Smu) -> str:
        """Buy with a code, a wrong one first; the ticket's code."""
        self.admin.ok("PATCH", f"/api/admin/users/{self.buyer.user_id}", is_flagged=True)
        purchase = Purchase(self.buyer, self.buyer.reserve(seat_id))
        assert purchase.pay() == (428, "OTP_REQUIRED")
        code = smu.code(self.phone)
        wrong = next(wrong_codes(code))
        assert purchase.verify(wrong) == (401, "OTP_INVALID")
        ticket = purchase.complete(code)["qr_payload"]
        shown = self.buyer.api.ok("GET", f"/api/tickets/{seat_id}/qr")["qr_payload"]
        self.secrets |= {"code": code, "wrong code": wrong, "ticket": ticket, "its copy": shown}
        return shown

    def top_up(self, stripe: Stripe) -> None:
        """Pay at Stripe; it is also told of by hand, and once with a false signature."""
        begun = self.buyer.api.ok("POST", "/api/credits/topup", amount=10)
        stripe.pay(begun["payment_intent_id"])
        event = stripe.succeeded(begun["payment_intent_id"], self.buyer.user_id, 1000)
        good = stripe.signature(event)
        bad = {"Stripe-Signature": good["Stripe-Signature"].rpartition("=")[0] + "=" + "0" * 64}
        for headers, status in ((good, 200), (bad, 400)):
            answer = self.api.call("POST", "/api/webhooks/stripe", content=event, headers=headers)
            assert answer.status_code == status, answer.text
        self.secrets["client secret"] = begun["client_secret"]
        self.secrets["signature"] = good["Stripe-Signature"].rpartition("=")[2]


def test_no_log_has_anything_that_opens_a_door(
    logbook: Logbook,
    stack: Stack,
    api: Api,
    admin: Api,
    new_seat: NewSeat,
    gate: Gate,
    smu: Smu,
    stripe: Stripe,
) -> None:
    before = logbook.lengths()
    life, seat_id = Life(api, admin, credits=1000), new_seat()
    ticket = life.buy(seat_id, smu)
    life.top_up(stripe)
    assert gate.result(ticket)["result"] == "SUCCESS"
    assert refusal(gate.scan(f"A{ticket}")) == (400, "QR_INVALID")
    inside = Api(f"http://127.0.0.1:{stack.ports['order']}")
    headers = {"X-Internal-Token": stack.settings["INTERNAL_API_TOKEN"][::-1]}
    assert inside.call("GET", "/orders", headers=headers).status_code == 401
    life.buyer.api.ok("POST", "/api/auth/logout")
    written = wait_for(
        lambda: (text := logbook.since(before)) and "/api/auth/logout" in text and text,
        "the last line",
    )
    assert f"/api/tickets/{seat_id}/qr" in written
    settings = {name: stack.settings[name] for name in _SECRET_SETTINGS}
    everything = logbook.since(dict.fromkeys(before, 0))
    assert leaks(written, life.secrets) == []
    assert leaks(everything, settings | {"password": life.password}) == []


def test_whatever_opens_a_door_would_be_noticed() -> None:
    """The negative control."""
    secrets = {"password": "pass word", "code": "012345", "ticket": "ab+/c=="}
    line = '{{"timestamp": "2026-01-01T00:00:00.012345", "message": "{}"}}'
    assert leaks(line.format("nothing"), secrets) == []
    for name, value in secrets.items():
        assert leaks(line.format(f"given: {value}"), secrets) == [name]
    shapes = {
        "a token": f"eyJ{'h' * 30}.eyJ{'p' * 30}.s",
        "a password's hash": "$2b$12$nekqX",
        "a signature of Stripe": f"t=1700000000,v1={'0f' * 32}",
        "a webhook's secret": "whsec_1",
        "an Authorization header": '"Authorization": "Bearer x"',
    }
    assert shapes.keys() == SHAPES.keys()
    for name, value in shapes.items():
        assert leaks(line.format(value), {}) == [name]
