"""Bad requests: the code of the contract, in the envelope, on every one."""

import re
import time
from collections.abc import Callable
from uuid import uuid4

import httpx
import pytest
from local_stack.stack import Stack

from common.auth import Role
from common.testing import access_token, wait_for
from platform_client import Api, Buyer, Records, refusal

NewBuyer, NewSeat = Callable[..., Buyer], Callable[[], str]
NOBODYS = "00000000-0000-4000-8000-000000000000"  # the ID of nothing that there is
PROTECTED = [
    ("POST", "/api/reserve"),
    ("POST", "/api/pay"),
    ("POST", "/api/auth/logout"),
    ("GET", "/api/orders"),
    ("GET", f"/api/orders/{NOBODYS}"),
    ("POST", f"/api/orders/{NOBODYS}/refund"),
    ("GET", "/api/tickets"),
    ("GET", f"/api/tickets/{NOBODYS}/qr"),
    ("POST", "/api/verify"),
    ("GET", f"/api/events/{NOBODYS}/entries"),
    ("POST", "/api/verify-otp"),
    ("POST", "/api/otp/resend"),
    ("POST", "/api/credits/topup"),
    *(
        ("POST", f"/api/transfer/{what}")
        for what in ("initiate", "confirm", "cancel", "dispute", "reverse", "dismiss")
    ),
    ("GET", "/api/transfers"),
    ("GET", f"/api/transfers/{NOBODYS}"),
    ("GET", "/api/credits/balance"),
    ("GET", "/api/credits/ledger"),
    ("POST", "/api/admin/credits/grant"),
    ("GET", "/api/admin/users"),
    ("PATCH", f"/api/admin/users/{NOBODYS}"),
]
# what a service answers to anybody, and the token of a refresh is checked by itself
PUBLIC = {
    "user": {
        "/api/auth/register",
        "/api/auth/login",
        "/api/auth/refresh",
        "/api/webhooks/stripe",
    },
    "order": set(),
    "event": {"/events", "/events/{event_id}"},
    "orchestrator": set(),
}


def tokens(stack: Stack) -> dict[str, str]:
    """Tokens that must not open anything, by what is wrong with them."""
    user, secret = uuid4(), stack.settings["JWT_SECRET"]
    return {
        "another secret": access_token(user, secret="x" * 40),
        "another issuer": access_token(user, secret=secret, iss="somebody"),
        "no expiry": access_token(user, secret=secret, exp=None),
        "a refresh token": access_token(user, secret=secret, type="refresh"),
        "no JWT": "abc",
    }


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_without_a_good_token_nothing_opens(api: Api, stack: Stack, method: str, path: str) -> None:
    assert api.refused(method, path) == (401, "UNAUTHORIZED")
    for wrong, token in tokens(stack).items():
        answer = Api(api.base_url, token).refused(method, path)
        assert answer == (401, "UNAUTHORIZED"), wrong
    expired = access_token(uuid4(), secret=stack.settings["JWT_SECRET"], lifetime_seconds=-5)
    answer = Api(api.base_url, expired).refused(method, path)
    assert answer in [(401, "TOKEN_EXPIRED"), (401, "UNAUTHORIZED")]


def test_a_logged_out_token_is_refused_everywhere_after_two_seconds(
    stack: Stack, new_buyer: NewBuyer
) -> None:
    buyer = new_buyer()
    buyer.api.ok("POST", "/api/auth/logout")
    time.sleep(2)  # until then nothing is promised, and nothing tells when the last worker knows
    orchestrator, user = (
        f"http://127.0.0.1:{stack.ports[name]}" for name in ("orchestrator", "user")
    )
    headers = {"Authorization": f"Bearer {buyer.api.token}"}
    # each on a connection of its own: every worker process has its own list
    for method, url in 10 * [
        ("GET", f"{buyer.api.base_url}/api/tickets"),
        ("GET", f"{orchestrator}/api/orders"),
        ("POST", f"{user}/api/auth/logout"),
    ]:
        response = httpx.request(method, url, headers=headers)
        assert refusal(response) == (401, "UNAUTHORIZED"), url


