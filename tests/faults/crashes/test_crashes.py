"""Whatever dies at whichever step: the platform settles, and every rule holds.

The boundaries are found by watching: a step that a saga gains is covered once it makes a call.
With FAULTS=all every fault strikes at every boundary, else each boundary is struck once.
"""

import json
import os
import subprocess
import sys
from itertools import count

import pytest
from local_stack.stack import ROOT

import cases
import summary
from faults import Fault, possible
from scenarios import SCENARIOS, Scenario
from watch import Boundary
from world import World

_ALL = os.environ.get("FAULTS") == "all"
_LIST_SAGAS = """
import importlib, inspect, json, pkgutil
import src.orchestrators as package
steps = {}
for one in pkgutil.iter_modules(package.__path__):
    module = importlib.import_module(f"src.orchestrators.{one.name}")
    for name, make in inspect.getmembers(module, inspect.isfunction):
        if name.endswith("_saga") and make.__module__ == module.__name__:
            saga = make(*[None] * len(inspect.signature(make).parameters))
            steps[saga.name] = saga.step_names
print(json.dumps(steps))
"""


@pytest.fixture(scope="session")
def boundaries(world: World) -> dict[type[Scenario], list[Boundary]]:
    """Filled as scenarios are watched, each once."""
    return {}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.__name__)
@pytest.mark.parametrize("wanted", Fault if _ALL else [None], ids=lambda one: one and one.name)
def test_it_settles_and_every_rule_holds(
    world: World,
    boundaries: dict[type[Scenario], list[Boundary]],
    scenario: type[Scenario],
    wanted: Fault | None,
    subtests: pytest.Subtests,
) -> None:
    seen = boundaries.get(scenario) or cases.watched(world, scenario)
    boundaries[scenario] = seen
    turn = count(SCENARIOS.index(scenario))
    for position, boundary in enumerate(seen):
        faults = possible(scenario, boundary)
        chosen = wanted or faults[next(turn) % len(faults)]
        if chosen not in faults:
            continue
        told = {"scenario": scenario.__name__, "position": position, "boundary": str(boundary)}
        with subtests.test(f"{boundary}: {chosen.value}"):
            seconds = None
            try:
                seconds = cases.run(world, scenario, boundary, chosen)
            finally:
                summary.add(**told, fault=chosen.value, seconds=seconds)


def test_every_saga_has_its_scenario_and_every_step_its_boundary(world: World) -> None:
    listed = [sys.executable, "-c", _LIST_SAGAS]
    told = subprocess.run(
        listed, cwd=ROOT / "orchestrator-service", capture_output=True, text=True, check=True
    )
    sagas: dict[str, list[str]] = json.loads(told.stdout)
    scenarios = {one.saga: one for one in reversed(SCENARIOS) if one.saga}
    assert set(sagas) == set(scenarios)
    for saga, steps in sagas.items():
        seen = cases.watched(world, scenarios[saga])
        journalled = {name for one in seen for name in one.call.split() if name in steps}
        assert sum(one.changes for one in seen) >= len(steps), (saga, seen)
        assert saga == "reserve" or steps[0] in journalled, (saga, seen)
