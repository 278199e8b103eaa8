"""Transfers over a world whose every call breaks in turn: all or nothing, in the end."""

from collections.abc import Callable

import pytest

from common.errors import AppError
from src.clients.transfer_client import Party
from src.orchestrators import driver
from src.orchestrators.saga import Unfinished
from transfer_world import AMOUNT, START, TransferWorld
from world import Break


@pytest.fixture(autouse=True)
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_WAIT_SECONDS", 0.1)


def confirm(world: TransferWorld) -> str:
    outcome = world.orchestrator().confirm(world.buyer, world.record.transfer_id, {})
    return "COMPLETED" if outcome.is_done else "202"


def dispute(world: TransferWorld) -> str:
    return world.orchestrator().dispute(world.buyer, world.record.transfer_id, "why").status


def reverse(world: TransferWorld) -> str:
    outcome = world.orchestrator().reverse(world.seller_as_caller, world.record.transfer_id)
    return "REVERSED" if outcome.is_done else "202"


def dismiss(world: TransferWorld) -> str:
    outcome = world.orchestrator().dismiss(world.record.transfer_id, "why")
    return "COMPLETED" if outcome.is_done else "202"


def answer(operation: Callable[[TransferWorld], str], world: TransferWorld) -> str:
    """The status of the answer, or its error code."""
    world.calls.clear()
    try:
        return operation(world)
    except AppError as error:
        return error.code.value


def pending() -> TransferWorld:
    return TransferWorld()


def completed() -> TransferWorld:
    world = pending()
    assert confirm(world) == "COMPLETED"
    return world


def disputed() -> TransferWorld:
    world = completed()
    assert dispute(world) == "DISPUTED"
    return world


def recovered(world: TransferWorld) -> None:
    """What the recovery process does, round after round, until nothing is at work."""
    for _ in range(3):
        if world.record.saga is None:
            return
        taken = world.change(saga_version=world.record.saga_version + 1)
        try:
            world.orchestrator().recover(taken)
        except (AppError, Unfinished):
            continue
    assert world.record.saga is None


def state(world: TransferWorld) -> tuple:
    """Who has the seat, and what both can spend."""
    side = {world.seller: "seller", world.buyer: "buyer"}[world.owner]
    assert world.everything() == 2 * START
    return side, world.balances[world.seller], world.balances[world.buyer]


BEFORE = ("seller", START, START)
SWAPPED = ("buyer", START + AMOUNT, START - AMOUNT)
FROZEN = ("buyer", START, START - AMOUNT)

# operation: where it starts, its answer, what it leaves, what it leaves where it fails
OPERATIONS = {
    confirm: (pending, ("COMPLETED", SWAPPED), {("PENDING_OTP", BEFORE), ("FAILED", BEFORE)}),
    dispute: (completed, ("DISPUTED", FROZEN), {("COMPLETED", SWAPPED)}),
    reverse: (disputed, ("REVERSED", BEFORE), {("DISPUTED", FROZEN)}),
    dismiss: (disputed, ("COMPLETED", SWAPPED), {("DISPUTED", FROZEN)}),
}


def calls_of(operation: Callable[[TransferWorld], str]) -> list[str]:
    """The calls it makes when nothing breaks."""
    start, (status, left), _ = OPERATIONS[operation]
    world = start()
    assert answer(operation, world) == status
    assert (world.record.status, state(world)) == (status, left)
    return list(world.calls)


CALLS = {operation: calls_of(operation) for operation in OPERATIONS}
BROKEN = [(operation, call) for operation, calls in CALLS.items() for call in dict.fromkeys(calls)]


def test_a_swap_makes_these_calls_and_no_more() -> None:
    assert CALLS[confirm] == [
        "transfers.get",
        "transfers.begin_saga",
        "orders.get",
        "events.get",
        "users.hold_back",
        "transfers.record_step",
        "inventory.update_owner",
        "users.complete_transfer",
        "transfers.finish COMPLETED",
    ]


