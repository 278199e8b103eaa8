"""The saga engine: whatever step breaks, however it breaks, the world is whole afterwards."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from common import deadline
from common.errors import AppError, ErrorCode, OutOfTime, Unreachable
from src.orchestrators.saga import UNDOING_SECONDS, Overtaken, Saga, Step, Unfinished

REFUSED = AppError(ErrorCode.INSUFFICIENT_CREDITS, "no")
TIMED_OUT = AppError(ErrorCode.SERVICE_UNAVAILABLE, "nobody knows")
UNREACHABLE = Unreachable("somebody")
BUG = ZeroDivisionError()


@dataclass
class World:
    """Effects by name; a step may be made to fail before or after it took effect."""

    effects: set[str] = field(default_factory=set)
    tombstones: set[str] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    fails: dict[str, tuple[Exception, bool]] = field(default_factory=dict)

    def step(self, name: str) -> Callable[[None], None]:
        def do(_: None) -> None:
            self.calls.append(name)
            error, took_effect = self.fails.get(name, (None, True))
            if took_effect and name not in self.tombstones:
                self.effects.add(name)
            if error:
                raise error

        do.__name__ = name
        return do

    def undo(self, name: str) -> Callable[[None], None]:
        def undo(_: None) -> None:
            self.calls.append(f"undo {name}")
            if f"undo {name}" in self.fails:
                raise self.fails[f"undo {name}"][0]
            self.effects.discard(name)
            self.tombstones.add(name)

        return undo


@dataclass
class MemoryJournal:
    """Keeps what was committed; `away` is how writes of it fail."""

    begun: str = "test.one"
    is_undoing: bool = False
    outcome: str | None = None
    away: dict[str, Exception] = field(default_factory=dict)

    def begin(self, step: str) -> None:
        self._write("begin")
        self.begun = step

    def undoing(self) -> None:
        self._write("undoing")
        self.is_undoing = True

    def abandon(self) -> None:
        self._write("abandon")
        self.outcome = "as it was"

    def failed(self, reason: ErrorCode) -> None:
        self._write("failed")
        self.outcome = reason.value

    def _write(self, kind: str) -> None:
        if kind in self.away:
            raise self.away[kind]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def journal() -> MemoryJournal:
    return MemoryJournal()


@pytest.fixture
def saga(world: World) -> Saga[None]:
    return Saga(
        "test",
        Step(do=world.step("one"), undo=world.undo("one")),
        Step(do=world.step("two"), undo=world.undo("two")),
        Step(do=world.step("three"), undo=world.undo("three"), pivot=True),
        Step(do=world.step("four")),
        Step(do=world.step("five")),
    )


def test_every_step_is_done_in_order(
    saga: Saga[None], world: World, journal: MemoryJournal
) -> None:
    saga.run(None, journal)
    assert world.calls == ["one", "two", "three", "four", "five"]
    assert saga.step_names == [f"test.{name}" for name in world.calls]


def test_a_step_is_journalled_as_begun_before_its_call_goes_out(
    saga: Saga[None], world: World, journal: MemoryJournal
) -> None:
    journal.away["begin"] = TIMED_OUT
    with pytest.raises(AppError):
        saga.run(None, journal)
    assert "two" not in world.calls


@pytest.mark.parametrize("error", [REFUSED, UNREACHABLE], ids=["refused", "unreachable"])
def test_a_first_step_without_effect_leaves_the_record_as_it_was(
    saga: Saga[None], world: World, journal: MemoryJournal, error: AppError
) -> None:
    world.fails["one"] = (error, False)
    with pytest.raises(AppError) as raised:
        saga.run(None, journal)
    assert raised.value is error
    assert (journal.outcome, world.effects, world.tombstones) == ("as it was", set(), set())


@pytest.mark.parametrize("name", ["one", "two", "three"])
@pytest.mark.parametrize("took_effect", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize("error", [TIMED_OUT, BUG], ids=["timed out", "bug"])
def test_where_nobody_knows_the_step_itself_is_undone_too(
    saga: Saga[None],
    world: World,
    journal: MemoryJournal,
    name: str,
    took_effect: bool,
    error: Exception,
) -> None:
    world.fails[name] = (error, took_effect)
    with pytest.raises(AppError) as raised:
        saga.run(None, journal)
    assert raised.value.code is ErrorCode.INTERNAL_ERROR
    assert world.effects == set()
    assert world.tombstones == {
        "one",
        "two",
        "three",
    }  # what had not begun cannot begin late either
    assert (journal.is_undoing, journal.outcome) == (True, "INTERNAL_ERROR")


@pytest.mark.parametrize("name", ["two", "three"])
def test_a_refused_step_undoes_those_before_it_and_tells_the_caller_why(
    saga: Saga[None], world: World, journal: MemoryJournal, name: str
) -> None:
    world.fails[name] = (REFUSED, False)
    with pytest.raises(AppError) as raised:
        saga.run(None, journal)
    assert raised.value is REFUSED
    assert world.effects == set()
    assert journal.outcome == "INSUFFICIENT_CREDITS"


def test_undoing_is_journalled_before_the_first_undo(
    saga: Saga[None], world: World, journal: MemoryJournal
) -> None:
    world.fails["two"] = (TIMED_OUT, True)
    journal.away["undoing"] = TIMED_OUT
    with pytest.raises(AppError):
        saga.run(None, journal)
    assert not any(call.startswith("undo") for call in world.calls)
    assert journal.outcome is None


@pytest.mark.parametrize("broken", ["one", "two"])
def test_what_could_not_be_undone_stays_in_the_journal_for_recovery(
    saga: Saga[None], world: World, journal: MemoryJournal, broken: str
) -> None:
    world.fails["two"] = (TIMED_OUT, True)
    world.fails[f"undo {broken}"] = (TIMED_OUT, False)
    with pytest.raises(AppError) as raised:
        saga.run(None, journal)
    assert raised.value.code is ErrorCode.INTERNAL_ERROR
    assert (journal.outcome, world.effects) == (None, {broken})
    del world.fails[f"undo {broken}"]
    saga.recover(None, journal, journal.begun, journal.is_undoing)
    assert (journal.outcome, world.effects) == ("INTERNAL_ERROR", set())


@pytest.mark.parametrize("name", ["four", "five"])
def test_past_the_pivot_nothing_is_undone_and_recovery_finishes(
    saga: Saga[None], world: World, journal: MemoryJournal, name: str
) -> None:
    world.fails[name] = (TIMED_OUT, False)
    with pytest.raises(Unfinished):
        saga.run(None, journal)
    assert not any(call.startswith("undo") for call in world.calls)
    world.fails.clear()
    saga.recover(None, journal, journal.begun, journal.is_undoing)
    assert world.effects == {"one", "two", "three", "four", "five"}


@pytest.mark.parametrize("write", ["begin", "undoing", "failed", "abandon"])
def test_an_overtaken_driver_stops_at_once(
    saga: Saga[None], world: World, journal: MemoryJournal, write: str
) -> None:
    journal.away[write] = Overtaken()
    name = "one" if write == "abandon" else "two"
    if write != "begin":
        world.fails[name] = (REFUSED, False)
    with pytest.raises(Overtaken):
        saga.run(None, journal)
    assert journal.outcome is None


@pytest.mark.parametrize("begun", ["test.one", "test.two"])
def test_recovery_before_the_pivot_goes_back(
    saga: Saga[None], world: World, journal: MemoryJournal, begun: str
) -> None:
    world.effects = {"one", "two"}
    saga.recover(None, journal, begun, False)
    assert world.tombstones == {"one", "two", "three"}
    assert journal.outcome == "INTERNAL_ERROR"


@pytest.mark.parametrize("happened", [True, False])
def test_recovery_at_the_pivot_goes_forward_whether_or_not_it_happened(
    saga: Saga[None], world: World, journal: MemoryJournal, happened: bool
) -> None:
    world.effects = {"one", "two"} | ({"three"} if happened else set())
    saga.recover(None, journal, "test.three", False)
    assert world.effects == {"one", "two", "three", "four", "five"}


def test_recovery_at_a_pivot_that_is_refused_goes_back(
    saga: Saga[None], world: World, journal: MemoryJournal
) -> None:
    world.effects = {"one", "two"}
    world.fails["three"] = (REFUSED, False)
    saga.recover(None, journal, "test.three", False)
    assert (world.effects, journal.outcome) == (set(), "INSUFFICIENT_CREDITS")


@pytest.mark.parametrize("error", [TIMED_OUT, UNREACHABLE], ids=["timed out", "unreachable"])
def test_recovery_at_a_pivot_that_nobody_answers_waits_for_the_next_round(
    saga: Saga[None], world: World, journal: MemoryJournal, error: AppError
) -> None:
    world.effects = {"one", "two"}
    world.fails["three"] = (error, False)
    with pytest.raises(AppError):
        saga.recover(None, journal, "test.three", False)
    assert (world.effects, journal.outcome) == ({"one", "two"}, None)


def test_recovery_at_a_pivot_that_the_other_side_fails_at_goes_back(
    saga: Saga[None], world: World, journal: MemoryJournal
) -> None:
    world.effects = {"one", "two"}
    world.fails["three"] = (AppError(ErrorCode.INTERNAL_ERROR, "a bug over there"), False)
    saga.recover(None, journal, "test.three", False)
    assert (world.effects, journal.outcome) == (set(), "INTERNAL_ERROR")


def test_recovery_of_a_saga_that_was_undoing_never_goes_forward(
    saga: Saga[None], world: World, journal: MemoryJournal
) -> None:
    world.effects = {"one", "two", "three"}
    saga.recover(None, journal, "test.three", True)
    assert (world.effects, world.tombstones) == (set(), {"one", "two", "three"})


@pytest.fixture
def decided_at_once(world: World) -> Saga[None]:
    """A saga that has nothing to undo: a refund."""
    return Saga("test", Step(do=world.step("one"), pivot=True), Step(do=world.step("two")))


@pytest.mark.parametrize("error", [TIMED_OUT, BUG], ids=["timed out", "bug"])
def test_a_pivot_that_cannot_be_undone_is_left_to_be_done_again(
    decided_at_once: Saga[None], world: World, journal: MemoryJournal, error: Exception
) -> None:
    world.fails["one"] = (error, False)
    with pytest.raises(Unfinished):
        decided_at_once.run(None, journal)
    assert (journal.is_undoing, journal.outcome) == (False, None)
    world.fails.clear()
    decided_at_once.recover(None, journal, journal.begun, journal.is_undoing)
    assert world.effects == {"one", "two"}


def test_where_nothing_can_be_undone_recovery_tries_again_whatever_the_other_side_fails_with(
    decided_at_once: Saga[None], world: World, journal: MemoryJournal
) -> None:
    world.fails["one"] = (AppError(ErrorCode.INTERNAL_ERROR, "a bug over there"), False)
    with pytest.raises(AppError):
        decided_at_once.recover(None, journal, "test.one", False)
    assert (journal.is_undoing, journal.outcome) == (False, None)


def test_where_nothing_can_be_undone_a_refused_recovery_leaves_the_record_as_it_was(
    decided_at_once: Saga[None], world: World, journal: MemoryJournal
) -> None:
    world.fails["one"] = (REFUSED, False)
    decided_at_once.recover(None, journal, "test.one", False)
    assert (journal.is_undoing, journal.outcome) == (False, "as it was")


@pytest.mark.parametrize("error", [REFUSED, UNREACHABLE, TIMED_OUT], ids=lambda one: one.message)
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("saga", "one"),
        ("saga", "two"),
        ("saga", "three"),
        ("decided_at_once", "one"),
        ("may_stand", "one"),
        ("may_stand", "two"),
    ],
)
def test_what_the_caller_is_told_comes_true_where_the_journal_could_not_be_told(
    request: pytest.FixtureRequest,
    world: World,
    journal: MemoryJournal,
    kind: str,
    name: str,
    error: AppError,
) -> None:
    saga: Saga[None] = request.getfixturevalue(kind)
    world.fails[name] = (error, False)
    journal.away = dict.fromkeys(("abandon", "undoing"), OutOfTime())
    with pytest.raises((AppError, Unfinished)) as raised:
        saga.run(None, journal)
    journal.away.clear()
    if error is not REFUSED:
        world.fails.clear()
    saga.recover(None, journal, journal.begun, journal.is_undoing)
    names = {one.partition(".")[2] for one in saga.step_names}
    is_promised = isinstance(raised.value, Unfinished)
    assert (world.effects, journal.outcome is None) == (
        names if is_promised else set(),
        is_promised,
    )


def test_whatever_its_steps_take_there_is_time_to_undo_them(journal: MemoryJournal) -> None:
    left = []

    def endless(_: None) -> None:
        left.append(deadline.left(60))
        raise OutOfTime

    def undo(_: None) -> None:
        left.append(deadline.left(60))

    saga = Saga("test", Step(do=lambda _: None, undo=undo), Step(do=endless, pivot=True))
    with deadline.within(UNDOING_SECONDS), pytest.raises(AppError):
        saga.run(None, journal)
    assert left[0] == 0 and left[1] > UNDOING_SECONDS - 1
    assert journal.outcome == "INTERNAL_ERROR"


@pytest.fixture
def may_stand(world: World) -> Saga[None]:
    """A saga whose pivot may not be to be taken back: a transfer."""
    return Saga(
        "test",
        Step(do=world.step("one"), undo=world.undo("one")),
        Step(do=world.step("two"), undo=world.undo("two"), pivot=True, may_stand=True),
        Step(do=world.step("three")),
    )


def test_a_pivot_in_doubt_that_can_be_taken_back_is(
    may_stand: Saga[None], world: World, journal: MemoryJournal
) -> None:
    world.fails["two"] = (TIMED_OUT, True)
    with pytest.raises(AppError):
        may_stand.run(None, journal)
    assert world.effects == set()
    assert journal.outcome == "INTERNAL_ERROR"


def test_a_pivot_in_doubt_that_stands_is_gone_on_from(
    may_stand: Saga[None], world: World, journal: MemoryJournal
) -> None:
    world.fails = {"two": (TIMED_OUT, True), "undo two": (REFUSED, False)}
    may_stand.run(None, journal)
    assert world.effects == {"one", "two", "three"}
    assert "undo one" not in world.calls


def test_while_a_pivot_is_in_doubt_nothing_before_it_is_undone(
    may_stand: Saga[None], world: World, journal: MemoryJournal
) -> None:
    world.fails = {"two": (TIMED_OUT, True), "undo two": (TIMED_OUT, False)}
    with pytest.raises(AppError):
        may_stand.run(None, journal)
    assert (journal.is_undoing, world.effects) == (True, {"one", "two"})
    world.fails = {"undo two": (REFUSED, False)}
    may_stand.recover(None, journal, journal.begun, journal.is_undoing)
    assert world.effects == {"one", "two", "three"}


def test_a_driver_that_was_overtaken_takes_no_pivot_back(
    may_stand: Saga[None], world: World, journal: MemoryJournal
) -> None:
    world.fails["two"] = (TIMED_OUT, True)
    journal.away["undoing"] = Overtaken()
    with pytest.raises(Overtaken):
        may_stand.run(None, journal)
    assert "undo two" not in world.calls


def test_a_pivot_that_was_never_sent_keeps_nothing_waiting(
    may_stand: Saga[None], world: World, journal: MemoryJournal
) -> None:
    world.fails = {"two": (UNREACHABLE, False), "undo two": (UNREACHABLE, False)}
    with pytest.raises(AppError):
        may_stand.run(None, journal)
    assert (journal.outcome, world.effects) == (None, set())
