"""A platform whose sagas are taken up at once, and an orchestrator to be killed at any call."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_stack.stack import Stack
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

sys.path[:0] = [str(Path(__file__).parent)]

import summary  # noqa: E402
from world import World  # noqa: E402

_UNLIMITED = ("RATE_LIMIT_PER_MINUTE", "RATE_LIMIT_SCAN_PER_MINUTE", "RATE_LIMIT_AUTH_PER_MINUTE")
SETTINGS = {
    "HOLD_TTL_SECONDS": "5",
    "RECOVERY_INTERVAL_SECONDS": "0.3",
    "SAGA_STALE_SECONDS": "1",
    "BCRYPT_ROUNDS": "4",
    **dict.fromkeys(_UNLIMITED, "1000000"),
}


class _ByScenario(LoadScopeScheduling):
    """Each test of the matrix goes to whoever is free; a file with its own platform stays whole."""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid if "test_crashes.py" in nodeid else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _ByScenario(config, log)


@pytest.fixture(scope="session")
def stack_settings() -> dict[str, str]:
    return SETTINGS


@pytest.fixture(scope="session")
def world(stack: Stack) -> Iterator[World]:
    """The platform, and who acts on it."""
    world = World(stack)
    yield world
    world.close()


def pytest_configure(config: pytest.Config) -> None:
    """Only the process that shares out the tests keeps the table."""
    if not hasattr(config, "workerinput"):
        summary.begin()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    table = summary.write()
    if table:
        terminalreporter.write(f"\n{table}")