@pytest.mark.parametrize("how", Break)
@pytest.mark.parametrize(("operation", "call"), BROKEN)
def test_what_breaks_anywhere_ends_done_or_not_at_all(
    operation: Callable[[TransferWorld], str], call: str, how: Break
) -> None:
    start, (status, left), failed = OPERATIONS[operation]
    world = start()
    world.breaks[call] = how
    said = answer(operation, world)
    recovered(world)
    if said in (status, "202"):
        assert (world.record.status, state(world)) == (status, left)
    else:
        assert (world.record.status, state(world)) in failed | {(status, left)}


@pytest.mark.parametrize("how", [Break.UNREACHABLE, Break.LOST_REQUEST, Break.LOST_ANSWER])
@pytest.mark.parametrize(
    "undo",
    [
        "transfers.record_undoing",
        "inventory.undo_update_owner",
        "users.undo_transfer",
        "transfers.finish FAILED",
        "transfers.finish DISPUTED",
    ],
)
@pytest.mark.parametrize("step", ["users.hold_back", "inventory.update_owner"])
@pytest.mark.parametrize("operation", [confirm, reverse])
def test_an_undoing_that_breaks_anywhere_is_taken_up_by_recovery(
    operation: Callable[[TransferWorld], str], step: str, undo: str, how: Break
) -> None:
    start, done, failed = OPERATIONS[operation]
    world = start()
    world.breaks = {step: Break.LOST_ANSWER, undo: how}
    assert answer(operation, world) in ("INTERNAL_ERROR", "202")
    recovered(world)
    assert (world.record.status, state(world)) in failed | {done}


@pytest.mark.parametrize("operation", [reverse, dismiss])
def test_what_was_put_back_can_be_tried_again(operation: Callable[[TransferWorld], str]) -> None:
    start, (status, left), _ = OPERATIONS[operation]
    world = start()
    world.breaks["users.hold_back" if operation is reverse else "users.unfreeze"] = (
        Break.LOST_ANSWER
    )
    answer(operation, world)
    recovered(world)
    if world.record.status == "DISPUTED":
        assert answer(operation, world) == status
    assert (world.record.status, state(world)) == (status, left)


def test_a_failing_update_owner_gives_the_credits_back() -> None:
    world = pending()
    world.breaks["inventory.update_owner"] = Break.LOST_REQUEST
    assert answer(confirm, world) == "INTERNAL_ERROR"
    assert (world.record.status, state(world)) == ("FAILED", BEFORE)


def test_a_move_that_cannot_be_taken_back_goes_forward() -> None:
    """Its answer was lost, and the buyer has gone in meanwhile."""
    world = pending()
    world.breaks["inventory.update_owner"] = Break.LOST_ANSWER
    world.breaks["inventory.undo_update_owner"] = Break.REFUSED
    assert answer(confirm, world) == "COMPLETED"
    assert (world.record.status, state(world)) == ("COMPLETED", SWAPPED)


@pytest.mark.parametrize("moved", [Break.LOST_REQUEST, Break.LOST_ANSWER])
def test_where_nobody_knows_whether_the_seat_moved_the_credits_wait_until_it_is_taken_back(
    moved: Break,
) -> None:
    world = pending()
    world.breaks["inventory.update_owner"] = moved
    world.breaks["inventory.undo_update_owner"] = Break.LOST_REQUEST
    assert answer(confirm, world) == "INTERNAL_ERROR"
    assert world.payments[world.record.transfer_id] == "HELD_BACK"
    recovered(world)
    assert (world.record.status, state(world)) == ("FAILED", BEFORE)


def test_recovery_completes_a_move_that_can_no_longer_be_taken_back() -> None:
    world = pending()
    world.breaks["inventory.update_owner"] = Break.LOST_ANSWER
    world.breaks["inventory.undo_update_owner"] = Break.LOST_REQUEST
    assert answer(confirm, world) == "INTERNAL_ERROR"
    world.checked_in = True
    recovered(world)
    assert (world.record.status, state(world)) == ("COMPLETED", SWAPPED)


