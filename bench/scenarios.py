"""The loads of the bench: who does what, on what of the site."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from random import Random
from uuid import uuid4

from bench import acts
from bench.load import Plan, Scenario
from bench.site import HALL, Buyer, Site

_FETCHERS = 8
_READINGS = 200_000  # more than anybody gets through

Ticket = tuple[Buyer, str]


def purchases(site: Site, clients: int, seconds: float, most: int) -> Scenario:
    """Distinct seats, each client's next as soon as it has one."""
    plan = Plan("purchase", acts.purchase, _purchases(site, most), clients, seconds=seconds)
    return Scenario("purchases", f"purchases, {clients} clients", plan, "purchase")


def hellos(site: Site, clients: int, seconds: float) -> Scenario:
    """What a purchase asks, of a service that does nothing for it."""
    jobs = [acts.Purchase(site.token(str(uuid4())), str(uuid4()))] * _READINGS
    plan = Plan("hello", acts.purchase, jobs, clients, seconds=seconds)
    return Scenario("hello", "two hellos in place of a purchase", plan, "hello")


def purchases_at(site: Site, rate: float, seconds: float) -> Scenario:
    """Distinct seats, so many buyers a second."""
    jobs = _purchases(site, int(rate * seconds))
    plan = Plan("purchase", acts.purchase, jobs, rate=rate, seconds=seconds)
    return Scenario("arrivals", f"purchases, {rate:g} a second", plan, "purchase")


def one_seat(site: Site, buyers: int, rounds: int) -> Scenario:
    """All of them want the same seat at once; when everybody is answered, all the next."""
    _, seats = site.event(rounds)
    crowd = site.buyers(buyers)
    jobs = [
        acts.Purchase(buyer.token, seat_id)
        for number, seat_id in enumerate(seats)
        for buyer in Random(number).sample(crowd, buyers)  # nosec B311 # the same every time
    ]
    plan = Plan("storm", acts.storm, jobs, buyers, rounds=rounds)
    name = f"one seat, {buyers} buyers at once, {rounds} times"
    return Scenario("one-seat", name, plan, "reserve", costs_each_answer=True)


def sell_out(site: Site, buyers: int, seats: int, clients: int) -> Scenario:
    """More buyers than seats, who choose from the map."""
    event_id, _ = site.event(seats)
    crowd = enumerate(site.buyers(buyers))
    jobs = [acts.Shopper(buyer.token, event_id, number) for number, buyer in crowd]
    plan = Plan("shopping", acts.shopping, jobs, clients)
    return Scenario("sell-out", f"sell-out, {buyers} buyers for {seats} seats", plan, "shopping")


def seat_maps(site: Site, seats: int, clients: int, seconds: float, known: bool) -> Scenario:
    """A map that does not change meanwhile; `known` to the readers, or read in full."""
    event_id, _ = site.event(seats)
    etag = site.get(f"/api/events/{event_id}").headers["ETag"] if known else ""
    jobs = [acts.Reading(event_id, etag)] * _READINGS
    plan = Plan("reading", acts.seat_map, jobs, clients, seconds=seconds)
    load, kind = ("304", "304") if known else ("full map", "full, gzip")
    return Scenario(load, f"seat map of {seats}, {kind}", plan, "reading")


def tickets(site: Site, count: int) -> tuple[list[Ticket], Plan]:
    """Buyers and the seats that they have once the plan is carried out."""
    _, seats = site.event(count)
    bought = list(zip(site.buyers(count), seats, strict=True))
    jobs = [acts.Purchase(buyer.token, seat_id) for buyer, seat_id in bought]
    return bought, Plan("purchase", acts.purchase, jobs, clients=8)


def scans(site: Site, tickets: list[Ticket], clients: int) -> Scenario:
    """Every ticket once; the codes are fetched before, and fresh for a minute."""
    staff = site.staff()
    jobs = [acts.Scan(staff, HALL, code) for code in _codes(site, tickets)]
    plan = Plan("scan", acts.scan, jobs, clients)
    return Scenario("scans", f"scans, {clients} scanners", plan, "scan")


def transfers(site: Site, tickets: list[Ticket], clients: int) -> Scenario:
    """Every ticket once, to somebody new."""
    others, smu = site.buyers(len(tickets)), site.stack.settings["SMU_API_URL"]
    jobs = [
        acts.Transfer(seller, buyer, seat_id, smu)
        for (seller, seat_id), buyer in zip(tickets, others, strict=True)
    ]
    plan = Plan("transfer", acts.transfer, jobs, clients)
    return Scenario("transfers", f"transfers, {clients} clients", plan, "transfer")


def mixed(site: Site, rate: float, seconds: float) -> Scenario:
    """An on-sale: of ten, six look at the map, three of them anew, and four buy."""
    count = int(rate * seconds)
    event_id, seats = site.event(max(5_000, count))
    buying = iter(_purchases_of(site, seats[:count]))
    jobs = [_visitor(number, event_id, buying) for number in range(count)]
    plan = Plan("visit", acts.on_sale, jobs, rate=rate, seconds=seconds)
    return Scenario("on-sale", f"mixed on-sale, {rate:g} a second", plan, "visit")


def _visitor(number: int, event_id: str, buying: Iterator[acts.Purchase]) -> acts.Visit:
    if number % 10 in (0, 3, 6, 9):
        return acts.Visit(event_id, buys=next(buying))
    return acts.Visit(event_id, has_seen_it=number % 10 in (1, 5, 8))


def _purchases(site: Site, count: int) -> list[acts.Purchase]:
    return _purchases_of(site, site.event(count)[1])


def _purchases_of(site: Site, seats: Iterable[str]) -> list[acts.Purchase]:
    """One buyer for each seat: nobody waits for his own other purchase."""
    wanted = list(seats)
    return [
        acts.Purchase(buyer.token, seat_id)
        for buyer, seat_id in zip(site.buyers(len(wanted)), wanted, strict=True)
    ]


def _codes(site: Site, tickets: list[Ticket]) -> list[str]:
    """Fetched by several at once, or the first would be stale before the last is there."""

    def code(ticket: Ticket) -> str:
        buyer, seat_id = ticket
        shown = site.get(f"/api/tickets/{seat_id}/qr", Authorization=f"Bearer {buyer.token}")
        return shown.json()["data"]["qr_payload"]

    with ThreadPoolExecutor(_FETCHERS) as pool:
        return list(pool.map(code, tickets))
