"""Reserve and pay over a world whose every call breaks in turn: all or nothing, in the end."""

from uuid import uuid4

import pytest

from common.errors import AppError, ErrorCode
from src.orchestrators import driver
from src.orchestrators.saga import Unfinished
from world import PRICE, Break, World


@pytest.fixture(autouse=True)
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_WAIT_SECONDS", 0.1)


@pytest.fixture
def world() -> World:
    return World()


def reserved(world: World) -> None:
    world.orchestrator().reserve(world.user_id, world.seat_id)
    world.calls.clear()


def pay(world: World) -> str:
    """The status of the answer, or its error code."""
    (order_id,) = world.orders
    try:
        return world.orchestrator().pay(world.user_id, order_id).status
    except AppError as error:
        return error.code.value


def recovered(world: World) -> None:
    """What the recovery process does, round after round, until nothing is at work."""
    for _ in range(3):
        order = world.order()
        if order.saga is None:
            return
        try:
            taken = world.order(saga_version=order.saga_version + 1)
            world.orchestrator().recover(taken)
        except (AppError, Unfinished):
            continue
    assert world.order().saga is None


def assert_bought(world: World) -> None:
    order = world.order()
    assert (order.status, world.holds[order.order_id]) == ("CONFIRMED", "SOLD")
    assert world.charges == {order.order_id: "CHARGED"}
    assert world.balance == 1000 - PRICE


def assert_nothing_bought(world: World) -> None:
    order = world.order()
    assert order.status in ("FAILED", "PENDING")
    assert world.balance == 1000
    assert world.charges.get(order.order_id) in (None, "REFUNDED", "TOMBSTONE")
    expected = "HELD" if order.status == "PENDING" else "RELEASED"
    assert world.holds[order.order_id] == expected


def calls_of_a_purchase() -> tuple[list[str], list[str]]:
    """The calls that reserve and pay make when nothing breaks."""
    world = World()
    world.orchestrator().reserve(world.user_id, world.seat_id)
    reserving = list(world.calls)
    world.calls.clear()
    assert pay(world) == "CONFIRMED"
    return reserving, list(world.calls)


RESERVING, PAYING = calls_of_a_purchase()
UNDOING = [
    "orders.record_undoing",
    "inventory.release_seat",
    "users.refund",
    "orders.finish FAILED",
]


def test_a_purchase_makes_these_calls_and_no_more() -> None:
    assert RESERVING == [
        "inventory.reserve_seat",
        "events.get",
        "orders.create",
        "publisher.publish",
    ]
    assert PAYING == [
        "users.is_flagged",
        "orders.begin_saga",
        "events.get",
        "users.deduct",
        "orders.record_step",
        "inventory.confirm_seat",
        "orders.finish CONFIRMED",
    ]


@pytest.mark.parametrize("how", Break)
@pytest.mark.parametrize("call", RESERVING)
def test_a_reserve_that_breaks_anywhere_leaves_no_hold_and_no_order_to_pay(
    world: World, call: str, how: Break
) -> None:
    world.breaks[call] = how
    with pytest.raises(AppError):
        world.orchestrator().reserve(world.user_id, world.seat_id)
    assert "HELD" not in world.holds.values()
    assert {order.status for order in world.orders.values()} <= {"FAILED"}


@pytest.mark.parametrize("how", Break)
@pytest.mark.parametrize("call", PAYING)
def test_a_pay_that_breaks_anywhere_ends_bought_or_not_at_all(
    world: World, call: str, how: Break
) -> None:
    reserved(world)
    world.breaks[call] = how
    answer = pay(world)
    recovered(world)
    if answer in ("CONFIRMED", "PENDING"):
        assert_bought(world)
    elif world.order().status == "CONFIRMED":
        assert_bought(world)
    else:
        assert_nothing_bought(world)


@pytest.mark.parametrize("how", [Break.UNREACHABLE, Break.LOST_REQUEST, Break.LOST_ANSWER])
@pytest.mark.parametrize("undo", UNDOING)
@pytest.mark.parametrize("step", ["users.deduct", "inventory.confirm_seat"])
def test_an_undoing_that_breaks_anywhere_is_taken_up_by_recovery(
    world: World, step: str, undo: str, how: Break
) -> None:
    reserved(world)
    world.breaks = {step: Break.LOST_ANSWER, undo: how}
    stays_at_pivot = (step, undo) == ("inventory.confirm_seat", "orders.record_undoing")
    is_promised = stays_at_pivot and how is Break.UNREACHABLE
    assert pay(world) == ("PENDING" if is_promised else "INTERNAL_ERROR")
    recovered(world)
    assert world.order().status == "CONFIRMED" or not is_promised
    if world.order().status == "CONFIRMED":
        assert stays_at_pivot
        assert_bought(world)
    else:
        assert_nothing_bought(world)