def test_a_new_role_ends_the_old_logins_and_opens_what_it_should(
    api: Api, admin: Api, new_buyer: NewBuyer
) -> None:
    buyer = new_buyer(credits=0)
    grant = {"user_id": buyer.user_id, "amount": 5, "reason": "no"}
    assert buyer.api.refused("POST", "/api/admin/credits/grant", **grant) == (403, "FORBIDDEN")
    admin.ok("PATCH", f"/api/admin/users/{buyer.user_id}", role="admin")
    wait_for(lambda: buyer.api.call("GET", "/api/tickets").status_code == 401, "the end", seconds=2)
    promoted = api.logged_in(buyer.email, "password123")
    assert promoted.ok("POST", "/api/admin/credits/grant", **grant)["credit_balance"] == 5


def test_another_users_order_is_not_found(new_buyer: NewBuyer, new_seat: NewSeat) -> None:
    owner, other = new_buyer(), new_buyer()
    order_id = owner.reserve(new_seat())["order_id"]
    assert other.api.refused("GET", f"/api/orders/{order_id}") == (404, "ORDER_NOT_FOUND")
    assert other.api.refused("POST", "/api/pay", order_id=order_id) == (404, "ORDER_NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "body", "answer"),
    [
        ("POST", "/api/reserve", {"seat_id": "not-a-uuid"}, (400, "INVALID_UUID")),
        ("POST", "/api/reserve", {}, (400, "VALIDATION_ERROR")),
        ("POST", "/api/reserve", {"seat_id": 5}, (400, "INVALID_UUID")),
        (
            "POST",
            "/api/reserve",
            {"seat_id": NOBODYS, "seat": "A1"},
            (400, "VALIDATION_ERROR"),
        ),
        ("POST", "/api/reserve", {"seat_id": NOBODYS}, (404, "SEAT_NOT_FOUND")),
        (
            "POST",
            "/api/reserve",
            {"seat_id": NOBODYS, "user_id": NOBODYS},
            (403, "FORBIDDEN"),
        ),
        ("POST", "/api/pay", {"order_id": "x"}, (400, "INVALID_UUID")),
        ("POST", "/api/pay", {"order_id": NOBODYS}, (404, "ORDER_NOT_FOUND")),
        ("GET", "/api/orders/x", None, (400, "INVALID_UUID")),
        ("GET", f"/api/orders/{NOBODYS}", None, (404, "ORDER_NOT_FOUND")),
        ("GET", "/api/orders?page=0", None, (400, "VALIDATION_ERROR")),
        ("GET", "/api/orders?per_page=101", None, (400, "VALIDATION_ERROR")),
        ("GET", "/api/orders?status=LOST", None, (400, "VALIDATION_ERROR")),
        ("GET", "/api/events/x", None, (400, "INVALID_UUID")),
        ("GET", f"/api/events/{NOBODYS}", None, (404, "EVENT_NOT_FOUND")),
        ("GET", "/api/nowhere", None, (404, "NOT_FOUND")),
        ("GET", "/users", None, (404, "NOT_FOUND")),
        ("DELETE", "/api/reserve", None, (405, "METHOD_NOT_ALLOWED")),
        ("GET", "/api/pay", None, (405, "METHOD_NOT_ALLOWED")),
    ],
)
def test_bad_requests_are_answered_with_the_code_of_the_contract(
    new_buyer: NewBuyer, method: str, path: str, body: dict | None, answer: tuple[int, str]
) -> None:
    assert refusal(new_buyer(0).api.call(method, path, json=body)) == answer


