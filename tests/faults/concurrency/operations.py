"""Everything that can be asked of the platform, how often it is, and how it may be refused."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import httpx

from deals import Deal
from outside import wrong_codes
from platform_client import Api
from town import Story, Visitor

Act = Callable[[Visitor], httpx.Response | None]


@dataclass(frozen=True)
class Operation:
    """`refusals` are those that the contract has for it; None is done where nothing can be."""

    weight: int
    refusals: tuple[str, ...]
    act: Act


OPERATIONS: dict[str, Operation] = {}


def operation(weight: int, *refusals: str) -> Callable[[Act], Act]:
    """Makes a function one of the operations."""

    def making(act: Act) -> Act:
        OPERATIONS[act.__name__] = Operation(weight, refusals, act)
        return act

    return making


def act(visitor: Visitor) -> None:
    """One operation, chosen by its weight."""
    [name] = visitor.dice.choices(list(OPERATIONS), [one.weight for one in OPERATIONS.values()])
    answer = OPERATIONS[name].act(visitor)
    if answer is not None:
        visitor.town.hear(name, answer, OPERATIONS[name].refusals)


_CODE = ("401 OTP_INVALID", "410 OTP_EXPIRED", "429 OTP_MAX_RETRIES")
_TRANSFER = "409 TRANSFER_INVALID_STATE"


@operation(8)
def browse(me: Visitor) -> httpx.Response:
    return me.call("GET", f"/api/events/{me.town.rush.event_id}")


@operation(14, "409 SEAT_UNAVAILABLE", "409 SEAT_ALREADY_SOLD", "409 HOLD_LIMIT_REACHED")
def reserve(me: Visitor) -> httpx.Response:
    seat_id = me.any_of(me.town.rush.seats)
    answer = me.call("POST", "/api/reserve", seat_id=seat_id)
    if answer.is_success:
        order = seat_id, answer.json()["data"]["order_id"]
        me.unpaid.append(order)
        me.town.market.sales.append(order)
    return answer


@operation(
    14,
    "402 INSUFFICIENT_CREDITS",
    "409 ORDER_ALREADY_CONFIRMED",
    "409 ORDER_INVALID_STATE",
    "409 SEAT_NOT_HELD",
    "410 HOLD_EXPIRED",
)
def pay(me: Visitor) -> httpx.Response | None:
    order = me.any_of(me.unpaid)
    if order is None:
        return None
    seat_id, order_id = order
    answer = me.call("POST", "/api/pay", order_id=order_id)
    if answer.is_success:
        me.town.owners[seat_id] = me.user, order_id
    if me.mostly():  # else he will pay it again
        me.unpaid.remove(order)
    return answer


@operation(3)
def abandon(me: Visitor) -> None:
    if me.unpaid:
        me.unpaid.remove(me.any_of(me.unpaid))


@operation(
    10,
    "402 INSUFFICIENT_CREDITS",
    "403 NOT_SEAT_OWNER",
    "409 SEAT_UNAVAILABLE",
    "409 TRANSFER_IN_PROGRESS",
    "429 OTP_MAX_RETRIES",
    "429 RATE_LIMITED",
)
def initiate(me: Visitor) -> httpx.Response | None:
    """Of a seat of one's own, to anybody; or of anybody's, to oneself."""
    own = [seat for seat, (owner, _) in list(me.town.owners.items()) if owner is me.user]
    seat_id = me.any_of(own if own and me.mostly() else list(me.town.owners))
    if seat_id is None:
        return None
    seller, order_id = me.town.owners[seat_id]
    others = [user for user in me.town.users if user is not seller]
    buyer = me.any_of(others) if seller is me.user else me.user
    arena = me.town.arena
    deal = Deal(seller, buyer, seat_id, order_id, arena.smu, arena.records, me.dice.randrange(60))
    answer = deal.initiate(by=me.user)
    if answer.is_success:
        codes = {name: deal.code(name) for name in ("seller", "buyer")}
        me.town.stories.append(Story(deal, codes))
    return answer


@operation(7, *_CODE, _TRANSFER)
def give_code(me: Visitor) -> httpx.Response | None:
    story = me.story("begun")
    if story is None:
        return None
    name = story.party_of(me.user)
    right = story.codes[name]
    return story.deal.give_code(name, right if me.mostly() else next(wrong_codes(right)))


@operation(13, *_CODE, _TRANSFER, "402 INSUFFICIENT_CREDITS", "428 OTP_REQUIRED")
def confirm(me: Visitor) -> httpx.Response | None:
    story = me.story("begun")
    if story is None:
        return None
    codes = {f"{name}_otp": code for name, code in story.codes.items()} if me.mostly() else {}
    answer = story.deal.confirm(by=me.user, **codes)
    if answer.is_success:
        story.stage = "completed"
        me.town.owners[story.deal.seat_id] = story.deal.buyer, story.deal.order_id
    return answer


def _settle(
    story: Story | None, what: str, by: Api, after: str, **body: str
) -> httpx.Response | None:
    """What is done about a transfer, which then is at another stage."""
    if story is None:
        return None
    answer = story.deal.settle(what, by, **body)
    if answer.is_success:
        story.stage = after
    return answer


@operation(2, _TRANSFER)
def cancel(me: Visitor) -> httpx.Response | None:
    return _settle(me.story("begun"), "cancel", me.user.api, "over")


@operation(7, _TRANSFER)
def dispute(me: Visitor) -> httpx.Response | None:
    story = me.story("completed")
    return _settle(story, "dispute", me.user.api, "disputed", reason="it was not I")


@operation(7, _TRANSFER, "402 INSUFFICIENT_CREDITS", "403 FORBIDDEN", "409 SEAT_UNAVAILABLE")
def reverse(me: Visitor) -> httpx.Response | None:
    """By a party, or by staff."""
    if me.dice.random() < 0.5:
        return _settle(me.story("disputed"), "reverse", me.user.api, "over")
    return _settle(me.others_story("disputed"), "reverse", me.town.arena.staff, "over")


@operation(2, _TRANSFER)
def dismiss(me: Visitor) -> httpx.Response | None:
    """By staff."""
    story, staff = me.others_story("disputed"), me.town.arena.staff
    return _settle(story, "dismiss", staff, "completed", reason="no proof")


@operation(3, "409 ORDER_INVALID_STATE", "409 SEAT_UNAVAILABLE")
def refund(me: Visitor) -> httpx.Response | None:
    """By an admin, of any order there ever was."""
    sale = me.any_of(me.town.market.sales)
    if sale is None:
        return None
    path = f"/api/orders/{sale[1]}/refund"
    return me.call("POST", path, by=me.town.arena.admin, reason="rain")


@operation(2)
def verify(me: Visitor) -> httpx.Response | None:
    """By staff at the gate: of whoever is thought to be the owner, or of the visitor."""
    seat_id = me.any_of(list(me.town.owners))
    if seat_id is None:
        return None
    owner = me.town.owners[seat_id][0] if me.mostly() else me.user
    return me.town.gate.scan(me.town.gate.code(seat_id, owner), scan_id=str(uuid4()))


@operation(4)
def top_up(me: Visitor) -> httpx.Response:
    """Begun and paid at Stripe, who tells of it by and by."""
    amount = 1 + me.dice.randrange(100)
    answer = me.call("POST", "/api/credits/topup", amount=amount)
    if answer.is_success:
        me.town.paid_in(amount)
        me.town.arena.stripe.pay(answer.json()["data"]["payment_intent_id"])
    return answer


@operation(3)
def balance(me: Visitor) -> httpx.Response:
    return me.call("GET", "/api/credits/balance")


@operation(3)
def ledger(me: Visitor) -> httpx.Response:
    return me.call("GET", "/api/credits/ledger?per_page=100")


@operation(3)
def tickets(me: Visitor) -> httpx.Response:
    return me.call("GET", "/api/tickets")
