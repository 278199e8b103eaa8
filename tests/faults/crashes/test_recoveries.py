"""Recovery itself: several copies side by side, and the time it takes at the default settings.

That a saga is taken over once has its negative control in order-service/tests/test_transfer_races.
"""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest
from local_stack.native_stack import NativeStack
from local_stack.stack import Stack

from common.testing import wait_for
import cases
from driver import RecoveryProcess
from faults import Fault
from scenarios import Pay
from world import World

_CHARGE = "POST /credits/deduct"
_COPIES = 3
_PILE = 24
_SETTLED_WITHIN_SECONDS = 60  # of the fault's end, by the issue that asks for recovery
# longer than a live request leaves its saga alone, however busy the machine
_STALE = {"SAGA_STALE_SECONDS": "5"}


@pytest.fixture(scope="module")
def own_world(
    tmp_path_factory: pytest.TempPathFactory, stack_settings: dict[str, str]
) -> Iterator[World]:
    """A platform on which no recovery runs but those of the tests."""
    folder = tmp_path_factory.mktemp("piled")
    with NativeStack(folder, settings=stack_settings, isolated=True).running() as stack:
        stack.stop("recovery")
        world = World(stack)
        yield world
        world.close()


@contextmanager
def recoveries(stack: Stack, number: int, **settings: str) -> Iterator[list[RecoveryProcess]]:
    """So many copies of the recovery process."""
    with ExitStack() as running:
        started = [RecoveryProcess(stack.settings | settings) for _ in range(number)]
        for one in started:
            running.callback(one.kill)
        yield started


def piled(world: World) -> list[Pay]:
    """Payments whose seats could neither be sold nor let go: nobody drives them any more."""
    pile = [Pay(world) for _ in range(_PILE)]
    world.watch.begin()
    world.watch.arm(lambda one: one.service == "inventory", lambda _: None, again=True)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: one.act(one.entry), pile))
    world.watch.begin()
    assert {answer.status_code for answer in answers} == {500}
    assert not any(one.is_settled() for one in pile)
    return pile


@contextmanager
def buying(world: World) -> Iterator[list[bool]]:
    """Others buy meanwhile; whether each got what he paid for."""
    bought: list[bool] = []
    enough = threading.Event()

    def buy() -> None:
        while not enough.is_set():
            one = Pay(world)
            bought.append(one.act(world.stack.gateway_url).is_success and one.assert_whole())

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(buy) for _ in range(2)]
        yield bought
        enough.set()
        for one in running:
            one.result()


def settled_by(world: World, pile: list[Pay], copies: list[RecoveryProcess]) -> int:
    """How often the copies together say that they have settled one, once all are."""
    wait_for(lambda: all(one.is_settled() for one in pile), "the pile to be settled", seconds=60)
    assert not any(one.assert_whole() for one in pile)
    return sum(one.settled() for one in copies)


def test_of_several_recoveries_each_saga_is_settled_by_one_while_tickets_are_sold(
    own_world: World,
) -> None:
    pile = piled(own_world)
    with recoveries(own_world.stack, _COPIES, **_STALE) as copies, buying(own_world) as bought:
        settled = settled_by(own_world, pile, copies)
    assert settled == len(pile)
    assert bought and all(bought)
    assert own_world.new_findings() == []


@pytest.mark.skipif(os.environ.get("FAULTS") != "all", reason="takes the defaults' 35 s")
def test_at_the_default_settings_a_saga_is_settled_within_a_minute(
    tmp_path_factory: pytest.TempPathFactory, stack_settings: dict[str, str]
) -> None:
    own = ("SAGA_STALE_SECONDS", "RECOVERY_INTERVAL_SECONDS")
    usual = {name: value for name, value in stack_settings.items() if name not in own}
    folder = tmp_path_factory.mktemp("usual")
    with NativeStack(folder, settings=usual, isolated=True).running() as stack:
        world = World(stack)
        (charge,) = [one for one in cases.watched(world, Pay) if one.call == _CHARGE]
        assert 25 < cases.run(world, Pay, charge, Fault.KILLED_AFTER) < _SETTLED_WITHIN_SECONDS
        world.close()