@pytest.mark.parametrize(
    ("content", "answer"),
    [
        (b"{", (400, "VALIDATION_ERROR")),
        (b"[]", (400, "VALIDATION_ERROR")),
        (b"\xff\xfe", (400, "VALIDATION_ERROR")),
        (b'{"seat_id": NaN}', (400, "VALIDATION_ERROR")),
        (b'{"seat_id": "' + b"x" * (2 * 1024 * 1024) + b'"}', (413, "PAYLOAD_TOO_LARGE")),
    ],
    ids=["broken", "no object", "not UTF-8", "NaN", "2 MiB"],
)
def test_bad_bodies_are_answered_with_the_code_of_the_contract(
    new_buyer: NewBuyer, content: bytes, answer: tuple[int, str]
) -> None:
    headers = {"Content-Type": "application/json"}
    response = new_buyer(0).api.call("POST", "/api/reserve", content=content, headers=headers)
    assert refusal(response) == answer


@pytest.mark.parametrize("amount", [-1, 0, 0.001, "5", 10**9, None])
def test_an_amount_that_is_none_is_refused(admin: Api, new_buyer: NewBuyer, amount: object) -> None:
    body = {"user_id": new_buyer(0).user_id, "amount": amount, "reason": "for a test"}
    refused = refusal(admin.call("POST", "/api/admin/credits/grant", json=body))
    assert refused == (400, "VALIDATION_ERROR")


def test_a_grant_with_an_id_is_given_once(
    admin: Api, new_buyer: NewBuyer, records: Records
) -> None:
    buyer, grant_id = new_buyer(0), str(uuid4())
    grant = {"user_id": buyer.user_id, "amount": 25.5, "reason": "x", "grant_id": grant_id}
    for _ in range(2):
        assert admin.ok("POST", "/api/admin/credits/grant", **grant)["credit_balance"] == 25.5
    records.assert_balance_is_ledger(buyer)


def test_an_admin_finds_flags_and_cannot_unmake_himself(admin: Api, new_buyer: NewBuyer) -> None:
    buyer = new_buyer(0)
    found = admin.ok("GET", f"/api/admin/users?email={buyer.email.upper()}")
    assert (found["user_id"], found["is_flagged"]) == (buyer.user_id, False)
    flagged = admin.ok("PATCH", f"/api/admin/users/{buyer.user_id}", is_flagged=True)
    assert flagged["is_flagged"] is True
    nobody = admin.refused("GET", f"/api/admin/users?email={uuid4().hex}@example.com")
    assert nobody == (404, "USER_NOT_FOUND")
    me = admin.ok("GET", "/api/admin/users?email=admin@example.com")
    path = f"/api/admin/users/{me['user_id']}"
    assert admin.refused("PATCH", path, role="customer") == (403, "FORBIDDEN")
    assert admin.refused("PATCH", path) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("service", PUBLIC)
def test_every_documented_endpoint_but_the_public_ones_needs_its_token(
    stack: Stack, service: str
) -> None:
    base_url = f"http://127.0.0.1:{stack.ports[service]}"
    paths = httpx.get(f"{base_url}/apispec.json").json()["paths"]
    public = PUBLIC[service] | {"/health", "/metrics"}
    assert public <= set(paths)
    for path in set(paths) - public:
        url = base_url + re.sub(r"\{\w+\}", str(uuid4()), path)
        for method in paths[path]:
            for headers in ({}, {"X-Internal-Token": "wrong", "Authorization": "Bearer wrong"}):
                response = httpx.request(method, url, headers=headers)
                assert refusal(response) == (401, "UNAUTHORIZED"), (method, path)


def test_no_token_role_is_taken_from_the_request(api: Api, stack: Stack) -> None:
    stranger = access_token(uuid4(), Role.CUSTOMER, secret=stack.settings["JWT_SECRET"])
    answer = Api(api.base_url, stranger).call(
        "GET", "/api/admin/users?email=admin@example.com", headers={"X-Role": "admin"}
    )
    assert refusal(answer) == (403, "FORBIDDEN")
