"""What the end-to-end tests speak with: the API through the gateway, the databases behind it."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import psycopg2

EVENT_A = "20000000-0000-4000-8000-000000000001"
EVENT_B = "20000000-0000-4000-8000-000000000002"
HOLD_TTL_SECONDS = 6  # on the stack of these tests
_TOKENS_ARE_GOOD_SECONDS = 600  # they live for 15 minutes
_TLS = httpx.create_ssl_context()  # one for all: to make it takes longer than a call


class Api:
    """HTTP calls to one address, with one token or none.

    With a `login`, the body of that call, a new token is fetched before the first grows old.
    """

    def __init__(
        self, base_url: str, token: str | None = None, login: dict[str, str] | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.base_url = base_url
        self.token = token
        self._login = login
        self._client = httpx.Client(base_url=base_url, headers=headers, timeout=30, verify=_TLS)
        self._good_until = time.monotonic() + _TOKENS_ARE_GOOD_SECONDS

    def __enter__(self) -> "Api":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        """The raw answer."""
        self._stay_logged_in()
        return self._client.request(method, path, **request)

    def ok(self, method: str, path: str, **body: Any) -> Any:
        """`data` of an answer that must be a success."""
        response = self.call(method, path, json=body or None)
        assert response.is_success, (method, path, response.text)
        return response.json()["data"]

    def refused(self, method: str, path: str, **body: Any) -> tuple[int, str]:
        """Status and code of an answer that must be an error in the envelope."""
        return refusal(self.call(method, path, json=body or None))

    def logged_in(self, email: str, password: str) -> "Api":
        """The same address with that user's access token."""
        login = {"email": email, "password": password}
        token = self.ok("POST", "/api/auth/login", **login)["access_token"]
        return Api(self.base_url, token, login)

    def at(self, base_url: str) -> "Api":
        """The same token at another address."""
        self._stay_logged_in()
        return Api(base_url, self.token)

    def _stay_logged_in(self) -> None:
        if self._login is None or time.monotonic() < self._good_until:
            return
        with Api(self.base_url) as api:
            self.token = api.ok("POST", "/api/auth/login", **self._login)["access_token"]
        self._client.headers["Authorization"] = f"Bearer {self.token}"
        self._good_until = time.monotonic() + _TOKENS_ARE_GOOD_SECONDS


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Status and code of an error, once its envelope is what the contract says."""
    body = response.json()
    assert body["success"] is False and body["message"], body
    assert set(body) <= {"success", "error_code", "message", "details"}, body
    assert response.headers["X-Correlation-ID"]
    return response.status_code, body["error_code"]


class Buyer:
    """A registered user with credits and a phone of his own."""

    def __init__(self, api: Api, user_id: str, email: str, phone: str) -> None:
        self.api = api
        self.user_id = user_id
        self.email = email
        self.phone = phone

    @classmethod
    def register(cls, api: Api, admin: Api, credits: float) -> "Buyer":
        email, phone = f"{uuid4().hex}@example.com", f"+65{uuid4().int % 10**11:011}"
        account = {"email": email, "phone": phone, "password": "password123"}
        user = api.ok("POST", "/api/auth/register", **account)
        if credits:
            grant = {"user_id": user["user_id"], "amount": credits, "reason": "for a test"}
            admin.ok("POST", "/api/admin/credits/grant", **grant)
        return cls(api.logged_in(email, "password123"), user["user_id"], email, phone)

    def reserve(self, seat_id: str) -> dict[str, Any]:
        return self.api.ok("POST", "/api/reserve", seat_id=seat_id)

    def pay(self, order_id: str) -> dict[str, Any]:
        return self.api.ok("POST", "/api/pay", order_id=order_id)

    def order(self, order_id: str) -> dict[str, Any]:
        return self.api.ok("GET", f"/api/orders/{order_id}")

    def balance(self) -> float:
        return self.api.ok("GET", "/api/credits/balance")["credit_balance"]

    def ledger(self) -> list[tuple[str, float]]:
        """Kinds and amounts, oldest first."""
        entries = self.api.ok("GET", "/api/credits/ledger?per_page=100")
        return [(entry["kind"], entry["amount"]) for entry in reversed(entries)]


@dataclass
class Purchase:
    """An order of a buyer who confirms it by a code."""

    buyer: Buyer
    held: dict[str, Any]

    def pay(self) -> tuple[int, str]:
        """What a pay that must be refused is refused with."""
        return self.buyer.api.refused("POST", "/api/pay", order_id=self.held["order_id"])

    def verify(self, code: str, buyer: Buyer | None = None) -> tuple[int, str]:
        """What a code that must be refused is refused with."""
        api = (buyer or self.buyer).api
        return api.refused("POST", "/api/verify-otp", **self._reference, otp_code=code)

    def resend(self, buyer: Buyer | None = None) -> tuple[int, str]:
        """What a resend that must be refused is refused with."""
        return (buyer or self.buyer).api.refused("POST", "/api/otp/resend", **self._reference)

    def another_code(self) -> None:
        assert self.buyer.api.ok("POST", "/api/otp/resend", **self._reference)["message"]

    def complete(self, code: str) -> dict[str, Any]:
        """Give the right code, and pay."""
        api = self.buyer.api
        verified = api.ok("POST", "/api/verify-otp", **self._reference, otp_code=code)
        assert verified["verified"] is True and verified["message"]
        return self.buyer.pay(self.held["order_id"])

    @property
    def _reference(self) -> dict[str, str]:
        return {"context": "purchase", "reference_id": self.held["order_id"]}


class Records:
    """Reads, and where a test must, changes what a service's database holds."""

    def __init__(self, database_url: Callable[[str], str]) -> None:
        self._database_url = database_url

    def query(self, service: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query in the database of `service`."""
        with psycopg2.connect(self._database_url(service)) as connection:
            with connection.cursor() as cursor:
                cursor.execute(sql, values)
                return cursor.fetchall() if cursor.description else []

    def seat(self, seat_id: str) -> tuple[str, str | None]:
        """Status and owner as the table has them."""
        sql = "SELECT status::text, owner_user_id::text FROM seats WHERE seat_id = %s"
        return self.query("inventory", sql, seat_id)[0]

    def hold(self, seat_id: str) -> tuple[str, str | None]:
        """Status, and whose hold it is."""
        sql = "SELECT status::text, held_by_user_id::text FROM seats WHERE seat_id = %s"
        return self.query("inventory", sql, seat_id)[0]

    def prolong(self, held: dict[str, Any]) -> None:
        """Let a hold live a minute longer, for a test that takes longer than it."""
        where = "held_until = held_until + interval '1 minute' WHERE {} = %s"
        by_hold, by_order = where.format("hold_id"), where.format("order_id")
        self.query("inventory", f"UPDATE seats SET {by_hold}", held["order_id"])
        self.query("inventory", f"UPDATE holds SET {by_hold}", held["order_id"])
        self.query("order", f"UPDATE orders SET {by_order}", held["order_id"])

    def order(self, order_id: str) -> tuple[str, str | None]:
        """Status, and the saga at work."""
        sql = "SELECT status::text, saga FROM orders WHERE order_id = %s"
        return self.query("order", sql, order_id)[0]

    def movements(self, order_id: str) -> dict[str, Decimal]:
        """The ledger entries under an order's ID, tombstones left out."""
        sql = (
            "SELECT kind::text, amount FROM credit_ledger WHERE reference_id = %s AND NOT tombstone"
        )
        return dict(self.query("user", sql, order_id))

    def assert_held(self, buyer: Buyer, held: dict[str, Any]) -> None:
        """An order that nothing has come of yet: it can still be paid."""
        assert self.hold(held["seat_id"]) == ("HELD", buyer.user_id)
        assert self.order(held["order_id"]) == ("PENDING", None)
        assert self.movements(held["order_id"]) == {}

    def assert_sold(self, buyer: Buyer, held: dict[str, Any], price: str) -> None:
        """Rules 1 to 3 for an order that was paid: sold, confirmed, charged once."""
        order_id, seat_id = held["order_id"], held["seat_id"]
        assert self.order(order_id) == ("CONFIRMED", None)
        assert self.seat(seat_id) == ("SOLD", buyer.user_id)
        assert self.movements(order_id) == {"CHARGE": -Decimal(price)}
        self.assert_balance_is_ledger(buyer)

    def assert_undone(self, buyer: Buyer, held: dict[str, Any]) -> None:
        """Rules 1 to 3 for a pay that came to nothing: seat free, order failed, net zero."""
        order_id, seat_id = held["order_id"], held["seat_id"]
        assert self.order(order_id) == ("FAILED", None)
        assert self.seat(seat_id) == ("AVAILABLE", None)
        assert sum(self.movements(order_id).values()) == 0
        self.assert_balance_is_ledger(buyer)

    def assert_balance_is_ledger(self, buyer: Buyer) -> None:
        """Rule 2: a balance is the sum of its ledger."""
        sql = (
            "SELECT credit_balance, (SELECT coalesce(sum(amount), 0) FROM credit_ledger l"
            " WHERE l.user_id = u.user_id) FROM users u WHERE user_id = %s"
        )
        balance, total = self.query("user", sql, buyer.user_id)[0]
        assert balance == total

    def assert_frozen_is_explained(self, buyer: Buyer) -> None:
        """What is frozen of a user is the sum of what was frozen and still is."""
        sql = (
            "SELECT frozen_credits, (SELECT coalesce(sum(amount), 0) FROM credit_freezes f"
            " WHERE f.user_id = u.user_id AND ended_at IS NULL) FROM users u WHERE user_id = %s"
        )
        frozen, total = self.query("user", sql, buyer.user_id)[0]
        assert frozen == total


def process_tree(pid: int) -> list[int]:
    """A process and all that descend from it, by /proc."""
    children = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as listed:
            children += [int(child) for child in listed.read().split()]
    return [pid, *(one for child in children for one in process_tree(child))]