def test_what_had_begun_and_was_undone_is_answered_500_and_the_seat_is_free(world: World) -> None:
    reserved(world)
    world.breaks["users.deduct"] = Break.LOST_ANSWER
    assert pay(world) == "INTERNAL_ERROR"
    assert_nothing_bought(world)
    assert pay(world) == "SEAT_NOT_HELD"


@pytest.mark.parametrize(
    "call", ["users.is_flagged", "orders.begin_saga", "events.get", "users.deduct"]
)
def test_what_cannot_be_reached_before_anything_happened_is_503_and_can_be_paid_again(
    world: World, call: str
) -> None:
    reserved(world)
    world.breaks[call] = Break.UNREACHABLE
    assert pay(world) == "SERVICE_UNAVAILABLE"
    assert pay(world) == "CONFIRMED"
    assert_bought(world)


def test_too_few_credits_leave_the_seat_held(world: World) -> None:
    reserved(world)
    world.balance = PRICE - 1
    assert pay(world) == "INSUFFICIENT_CREDITS"
    world.balance = 1000
    assert pay(world) == "CONFIRMED"


def test_a_hold_that_ran_out_under_the_pay_is_refunded_and_said(world: World) -> None:
    reserved(world)
    world.breaks["inventory.confirm_seat"] = Break.REFUSED
    assert pay(world) == "HOLD_EXPIRED"
    assert_nothing_bought(world)


def test_an_order_service_that_is_away_at_the_end_gives_202_and_recovery_completes_it(
    world: World,
) -> None:
    reserved(world)
    world.breaks["orders.finish CONFIRMED"] = Break.UNREACHABLE
    assert pay(world) == "PENDING"
    assert pay(world) == "PENDING"
    recovered(world)
    assert_bought(world)
    assert pay(world) == "ORDER_ALREADY_CONFIRMED"


@pytest.mark.parametrize(
    ("step", "undoing", "answer"),
    [
        ("pay.charge", False, "ORDER_INVALID_STATE"),
        ("pay.confirm_seat", True, "ORDER_INVALID_STATE"),
        ("pay.confirm_seat", False, "PENDING"),
    ],
)
def test_a_second_pay_promises_completion_only_where_the_seat_may_be_sold(
    world: World, step: str, undoing: bool, answer: str
) -> None:
    reserved(world)
    world.order(saga="pay", saga_step=step, saga_undoing=undoing, saga_version=1)
    assert pay(world) == answer


def test_a_flagged_buyer_pays_only_after_his_code(world: World) -> None:
    reserved(world)
    world.flagged = True
    assert pay(world) == "OTP_REQUIRED"
    assert [code.user_id for code in world.codes_sent] == [world.user_id]
    assert world.charges == {}
    world.order(otp_verified_at=world.order().created_at)
    assert pay(world) == "CONFIRMED"


def test_reserving_again_answers_the_same_order_and_publishes_nothing_twice(world: World) -> None:
    first = world.orchestrator().reserve(world.user_id, world.seat_id)
    again = world.orchestrator().reserve(world.user_id, world.seat_id)
    assert again.hold_id == first.hold_id
    assert world.published == [first.hold_id]


def test_a_repeat_that_breaks_leaves_the_first_hold_alone(world: World) -> None:
    reserved(world)
    world.breaks["orders.create"] = Break.LOST_REQUEST
    with pytest.raises(AppError):
        world.orchestrator().reserve(world.user_id, world.seat_id)
    assert pay(world) == "CONFIRMED"


def test_a_seat_whose_order_has_failed_is_not_answered_as_held(world: World) -> None:
    reserved(world)
    world.order(status="FAILED")
    with pytest.raises(AppError) as error:
        world.orchestrator().reserve(world.user_id, world.seat_id)
    assert error.value.code is ErrorCode.SEAT_UNAVAILABLE


def test_an_unknown_order_is_not_found(world: World) -> None:
    with pytest.raises(AppError) as error:
        world.orchestrator().pay(world.user_id, uuid4())
    assert error.value.code is ErrorCode.ORDER_NOT_FOUND
