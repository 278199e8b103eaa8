"""The matrix sees what it is there to see: with a bug of the kind it looks for, a case is red."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from local_stack.native_stack import NativeStack
from local_stack.stack import Stack

import cases
from faults import Fault
from scenarios import Pay
from source_copy import Change, copy_changed, run_copies
from world import World

_CHARGE = "POST /credits/deduct"
_EVERY_CHARGE_IS_BOOKED = "ALTER TABLE credit_ledger DROP CONSTRAINT ledger_key"
_NO_CHARGE_IS_REFUNDED = Change(
    "orchestrator-service/src/orchestrators/purchase_sagas.py",
    "Step(do=charge, undo=refund_charge)",
    "Step(do=charge)",
)


@pytest.fixture(scope="module")
def own_stack(
    tmp_path_factory: pytest.TempPathFactory, stack_settings: dict[str, str]
) -> Iterator[Stack]:
    """A platform that may be spoilt."""
    folder = tmp_path_factory.mktemp("seeded")
    with NativeStack(folder, settings=stack_settings, isolated=True).running() as stack:
        yield stack


def assert_red(world: World, fault: Fault) -> None:
    """Undisturbed a payment is as it should be; with that fault at the charge it is not."""
    (charge,) = [one for one in cases.watched(world, Pay) if one.call == _CHARGE]
    known = set(world.new_findings())
    with pytest.raises(AssertionError):
        cases.run(world, Pay, charge, fault)
    world.new_findings()
    assert {rule for rule, *_ in world.known - known} == {2}, "the audit sees it too"


def test_a_step_that_is_not_idempotent_turns_the_matrix_red(own_stack: Stack) -> None:
    world = World(own_stack)
    try:
        world.records.query("user", _EVERY_CHARGE_IS_BOOKED)
        assert_red(world, Fault.ANSWER_LOST)
    finally:
        world.close()


def test_a_compensation_that_is_missing_turns_the_matrix_red(
    own_stack: Stack, tmp_path: Path
) -> None:
    copy_changed(tmp_path, ("orchestrator",), _NO_CHARGE_IS_REFUNDED)
    run_copies(own_stack, tmp_path, ("recovery",))
    world = World(own_stack, tmp_path / "orchestrator-service")
    try:
        assert_red(world, Fault.KILLED_AFTER)
    finally:
        world.close()
