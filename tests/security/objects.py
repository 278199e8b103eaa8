"""Who may do what to whose things: for every operation that names one, the contract's table.

An operation without a rule here turns test_objects.py red.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from deals import Deal
from gate import Gate
from outside import Stripe
from platform_client import EVENT_B, Api, Buyer

ROLES = ("nobody", "stranger", "owner", "counterpart", "staff", "admin")
PARTIES = ("owner", "counterpart")
STAFF = ("staff", "admin")
Answer = tuple[int, str]
_FORBIDDEN = (403, "FORBIDDEN")
_NO_ORDER = (404, "ORDER_NOT_FOUND")
_NO_TRANSFER = (404, "TRANSFER_NOT_FOUND")


@dataclass(frozen=True)
class Asked:
    """What goes into the places of an operation."""

    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    path: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Things:
    """What the owner has and can be made to have, and who else there is."""

    deal: Deal  # its seller is the owner, its buyer the counterpart
    new_seat: Callable[[], str]
    gate: Gate
    admin: Api
    stripe: Stripe

    @property
    def owner(self) -> Buyer:
        return self.deal.seller

    @property
    def party_of(self) -> dict[str, str]:
        """Which party of the deal a role is; others try the owner's."""
        return {**dict.fromkeys(ROLES, "seller"), "counterpart": "buyer"}

    def held(self) -> str:
        """An order of the owner's that can be paid."""
        return self.owner.reserve(self.new_seat())["order_id"]

    def with_code(self) -> tuple[str, str]:
        """An order of the owner's that waits for a code, and the code."""
        self.admin.ok("PATCH", f"/api/admin/users/{self.owner.user_id}", is_flagged=True)
        order_id = self.held()
        assert self.owner.api.refused("POST", "/api/pay", order_id=order_id)[0] == 428
        return order_id, self.deal.code("seller")


Ask = Callable[[str], Asked]  # by role


@dataclass(frozen=True)
class Rule:
    """Who may do this to the owner's thing, and how everybody else is refused.

    `make` brings a thing about to which it can be done, and tells what each role asks.
    """

    make: Callable[[Things], Ask]
    admitted: tuple[str, ...]
    others: Answer = _FORBIDDEN
    nobody: Answer = (401, "UNAUTHORIZED")
    status: int = 200

    def answer(self, role: str) -> Answer:
        """What a role that is not admitted gets."""
        return self.nobody if role == "nobody" else self.others


def _always(asked: Asked) -> Ask:
    return lambda role: asked


def _event(things: Things) -> Ask:
    return _always(Asked(path={"event_id": EVENT_B}, query={"seats": "false"}))


def _entries(things: Things) -> Ask:
    return _always(Asked(path={"event_id": EVENT_B}))


def _held_seat(things: Things) -> Ask:
    seat_id = things.new_seat()
    things.owner.reserve(seat_id)
    return _always(Asked({"seat_id": seat_id}))


def _payment(things: Things) -> Ask:
    return _always(Asked({"order_id": things.held()}))


def _order(things: Things) -> Ask:
    return _always(Asked(path={"order_id": things.deal.order_id}))


def _refund(things: Things) -> Ask:
    return _always(Asked({"reason": "rain"}, path={"order_id": things.deal.order_id}))


def _code_of_purchase(things: Things) -> Ask:
    order_id, code = things.with_code()
    body = {"context": "purchase", "reference_id": order_id}
    return _always(Asked({**body, "otp_code": code}))


def _resend_of_purchase(things: Things) -> Ask:
    order_id, _ = things.with_code()
    return _always(Asked({"context": "purchase", "reference_id": order_id}))


def _code_of_transfer(things: Things) -> Ask:
    deal = things.deal.begun()
    body = {"context": "transfer", "reference_id": deal.transfer_id}
    return lambda role: Asked({**body, "otp_code": deal.code(things.party_of[role])})


def _resend_of_transfer(things: Things) -> Ask:
    deal = things.deal.begun()
    return _always(Asked({"context": "transfer", "reference_id": deal.transfer_id}))


def _offer(things: Things) -> Ask:
    deal = things.deal
    parties = {"seller_user_id": deal.seller.user_id, "buyer_user_id": deal.buyer.user_id}
    return _always(Asked({"seat_id": deal.seat_id, "credits_amount": 1, **parties}))


