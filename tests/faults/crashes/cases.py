"""One case: a scenario, a boundary, a fault; and what must hold whatever it was."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx

from common.testing import wait_for
from faults import Fault, Striking
from outside import wait_until_all_are_reached
from scenarios import Scenario
from watch import Boundary
from world import World

_SETTLED_WITHIN_SECONDS = 60  # after the fault's end, by the issue that asks for it
# While a worker is frozen, whoever has no connection to another one cannot settle anything.
_FROZEN_AT_MOST_SECONDS = 15


def watched(world: World, scenario: type[Scenario]) -> list[Boundary]:
    """The boundaries of a scenario, in the order of one undisturbed run."""
    subject = scenario(world)
    world.orchestrator.renew()
    world.watch.begin()
    subject.act(subject.entry)
    seen = list(world.watch.seen)
    wait_for(subject.is_settled, "an undisturbed run to settle", seconds=30)
    subject.assert_whole()
    return seen


def run(world: World, scenario: type[Scenario], boundary: Boundary, fault: Fault) -> float:
    """Raises AssertionError where anything is not as it must be; the seconds until it was settled.

    Settled, every rule holds for the records of the case and for all (the audit); what the client
    was told is true, and when it asks again it is told what is so. A call that comes late changes
    nothing once its saga was settled; but a saga may begin late, and is settled then, and what no
    saga undoes (a scan, a webhook) may happen late.
    """
    world.orchestrator.wait_until_it_answers()
    if boundary.is_remembered:
        world.orchestrator.renew()
    wait_for(world.stack.is_healthy, "the platform", seconds=30)
    subject = scenario(world)
    striking = Striking(world, fault, boundary)
    world.watch.begin()
    with striking.recovering():
        striking.arm()
        with ThreadPoolExecutor(1) as pool:
            acting = pool.submit(_answer, subject, subject.entry)
            assert world.watch.struck.wait(10), f"{boundary} was not reached"
            struck = time.monotonic()
            if fault is Fault.LATE:
                _thaw_once_settled(striking, subject, acting, boundary.begins_saga)
            wait_for(
                lambda: acting.done() and subject.is_settled(),
                "it to be settled",
                seconds=_SETTLED_WITHIN_SECONDS,
            )
            seconds = time.monotonic() - struck
        if fault in (Fault.SERVICE_KILLED_BEFORE, Fault.SERVICE_KILLED_AFTER):
            wait_until_all_are_reached(world.stack)
        happened = subject.assert_whole()
    answer = acting.result()
    if answer is not None and subject.was_promised(answer):
        assert happened, f"this was promised: {answer.text}"
    _assert_definite_answer(world, subject, happened)
    findings = world.new_findings()
    assert not findings, findings
    return seconds


def _thaw_once_settled(
    striking: Striking, subject: Scenario, acting: Future[Any], may_begin: bool
) -> None:
    """What comes late then changes nothing, unless a saga begins with it, or none undoes it."""
    with suppress(AssertionError):
        wait_for(
            lambda: acting.done() and subject.is_settled(), "it", seconds=_FROZEN_AT_MOST_SECONDS
        )
    settled, before = subject.is_settled(), subject.happened()
    striking.thaw()
    if settled and subject.saga is not None and not may_begin:
        assert subject.happened() is before, "what came late changed something"


def _assert_definite_answer(world: World, subject: Scenario, happened: bool) -> None:
    """Asked again, once everything is there again."""
    again = wait_for(lambda: _definite(subject, world.stack.gateway_url), "an answer", seconds=30)
    wait_for(subject.is_settled, "the second try to settle", seconds=30)
    now_happened = subject.assert_whole()
    assert now_happened or not happened, "the second try has undone it"
    assert now_happened or not subject.was_promised(again), again.text


def _definite(subject: Scenario, url: str) -> httpx.Response | None:
    answer = _answer(subject, url)
    return None if answer is None or answer.status_code in (202, 503) else answer


def _answer(subject: Scenario, url: str) -> httpx.Response | None:
    """None where the connection ended without one."""
    try:
        return subject.act(url)
    except httpx.HTTPError:
        return None
