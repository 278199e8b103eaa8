"""A platform whose parts find each other over lines that can be cut, and a load on it."""

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from local_stack.native_stack import NativeStack
from local_stack.stack import ROOT, Stack
from xdist.remote import Producer
from xdist.scheduler import LoadScheduling

from common.testing import wait_for
from lines import Lines
from load import Load, Site
from outside import Smu
from part_faults import LINES, Platform
from platform_client import Api, Records
from table import Row, write

_TABLE = ROOT / ".local-stack" / "test-logs" / "part-faults.table"
_ROW = "row of the table"


@pytest.fixture(scope="session")
def _platform(
    tmp_path_factory: pytest.TempPathFactory,
    stack_settings: dict[str, str],
    pytestconfig: pytest.Config,
) -> Iterator[tuple[Platform, float]]:
    """The lines stand before the stack is up, and find each part's port once it is chosen."""
    lines = Lines(LINES, lambda part: stack.ports[_listener(part)])
    stack = NativeStack(
        tmp_path_factory.mktemp("stack"), stack_settings, isolated=True, reached_at=lines.ports
    )
    begun = time.monotonic()
    with closing(lines), stack.running():
        took = time.monotonic() - begun
        _await_others(pytestconfig, tmp_path_factory.getbasetemp().parent)
        yield Platform(stack, lines), took


@pytest.fixture(scope="session")
def platform(_platform: tuple[Platform, float]) -> Platform:
    """The stack with its lines."""
    return _platform[0]


@pytest.fixture(scope="session")
def started(_platform: tuple[Platform, float]) -> tuple[Stack, float]:
    """See the fixture of the same name of all tests."""
    platform, seconds = _platform
    return platform.stack, seconds


@pytest.fixture(scope="session")
def site(api: Api, admin: Api, smu: Smu, records: Records) -> Site:
    """The platform as its customers see it."""
    return Site(api, admin, smu, records)


@pytest.fixture
def load(site: Site) -> Load:
    """A load that has not begun yet."""
    return Load(site)


@pytest.fixture
def rows(record_property: Callable[[str, object], None]) -> Iterator[list[Row]]:
    """The test's lines of the table."""
    rows: list[Row] = []
    yield rows
    for row in rows:
        record_property(_ROW, row.cells())


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScheduling:
    """Each fault goes to whoever is free."""
    return LoadScheduling(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the table, also of what other processes have tried."""
    reports = itertools.chain.from_iterable(terminalreporter.stats.values())
    finished = (one for one in reports if getattr(one, "when", None) == "teardown")
    told = itertools.chain.from_iterable(one.user_properties for one in finished)
    write(_TABLE, [cells for name, cells in told if name == _ROW])


def _await_others(config: pytest.Config, shared: Path) -> None:
    """Where processes share out the faults: what starts a platform leaves no time for another's."""
    if worker := getattr(config, "workerinput", None):
        (shared / f"{worker['workerid']}.up").touch()
        count = worker["workercount"]
        wait_for(lambda: len(list(shared.glob("*.up"))) == count, "the other platforms", 120)


def _listener(part: str) -> str:
    return "postgres" if part.endswith("_db") else part
