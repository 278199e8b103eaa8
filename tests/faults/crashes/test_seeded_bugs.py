"""The matrix sees what it is there to see: with a bug of the kind it looks for, a case is red."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from local_stack.native_stack import NativeStack
from local_stack.stack import Stack

import cases
from faults import Fault
from scenarios import Pay, PayOfAStubbornSeat, Scenario
from source_copy import Change, copy_changed
from world import World

_IS_NOT_IDEMPOTENT = Change(
    "orchestrator-service/src/clients/user_client.py",
    '"/credits/deduct", user_id=user_id, amount=amount, reference_id=reference_id',
    '"/credits/deduct", user_id=user_id, amount=amount, reference_id=__import__("uuid").uuid4()',
)
_IS_NOT_COMPENSATED = Change(
    "orchestrator-service/src/orchestrators/purchase_sagas.py",
    "Step(do=charge, undo=refund_charge)",
    "Step(do=charge)",
)


@pytest.fixture(scope="module")
def own_stack(
    tmp_path_factory: pytest.TempPathFactory, stack_settings: dict[str, str]
) -> Iterator[Stack]:
    """A platform that may be spoilt."""
    stack = NativeStack(tmp_path_factory.mktemp("seeded"), settings=stack_settings, isolated=True)
    try:
        stack.up()
        yield stack
    finally:
        stack.reset()


@pytest.mark.xdist_group("seeded bugs")
@pytest.mark.parametrize(
    ("bug", "scenario", "fault", "call"),
    [
        (_IS_NOT_IDEMPOTENT, Pay, Fault.KILLED_AFTER, "POST /credits/deduct"),
        (_IS_NOT_COMPENSATED, PayOfAStubbornSeat, Fault.ANSWER_LOST, "ConfirmSeat"),
    ],
    ids=["a step that is not idempotent", "a compensation that is missing"],
)
def test_a_seeded_bug_turns_the_matrix_red(
    own_stack: Stack,
    tmp_path: Path,
    bug: Change,
    scenario: type[Scenario],
    fault: Fault,
    call: str,
) -> None:
    copy_changed(tmp_path, ("orchestrator",), bug)
    world = World(own_stack, tmp_path / "orchestrator-service")
    try:
        seen = [one for one in cases.watched(world, scenario) if one.call == call]
        known = set(world.new_findings())
        with pytest.raises(AssertionError):
            cases.run(world, scenario, seen[0], fault)
        world.new_findings()
        assert {rule for rule, *_ in world.known - known} == {2}, "the audit sees it too"
    finally:
        world.close()
