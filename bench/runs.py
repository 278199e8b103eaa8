"""Runs loads on a site, audits it after each, and keeps what they come to."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bench import floor, scenarios
from bench.bill import Line, bill
from bench.cpu import Meter, Spent
from bench.figures import Figure, figure
from bench.journeys import Sample
from bench.load import Generator, Made, Plan, Scenario
from bench.refusals import needless, reserves
from bench.site import NotClean, Site

_PURCHASE_CLIENTS = 16
_BILL_CLIENTS = 4
_MOST_A_SECOND = 250
_RATES = (20, 40, 60, 80, 100, 120, 150)
_TURNS = 2_000  # of row work, for each connection
_STORM_BUYERS = 200


class Bench:
    """The loads of one site; each is a method, and `share` of its whole length long.

    Every one raises NotClean where its figure does not count; that is the last of `figures` then,
    and says why.
    """

    def __init__(
        self, site: Site, generator: Generator, share: float, tell: Callable[[str], None] = print
    ) -> None:
        self.site = site
        self.figures: list[Figure] = []
        self.row_work: list[floor.RowWork] = []
        self.lines: list[Line] = []
        self._share = share
        self._tell = tell
        self._generator = generator
        self._meter = Meter(site.pids(), site.log_keeper())
        self._idle = Spent({})

    def seconds(self, whole: float) -> float:
        """How long a load lasts that lasts so long in a whole run."""
        return max(2.0, whole * self._share)

    def count(self, whole: int) -> int:
        """How many, where a whole run has so many."""
        return max(8, int(whole * self._share))

    def warm_up(self) -> None:
        """Everything has been asked for once: pools are filled, and what idling costs is known."""
        self._tell("warming up ...")
        self._made(self._purchases(self.seconds(5)).plan)
        self.site.settle()
        seconds = self.seconds(5)
        before = self._meter.read()
        time.sleep(seconds)
        self._idle = (self._meter.read() - before) * (1 / seconds)

    def purchases(self) -> None:
        """As many as there can be; with what their holds cost when their messages come back."""
        found = self._run(self._purchases(self.seconds(20)))[0]
        before, begun = self._meter.read(), time.monotonic()
        self.site.drain()
        spent = self._meter.read() - before - self._idle * (time.monotonic() - begun)
        later = max(0.0, 1000 * spent.all / found.good.count) if found.good.count else 0.0
        self._amend(replace(found, later_cpu=round(later, 2)))
        self._tell(f"  and {later:.2f} ms later, when the message of its hold comes back")

    def arrivals(self) -> None:
        """Purchases that begin at growing rates, whether or not those before are done."""
        self.site.settle()
        for rate in _RATES:
            self._audited(scenarios.purchases_at(self.site, rate, self.seconds(8)))

    def storm(self) -> None:
        """200 buyers on one seat, over and over."""
        rounds = self.count(20)
        found, samples = self._run(scenarios.one_seat(self.site, _STORM_BUYERS, rounds))
        winners = Counter(one.subject for one in reserves(samples) if not one.outcome)
        others = {one.outcome for one in reserves(samples) if one.outcome} - {"SEAT_UNAVAILABLE"}
        self._demand(found, not others, f"losers were told {', '.join(sorted(others))}")
        once = sum(count == 1 for count in winners.values())
        self._demand(found, once == rounds, f"{rounds - once} seats have not one winner")

    def sell_out(self) -> None:
        """Twice as many buyers as seats."""
        seats = self.count(1_000)
        found, samples = self._run(scenarios.sell_out(self.site, 2 * seats, seats, clients=64))
        self._demand(found, found.good.count == seats, f"{found.good.count} of {seats} were sold")
        notes = needless(self.site, samples, clock=time.time() - time.monotonic())
        self._amend(replace(found, notes=notes))
        self._tell("  " + ", ".join(f"{name} {value}" for name, value in notes.items()))

    def maps(self) -> None:
        """5,000 seats, read in full and not at all."""
        for known in (False, True):
            seconds = self.seconds(10)
            found, _ = self._run(scenarios.seat_maps(self.site, 5_000, 16, seconds, known))
            self._demand_all_good(found)

    def gate(self) -> None:
        """Scans, and before them the purchases of what is scanned."""
        tickets = self._tickets(self.count(1_500))
        self.site.settle()  # before the codes are there, which do not live long
        self._demand_all_good(self._audited(scenarios.scans(self.site, tickets, clients=8))[0])

    def transfers(self) -> None:
        """Tickets that change hands."""
        tickets = self._tickets(self.count(300))
        self._demand_all_good(self._run(scenarios.transfers(self.site, tickets, clients=8))[0])

    def mixed(self) -> None:
        """An on-sale."""
        self._run(scenarios.mixed(self.site, rate=100, seconds=self.seconds(15)))

    def limits(self, folder: Path) -> None:
        """Two requests to a service that says hello, and the row work of a purchase alone."""
        with floor.hello(folder, self.site) as hello:
            warming = scenarios.hellos(self.site, _PURCHASE_CLIENTS, self.seconds(2))
            self._generator.run(warming.plan, hello.url)
            scenario = scenarios.hellos(self.site, _PURCHASE_CLIENTS, self.seconds(8))
            self._measured(scenario, hello.url, Meter(hello.pids))
        self.site.settle()
        self.row_work = floor.row_work(self.site, self._meter, self.count(_TURNS))
        self.site.audit()

    def bill(self, folder: Path) -> None:
        """What a purchase's CPU time is spent on; being watched, it costs more than it does."""
        folder.mkdir()
        seconds = self.seconds(20)
        scenario = self._purchases(seconds, _BILL_CLIENTS)
        self.site.settle()

        def make_load() -> Figure:
            return self._figure(scenario, self.site.url, self._meter)[0]

        self.lines = bill(folder, self.site.pids(), seconds, make_load)
        self.site.audit()

    def _run(self, scenario: Scenario) -> tuple[Figure, list[Sample]]:
        """Once the site has come to rest: the figure of a load, and what it was made of."""
        self.site.settle()
        return self._audited(scenario)

    def _audited(self, scenario: Scenario) -> tuple[Figure, list[Sample]]:
        found, samples = self._measured(scenario, self.site.url, self._meter)
        try:
            self.site.audit()
        except NotClean as error:
            self._demand(found, False, str(error))
        return found, samples

    def _measured(
        self, scenario: Scenario, base_url: str, meter: Meter
    ) -> tuple[Figure, list[Sample]]:
        self._tell(f"{scenario.name} ...")
        found, samples = self._figure(scenario, base_url, meter)
        self.figures.append(found)
        self._tell(f"  {found}")
        return found, samples

    def _figure(
        self, scenario: Scenario, base_url: str, meter: Meter
    ) -> tuple[Figure, list[Sample]]:
        before = meter.read()
        made = self._generator.run(scenario.plan, base_url)
        return figure(scenario, made, meter.read() - before), made.samples

    def _made(self, plan: Plan) -> Made:
        return self._generator.run(plan, self.site.url)

    def _amend(self, found: Figure) -> None:
        self.figures[-1] = found

    def _demand(self, found: Figure, holds: bool, otherwise: str) -> None:
        if not holds:
            self._amend(replace(found, problem=otherwise))
            raise NotClean(f"{found.scenario}: {otherwise}")

    def _demand_all_good(self, found: Figure) -> None:
        self._demand(found, not found.refusals, f"there were {found.refusals}")

    def _purchases(self, seconds: float, clients: int = _PURCHASE_CLIENTS) -> Scenario:
        most = int(_MOST_A_SECOND * seconds)
        return scenarios.purchases(self.site, clients, seconds, most)

    def _tickets(self, count: int) -> list[scenarios.Ticket]:
        """So many seats, just bought."""
        bought, plan = scenarios.tickets(self.site, count)
        failed = [one for one in self._made(plan).samples if one.outcome]
        if failed:
            raise NotClean(f"{len(failed)} purchases before the load failed: {failed[0].outcome}")
        return bought