def _transfer(reach: Callable[[Deal], Deal], **more: str) -> Callable[[Things], Ask]:
    """A body that names a transfer, once it has come so far."""

    def make(things: Things) -> Ask:
        return _always(Asked({"transfer_id": reach(things.deal).transfer_id, **more}))

    return make


def _transfer_in_path(things: Things) -> Ask:
    return _always(Asked(path={"transfer_id": things.deal.begun().transfer_id}))


def _code_of_ticket(things: Things) -> Ask:
    return _always(Asked(path={"seat_id": things.deal.seat_id}))


def _scan(things: Things) -> Ask:
    code = things.gate.code(things.deal.seat_id, things.owner)
    return _always(Asked({"qr_payload": code, "hall_id": things.gate.hall}))


def _grant(things: Things) -> Ask:
    grant = {"user_id": things.owner.user_id, "amount": 5, "reason": "a present"}
    return _always(Asked(grant))


def _user(things: Things) -> Ask:
    return _always(Asked({"is_flagged": True}, path={"user_id": things.owner.user_id}))


def _unsigned_event(things: Things) -> Ask:
    intent = {"id": f"pi_{uuid4().hex}", "amount_received": 500, "currency": "sgd"}
    paid = {**intent, "metadata": {"user_id": things.owner.user_id}}
    return _always(
        Asked({"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": paid}})
    )


RULES: dict[str, tuple[Rule, ...]] = {
    "GET /events/{event_id}": (Rule(_event, ROLES),),
    "GET /api/events/{event_id}/entries": (Rule(_entries, STAFF),),
    "POST /api/reserve": (Rule(_held_seat, ("owner",), (409, "SEAT_UNAVAILABLE")),),
    "POST /api/pay": (Rule(_payment, ("owner",), _NO_ORDER),),
    "GET /api/orders/{order_id}": (Rule(_order, ("owner",), _NO_ORDER),),
    "POST /api/orders/{order_id}/refund": (Rule(_refund, STAFF),),
    "POST /api/verify-otp": (
        Rule(_code_of_purchase, ("owner",), _NO_ORDER),
        Rule(_code_of_transfer, PARTIES, _NO_TRANSFER),
    ),
    "POST /api/otp/resend": (
        Rule(_resend_of_purchase, ("owner",), _NO_ORDER),
        Rule(_resend_of_transfer, PARTIES, _NO_TRANSFER),
    ),
    "POST /api/transfer/initiate": (Rule(_offer, PARTIES, status=201),),
    "POST /api/transfer/confirm": (Rule(_transfer(Deal.verified), PARTIES),),
    "POST /api/transfer/cancel": (Rule(_transfer(Deal.begun), PARTIES),),
    "GET /api/transfers/{transfer_id}": (Rule(_transfer_in_path, PARTIES, _NO_TRANSFER),),
    "POST /api/transfer/dispute": (Rule(_transfer(Deal.completed, reason="why"), PARTIES),),
    # the counterpart is who has disputed it
    "POST /api/transfer/reverse": (Rule(_transfer(Deal.disputed), ("owner", *STAFF)),),
    "POST /api/transfer/dismiss": (Rule(_transfer(Deal.disputed, reason="why"), STAFF),),
    "POST /api/verify": (Rule(_scan, STAFF),),
    "GET /api/tickets/{seat_id}/qr": (Rule(_code_of_ticket, ("owner",), (403, "NOT_SEAT_OWNER")),),
    "POST /api/admin/credits/grant": (Rule(_grant, ("admin",), status=201),),
    "GET /api/admin/users": (
        Rule(lambda things: _always(Asked(query={"email": things.owner.email})), ("admin",)),
    ),
    "PATCH /api/admin/users/{user_id}": (Rule(_user, ("admin",)),),
    "GET /api/admin/audit": (
        Rule(
            lambda things: _always(Asked(query={"again": f"seats:{things.deal.seat_id}"})),
            ("admin",),
        ),
    ),
    "POST /api/webhooks/stripe": (
        Rule(_unsigned_event, (), (400, "VALIDATION_ERROR"), (400, "VALIDATION_ERROR")),
    ),
}
