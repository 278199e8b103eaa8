"""Every suite, each in a process of its own: `python -m local_stack.run_tests [SUITE]`.

The services' suites run two at a time against one throw-away PostgreSQL and RabbitMQ; those that
need the machine for themselves follow, one after the other. The suite `containers`, run only by its
name, is that of the folder tests with the platform in containers; `faults` names those of the
folder tests/faults together, which FAULTS=all runs at their full length. Ends with the suites'
summary tables, a line for each suite and one for all; the exit status is not 0 where a test failed
or a suite ran none.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

from . import engine
from .native_stack import NativeStack
from .processes import SERVERS
from .stack import ROOT, StackError

SERVICE_SUITES = (
    "inventory-service",
    "user-service",
    "order-service",
    "event-service",
    "orchestrator-service",
    "common",
)
FAULT_SUITES = ("crashes", "concurrency", "part-faults")
OWN_STACK_SUITES = ("api-gateway", "local-stack", "tests", "security", *FAULT_SUITES, "bench")
IN_CONTAINERS = "containers"
_GROUPS = {"faults": FAULT_SUITES}
# What is below the folder tests, and where there.
_END_TO_END = {
    "tests": ".",
    IN_CONTAINERS: ".",
    "security": "security",
    "crashes": "faults/crashes",
    "concurrency": "faults/concurrency",
    "part-faults": "faults/parts",
}
# How many processes share out a suite's tests, each with stacks of its own: most of the time it
# waits.
_SHARED_BY = {
    "local-stack": 2,
    "tests": 2,
    "security": 2,
    "crashes": 3,
    "part-faults": 2,
    "bench": 2,
}
_LOGS = ROOT / ".local-stack" / "test-logs"
_LINTERS = (("black", "--check", "--quiet", "."), ("flake8",))


@dataclass(frozen=True)
class Outcome:
    """What came of one suite."""

    suite: str
    passed: int
    failed: int
    skipped: int
    seconds: float

    @property
    def is_good(self) -> bool:
        return self.passed > 0 and self.failed == 0

    def __str__(self) -> str:
        counts = f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
        return f"{self.suite:<22} {counts} in {self.seconds:.1f} s"


def main(wanted: str | None = None) -> int:
    """Run one suite, `lint`, or everything; the exit status."""
    suites = (*SERVICE_SUITES, *OWN_STACK_SUITES)
    known = ("lint", *suites, IN_CONTAINERS, *_GROUPS)
    if wanted not in (None, *known):
        print(f"There is no suite {wanted}. There are: {', '.join(known)}")
        return 2
    if wanted == IN_CONTAINERS and not engine.answers():
        print("No container engine answers: docker info, docker compose version.")
        return 2
    _LOGS.mkdir(parents=True, exist_ok=True)
    outcomes = [_lint()] if wanted in (None, "lint") else []
    outcomes += _run_all([one for one in (*suites, IN_CONTAINERS) if _is_wanted(one, wanted)])
    print()
    for outcome in outcomes:
        print(outcome)
    total = [sum(getattr(one, count) for one in outcomes) for count in ("passed", "failed")]
    skipped = sum(one.skipped for one in outcomes)
    print(f"{total[0]} passed, {total[1]} failed, {skipped} skipped")
    return 0 if all(one.is_good for one in outcomes) else 1


def _is_wanted(suite: str, wanted: str | None) -> bool:
    if wanted is None:
        return suite != IN_CONTAINERS
    return suite in _GROUPS.get(wanted, (wanted,))


def _run_all(suites: list[str]) -> list[Outcome]:
    services = [one for one in suites if one in SERVICE_SUITES]
    others = [one for one in suites if one not in SERVICE_SUITES]
    outcomes: list[Outcome] = []
    if services:
        with _backing() as environment, ThreadPoolExecutor(2) as pool:
            outcomes += pool.map(lambda suite: _run(suite, environment), services)
    outcomes += [_run(suite, dict(os.environ)) for suite in others]
    return outcomes


@contextmanager
def _backing() -> Iterator[dict[str, str]]:
    """The environment of the service suites, with their servers; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ticketremaster-") as folder:
        stack = NativeStack(Path(folder) / "backing", isolated=True, only=SERVERS, durable=False)
        try:
            stack.up()
            urls = {"TEST_POSTGRES_URL": stack.database_url(), "TEST_RABBITMQ_URL": stack.amqp_url}
            yield {**os.environ, **urls}
        finally:
            stack.reset()


def _run(suite: str, environment: dict[str, str]) -> Outcome:
    """One suite; its output is shown where it is not good."""
    started = time.monotonic()
    log, report = _LOGS / f"{suite}.log", _LOGS / f"{suite}.xml"
    table = _LOGS / f"{suite}.table"  # which some suites leave
    for left in (report, table):
        left.unlink(missing_ok=True)
    folder, tests = _where(suite)
    stack = "containers" if suite == IN_CONTAINERS else "native"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tests)]
    if suite in _SHARED_BY:
        command += ["-n", str(_SHARED_BY[suite])]
    print(f"{suite} ...", flush=True)
    if not tests.is_dir():
        return Outcome(suite, 0, 1, 0, 0)
    with log.open("w") as output:
        finished = subprocess.run(
            [*command, f"--junitxml={report}", f"--rootdir={folder}"],
            cwd=folder,
            env={**environment, "STACK": stack},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    outcome = _read(suite, report, time.monotonic() - started)
    if finished.returncode and not outcome.failed:
        outcome = replace(outcome, failed=1)  # pytest itself broke, after its report
    if not outcome.is_good:
        print(log.read_text(errors="replace"))
    if table.exists():
        print(table.read_text())
    print(outcome, flush=True)
    return outcome


def _where(suite: str) -> tuple[Path, Path]:
    """The folder to be in, and the one with the tests."""
    if suite in _END_TO_END:
        return ROOT / "tests", ROOT / "tests" / _END_TO_END[suite]
    return ROOT / suite, ROOT / suite / "tests"


def _read(suite: str, report: Path, seconds: float) -> Outcome:
    if not report.exists():
        return Outcome(suite, 0, 1, 0, seconds)
    cases = ElementTree.parse(report).getroot().iter("testsuite")
    counts = next(cases).attrib
    failed = int(counts["failures"]) + int(counts["errors"])
    skipped = int(counts["skipped"])
    return Outcome(suite, int(counts["tests"]) - failed - skipped, failed, skipped, seconds)


def _lint() -> Outcome:
    started = time.monotonic()
    failed = sum(_fails(("-m", *command)) for command in _LINTERS)
    return Outcome("lint", len(_LINTERS) - failed, failed, 0, time.monotonic() - started)


def _fails(arguments: Iterable[str]) -> bool:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT).returncode != 0


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except StackError as error:
        sys.exit(str(error))
