"""Load from several processes: clients that wait for answers, or arrivals that wait for nobody."""

import asyncio
import math
import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from threading import Barrier
from typing import Any

import uvloop

from bench.journeys import Act, Journey, Sample, Shared, connected

PROCESSES = 2
_MOST_CONNECTIONS = 400  # of a process, where arrivals pile up


@dataclass(frozen=True)
class Plan:
    """What a load does: `jobs` one after the other, each by `act`, as a journey of that name.

    Closed: so many `clients`, each with its next job as soon as the last is done; in `rounds` of
    as many jobs each, which all begin together. Open: `rate` jobs a second, whether or not those
    before are done. It is over after `seconds`, or with the jobs.
    """

    name: str
    act: Act
    jobs: Sequence[Any]
    clients: int = 0
    rate: float = 0.0
    seconds: float = float("inf")
    rounds: int = 1


@dataclass(frozen=True)
class Scenario:
    """A load of the bench, its plan's name for the table, and the operation that is counted.

    CPU time is divided by what went well, or where most are refused by every answer.
    """

    load: str
    name: str
    plan: Plan
    operation: str
    costs_each_answer: bool = False


@dataclass(frozen=True)
class _Share:
    plan: Plan
    base_url: str
    number: int
    all_are_ready: Barrier


@dataclass(frozen=True)
class Made:
    """What came of a load, and the CPU seconds that it took to make it."""

    samples: list[Sample]
    cpu_seconds: float


class Generator:
    """The processes that make the load; they stay for the next one."""

    def __init__(self) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._manager = spawning.Manager()
        self._all_are_ready = self._manager.Barrier(PROCESSES)
        self._pool = ProcessPoolExecutor(PROCESSES, spawning)

    def __enter__(self) -> "Generator":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        self._manager.shutdown()

    def run(self, plan: Plan, base_url: str) -> Made:
        """Everything that came of it."""
        shares = [
            _Share(_part(plan, number), base_url, number, self._all_are_ready)
            for number in range(PROCESSES)
        ]
        made = list(self._pool.map(_run, shares))
        samples = [sample for one in made for sample in one.samples]
        return Made(samples, sum(one.cpu_seconds for one in made))


def _part(plan: Plan, number: int) -> Plan:
    clients = len(range(number, plan.clients, PROCESSES))
    jobs = list(plan.jobs[number::PROCESSES])
    return replace(plan, jobs=jobs, clients=clients)


def _run(share: _Share) -> Made:
    before = time.process_time()
    try:
        samples = uvloop.run(_drive(share))
    except BaseException:
        share.all_are_ready.abort()  # or the others would wait for this one
        raise
    return Made(samples, time.process_time() - before)


async def _drive(share: _Share) -> list[Sample]:
    plan = share.plan
    async with connected(plan.clients or _MOST_CONNECTIONS) as session:
        shared = Shared(session, share.base_url)

        async def do(job: Any, due: float) -> None:
            async with Journey(shared, plan.name, due) as journey:
                await plan.act(journey, job)

        for jobs in _rounds(plan):
            await asyncio.to_thread(share.all_are_ready.wait)
            begins_at = time.monotonic()
            ends_at = begins_at + plan.seconds
            if plan.rate:
                await _arrivals(share, begins_at, ends_at, do)
            else:
                waiting = iter(jobs)
                await asyncio.gather(*(_client(waiting, ends_at, do) for _ in range(plan.clients)))
    return shared.samples


def _rounds(plan: Plan) -> Iterator[Sequence[Any]]:
    each = math.ceil(len(plan.jobs) / plan.rounds)
    for number in range(plan.rounds):
        yield plan.jobs[number * each : (number + 1) * each]


async def _client(jobs: Iterator[Any], ends_at: float, do: Any) -> None:
    for job in jobs:
        if (now := time.monotonic()) >= ends_at:
            return
        await do(job, now)


async def _arrivals(share: _Share, begins_at: float, ends_at: float, do: Any) -> None:
    """Each at its own moment; the processes take turns."""
    async with asyncio.TaskGroup() as under_way:
        for index, job in enumerate(share.plan.jobs):
            due = begins_at + (index * PROCESSES + share.number) / share.plan.rate
            if due >= ends_at:
                return
            if (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            under_way.create_task(do(job, due))
