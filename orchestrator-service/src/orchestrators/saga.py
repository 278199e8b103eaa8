"""The saga engine: steps with their undoing, a pivot, and the record as the journal (design.md)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NoReturn, Protocol, TypeVar

from prometheus_client import Counter

from common import deadline
from common.errors import AppError, ErrorCode

log = logging.getLogger(__name__)

R = TypeVar("R")

# Of the time of a request, what its steps leave to their undoing.
UNDOING_SECONDS = 2.5
_OUTCOMES = Counter("saga_outcomes", "How runs of sagas ended", ("saga", "outcome"))


class Journal(Protocol):
    """Where the record keeps what has begun; each write demands that we still drive it.

    A write raises Overtaken where another driver has the record now.
    """

    def begin(self, step: str) -> None:
        """Commit that `step` begins."""

    def undoing(self) -> None:
        """Commit that undoing begins."""

    def abandon(self) -> None:
        """Give the record back as it was: nothing has happened."""

    def failed(self, reason: ErrorCode) -> None:
        """End the saga, everything undone."""


class Overtaken(Exception):
    """Another driver has taken the record: it decides the outcome now."""


class Unfinished(Exception):
    """Past the pivot, and the rest could not be done now; recovery goes on with it."""


class _NotUndoing(AppError):
    """The journal could not be told that undoing begins, so recovery goes on from the step."""

    def __init__(self, reason: AppError) -> None:
        super().__init__(reason.code, reason.message, **reason.details)


@dataclass(frozen=True)
class Step(Generic[R]):
    """`do` and `undo` are idempotent, and `undo` accepts work that never happened.

    `may_stand`, of a pivot: its `undo` is refused where what it did can no longer be taken back.
    """

    do: Callable[[R], None]
    undo: Callable[[R], None] | None = None
    pivot: bool = False
    may_stand: bool = False


class Saga(Generic[R]):
    """Steps up to the pivot can be undone; those after it are retried until they succeed.

    Undoing undoes every one of them: a time-out does not say whether a step took effect, and what
    never happened must be kept from happening late. Without a pivot every step can be undone. A
    pivot without `undo` of which nobody knows whether it happened is left to be done again.
    """

    def __init__(self, name: str, *steps: Step[R]) -> None:
        self.name = name
        self._steps = steps
        self._pivot_at = next((i for i, step in enumerate(steps) if step.pivot), len(steps) - 1)
        self._pivot = steps[self._pivot_at]

    @property
    def step_names(self) -> list[str]:
        """Every step as the journal names it: "pay.charge"."""
        return [f"{self.name}.{step.do.__name__}" for step in self._steps]

    def is_pivot(self, step_name: str) -> bool:
        """Whether the step of that name decides the saga."""
        return self.step_names[self._pivot_at] == step_name

    def run(self, record: R, journal: Journal) -> None:
        """Drive a record whose first step has been journalled as begun.

        Raises what a step refused with, everything before it undone; Unreachable or OutOfTime
        where the first step reached nobody; INTERNAL_ERROR where a saga that had begun was undone
        or still has to be; Unfinished where recovery goes on with it, forward; Overtaken.
        """
        for position, step in enumerate(self._steps[: self._pivot_at + 1]):
            has_begun = position == 0
            try:
                with deadline.leaving(UNDOING_SECONDS):
                    if not has_begun:
                        journal.begin(self.step_names[position])
                        has_begun = True
                    step.do(record)
            except Overtaken:
                raise
            except Exception as error:
                self._put_back(position, has_begun, error, record, journal)
        self._finish(record)

    def give_back(self, error: AppError, journal: Journal) -> NoReturn:
        """Raise `error`, which kept the first step from happening, the record as it was.

        Where the journal cannot be told, recovery finds the first step begun: it does a pivot, and
        undoes any other. So that is what is raised then: Unfinished, or INTERNAL_ERROR; but what a
        pivot was refused with stands, since it will be again.
        """
        try:
            journal.abandon()
        except AppError as problem:
            if not self.is_pivot(self.step_names[0]):
                raise _being_settled() from problem
            if not _is_refusal(error):
                raise self._unfinished(problem) from problem
        self._count("refused")
        raise error

    def recover(self, record: R, journal: Journal, step_name: str, undoing: bool) -> None:
        """Settle a record whose driver is gone: forward from the pivot on, back before it.

        At the pivot nobody knows whether it happened, so it is done (again); where it is refused,
        or answered with INTERNAL_ERROR, everything is undone. Raises what stands in the way; the
        next round goes on from there.
        """
        if undoing or not self.is_pivot(step_name):
            stands = not self._undo(record, journal, ErrorCode.INTERNAL_ERROR, in_doubt=undoing)
        else:
            stands = self._redo_pivot(record, journal)
        if stands:
            self._finish(record)

    def _redo_pivot(self, record: R, journal: Journal) -> bool:
        """Whether the pivot is done now; where it cannot be, all is undone that can be."""
        try:
            self._pivot.do(record)
            return True
        except AppError as error:
            refused = _is_refusal(error)
            can_be_undone = self._pivot_at > 0 or self._pivot.undo is not None
            # a service that answers, and fails, may do so for ever; one that is away comes back
            failing = error.code is ErrorCode.INTERNAL_ERROR and can_be_undone
            if not refused and not failing:
                raise
            if can_be_undone:
                return not self._undo(record, journal, error.code, in_doubt=failing)
            journal.abandon()
            self._count("refused")
            return False

    def _finish(self, record: R) -> None:
        try:
            for step in self._steps[self._pivot_at + 1 :]:
                step.do(record)
        except AppError as error:
            raise self._unfinished(error) from error
        self._count("done")

    def _put_back(
        self, position: int, has_begun: bool, error: Exception, record: R, journal: Journal
    ) -> None:
        """After a step failed, or its beginning: undo all, then raise what the caller may know.

        Returns where it is the pivot that failed, and it turns out to stand.
        """
        known = error if isinstance(error, AppError) and error.had_no_effect else None
        if known and position == 0:
            self.give_back(known, journal)
        in_doubt = known is None and position == self._pivot_at
        if in_doubt and self._pivot.pivot and self._pivot.undo is None:
            raise self._unfinished(error) from error
        log.warning(
            "saga fails and is undone",
            extra={"saga": self.name, "step": self.step_names[position], "reason": str(error)},
            exc_info=None if isinstance(error, AppError) else error,
        )
        refused = known is not None and _is_refusal(known)
        try:
            undone = self._undo(
                record, journal, known.code if refused else ErrorCode.INTERNAL_ERROR, in_doubt
            )
        except _NotUndoing as still:
            if self._pivot.pivot and position == self._pivot_at and has_begun and not refused:
                raise self._unfinished(still) from still
            raise _being_settled() from still
        except AppError as problem:
            raise _being_settled() from problem
        if undone:
            raise known if refused else _internal_error("everything was put back") from error

    def _undo(self, record: R, journal: Journal, reason: ErrorCode, in_doubt: bool = False) -> bool:
        """Undo every step up to the pivot, each even where another could not be undone.

        False where the pivot was `in_doubt` and stands: whoever asks is told the same for good.
        """
        try:
            _begin_undoing(journal)
            if in_doubt and self._pivot.may_stand and self._stands(record):
                return False
            steps = reversed(self._steps[: self._pivot_at + 1])
            problems = [self._undo_step(step, record) for step in steps]
            for problem in filter(None, problems):
                raise problem
            journal.failed(reason)
        except AppError as error:
            log.error("undoing fails", extra={"saga": self.name, "reason": str(error)})
            self._count("undo_failed")
            raise
        self._count("undone")
        return True

    def _stands(self, record: R) -> bool:
        """Undo the pivot before anything else; whether it happened and cannot be undone."""
        try:
            self._pivot.undo(record)
        except AppError as error:
            if not _is_refusal(error):
                raise
            return True
        return False

    @staticmethod
    def _undo_step(step: Step[R], record: R) -> AppError | None:
        try:
            if step.undo is not None:
                step.undo(record)
        except AppError as error:
            return error
        return None

    def _unfinished(self, error: Exception) -> Unfinished:
        log.error(
            "saga is not finished",
            extra={"saga": self.name, "reason": str(error)},
            exc_info=None if isinstance(error, AppError) else error,
        )
        self._count("unfinished")
        return Unfinished()

    def _count(self, outcome: str) -> None:
        _OUTCOMES.labels(self.name, outcome).inc()


def _is_refusal(error: AppError) -> bool:
    """Whether the other side said no, as opposed to nothing at all."""
    return error.had_no_effect and error.code.http_status < 500


def _begin_undoing(journal: Journal) -> None:
    try:
        journal.undoing()
    except AppError as error:
        if error.had_no_effect:
            raise _NotUndoing(error) from error
        raise


def _being_settled() -> AppError:
    return _internal_error("it is being settled: look at it again in a minute")


def _internal_error(what_now: str) -> AppError:
    return AppError(ErrorCode.INTERNAL_ERROR, f"This could not be done; {what_now}.")