def test_a_transfer_of_a_checked_in_seat_fails_with_the_credits_where_they_were() -> None:
    world = pending()
    world.checked_in = True
    assert answer(confirm, world) == "TRANSFER_INVALID_STATE"
    assert (world.record.status, state(world)) == ("FAILED", BEFORE)
    assert world.record.failure_reason == "SEAT_UNAVAILABLE"


def test_a_checked_in_seat_is_not_reversed_and_the_dispute_goes_on() -> None:
    world = disputed()
    world.checked_in = True
    assert answer(reverse, world) == "SEAT_UNAVAILABLE"
    assert (world.record.status, state(world)) == ("DISPUTED", FROZEN)


def test_too_few_credits_leave_the_transfer_to_be_confirmed_later() -> None:
    world = pending()
    world.balances[world.buyer] = AMOUNT - 1
    assert answer(confirm, world) == "INSUFFICIENT_CREDITS"
    assert world.record.status == "PENDING_OTP"
    world.balances[world.buyer] = START
    assert answer(confirm, world) == "COMPLETED"


def test_reversing_takes_what_is_frozen_and_then_what_the_seller_has() -> None:
    world = completed()
    world.balances[world.seller] = AMOUNT - 30
    assert dispute(world) == "DISPUTED"
    assert answer(reverse, world) == "INSUFFICIENT_CREDITS"
    world.balances[world.seller] = START
    assert answer(reverse, world) == "REVERSED"
    assert world.balances[world.seller] == START - 30
    assert world.balances[world.buyer] == START


def test_a_repeat_is_answered_with_the_outcome_and_moves_nothing() -> None:
    world = completed()
    assert answer(confirm, world) == "COMPLETED"
    assert state(world) == SWAPPED
    assert dispute(world) == "DISPUTED"
    assert answer(reverse, world) == "REVERSED"
    assert answer(reverse, world) == "REVERSED"
    assert state(world) == BEFORE


@pytest.mark.parametrize("operation", [confirm, reverse])
def test_what_another_one_does_just_before_is_answered_with_the_outcome(
    operation: Callable[[TransferWorld], str],
) -> None:
    start, (done, after), _ = OPERATIONS[operation]
    world = start()
    world.before["transfers.begin_saga"] = lambda: operation(world)
    assert answer(operation, world) == done
    assert state(world) == after


def test_a_third_person_confirms_cancels_disputes_and_reverses_nothing() -> None:
    world = TransferWorld()
    stranger = TransferWorld().seller_as_caller
    orchestrator, transfer_id = world.orchestrator(), world.record.transfer_id
    for call in (
        lambda: orchestrator.confirm(stranger.user_id, transfer_id, {}),
        lambda: orchestrator.cancel(stranger.user_id, transfer_id),
        lambda: orchestrator.dispute(stranger.user_id, transfer_id, "why"),
        lambda: orchestrator.reverse(stranger, transfer_id),
    ):
        with pytest.raises(AppError, match="FORBIDDEN"):
            call()


def test_the_party_who_disputed_cannot_reverse_not_even_where_both_run_at_once() -> None:
    world = completed()
    orchestrator, transfer_id = world.orchestrator(), world.record.transfer_id
    orchestrator.dispute(world.seller, transfer_id, "why")
    assert world.record.disputed_by is Party.SELLER
    disputed_meanwhile, world.record = world.record, world.record.model_copy(
        update={"status": "COMPLETED", "disputed_by": None}
    )
    world.before["transfers.begin_saga"] = lambda: world.change(**dict(disputed_meanwhile))
    with pytest.raises(AppError, match="FORBIDDEN"):
        orchestrator.reverse(world.seller_as_caller, transfer_id)
    assert world.record.status == "DISPUTED"
