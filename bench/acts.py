"""What a client does for one job."""

import gzip
import json
import random
from typing import Any, NamedTuple
from uuid import uuid4

from bench.journeys import Answer, Journey, Refused
from bench.site import Buyer

# What a shopper, who may have been too late, tries again with another seat.
TAKEN = frozenset({"SEAT_UNAVAILABLE", "SEAT_ALREADY_SOLD"})

_SMU_CODES = "/codes"


class Purchase(NamedTuple):
    """A buyer's token, and the seat he wants."""

    token: str
    seat_id: str


async def purchase(journey: Journey, job: Purchase) -> None:
    """Reserve and pay."""
    order_id = await _reserve(journey, job.token, job.seat_id)
    await _pay(journey, job.token, order_id)


async def storm(journey: Journey, job: Purchase) -> None:
    """Reserve what everybody wants."""
    await _reserve(journey, job.token, job.seat_id)


class Shopper(NamedTuple):
    """A buyer's token, the event, and what he goes by when he chooses."""

    token: str
    event_id: str
    seed: int


async def shopping(journey: Journey, job: Shopper) -> None:
    """Look at the seat map, choose a free seat, buy it; look again where somebody was quicker."""
    choice = random.Random(job.seed)  # nosec B311 # the same every time
    while True:
        seats = _free(await _map(journey, job.event_id))
        if not seats:
            raise Refused("SOLD OUT")
        try:
            order_id = await _reserve(journey, job.token, choice.choice(seats))
        except Refused as refused:
            if refused.code in TAKEN:
                continue
            raise
        await _pay(journey, job.token, order_id)
        return


class Reading(NamedTuple):
    """An event, and the ETag that the reader has of its map, or none."""

    event_id: str
    etag: str = ""


async def seat_map(journey: Journey, job: Reading) -> None:
    """The seat map, compressed; with an ETag, only that it is still the same."""
    answer = await _map(journey, job.event_id, job.etag)
    if (answer.status == 304) is not bool(job.etag):
        raise Refused(f"map {answer.status}")


class Scan(NamedTuple):
    """A member of staff at a hall, and a fresh code."""

    token: str
    hall_id: str
    code: str


async def scan(journey: Journey, job: Scan) -> None:
    """Let one in."""
    body = {"qr_payload": job.code, "hall_id": job.hall_id, "scan_id": str(uuid4())}
    answer = await journey.call("verify", "POST", "/api/verify", job.token, _json(**body))
    result = json.loads(answer.body)["data"]["result"]
    if result != "SUCCESS":
        raise Refused(result)


class Transfer(NamedTuple):
    """A seat that a seller owns, and who is to have it; `smu` has the codes that are sent."""

    seller: Buyer
    buyer: Buyer
    seat_id: str
    smu: str


async def transfer(journey: Journey, job: Transfer) -> None:
    """Initiate, and confirm with both codes."""
    offer = {
        "seat_id": job.seat_id,
        "seller_user_id": job.seller.user_id,
        "buyer_user_id": job.buyer.user_id,
        "credits_amount": 1,
    }
    path, token = "/api/transfer/initiate", job.seller.token
    begun = await journey.call("initiate", "POST", path, token, _json(**offer))
    body = {"transfer_id": json.loads(begun.body)["data"]["transfer_id"]}
    for name, party in (("seller_otp", job.seller), ("buyer_otp", job.buyer)):
        sent = json.loads(await journey.aside(f"{job.smu}{_SMU_CODES}?mobile=%2B{party.phone[1:]}"))
        if not sent:
            raise Refused("no code was sent")
        body[name] = sent[0]["code"]
    path, token = "/api/transfer/confirm", job.buyer.token
    await journey.call("confirm", "POST", path, token, _json(**body))


class Visit(NamedTuple):
    """A visitor of an event: who has seen its map before, or not, or who buys a seat."""

    event_id: str
    has_seen_it: bool = False
    buys: Purchase | None = None


async def on_sale(journey: Journey, job: Visit) -> None:
    """Buy, or look at the map; who has seen it asks for what is newer than the last one seen."""
    if job.buys:
        await purchase(journey, job.buys)
        return
    seen = journey.known.get(job.event_id, "") if job.has_seen_it else ""
    answer = await _map(journey, job.event_id, seen)
    journey.known[job.event_id] = answer.headers["ETag"]


async def _reserve(journey: Journey, token: str, seat_id: str) -> str:
    body = _json(seat_id=seat_id)
    answer = await journey.call("reserve", "POST", "/api/reserve", token, body, seat_id)
    return json.loads(answer.body)["data"]["order_id"]


async def _pay(journey: Journey, token: str, order_id: str) -> None:
    answer = await journey.call("pay", "POST", "/api/pay", token, _json(order_id=order_id))
    if answer.status != 200:  # it was taken on, but is not paid
        raise Refused(f"pay {answer.status}")


async def _map(journey: Journey, event_id: str, etag: str = "") -> Answer:
    headers = {"If-None-Match": etag} if etag else {}
    answer = await journey.call("map", "GET", f"/api/events/{event_id}", **headers)
    if answer.status == 200 and answer.headers.get("Content-Encoding") != "gzip":
        raise Refused("map not compressed")
    return answer


def _free(answer: Answer) -> list[str]:
    seats = json.loads(gzip.decompress(answer.body))["data"]["seats"]
    return [one["seat_id"] for one in seats if one["status"] == "AVAILABLE"]


def _json(**body: Any) -> bytes:
    return json.dumps(body).encode()
