"""The concurrency suite: crowds and races on a platform that is audited after each of them.

Each race has its negative control, run on a platform without what keeps its callers apart.
"""

from collections.abc import Iterator

import pytest
from local_stack.stack import ROOT, Stack

from arena import Arena
from scale import IS_FULL, SCALE, SEED
from tally import Tally, write_table
from unguarded import unguard

_TABLE = ROOT / ".local-stack" / "test-logs" / "concurrency.table"
Rows = list[tuple[str, ...]]


@pytest.fixture(scope="session")
def stack_settings() -> dict[str, str]:
    """Quick recovery, short holds, and no limit on how much one asks."""
    limits = ("RATE_LIMIT_PER_MINUTE", "RATE_LIMIT_SCAN_PER_MINUTE", "RATE_LIMIT_AUTH_PER_MINUTE")
    return {
        "HOLD_TTL_SECONDS": str(SCALE.hold_seconds),
        "RECOVERY_INTERVAL_SECONDS": "1",
        "SAGA_STALE_SECONDS": "10",
        "BCRYPT_ROUNDS": "4",
        **dict.fromkeys(limits, "1000000"),
    }


@pytest.fixture(scope="session")
def rows() -> Iterator[Rows]:
    """The lines of the table, which is written at the end."""
    rows: Rows = []
    yield rows
    form = "full (FAULTS=all)" if IS_FULL else "short"
    write_table(_TABLE, f"Concurrency suite, {form} form, CONCURRENCY_SEED={SEED}.", rows)


@pytest.fixture(scope="session")
def _guarded(stack: Stack) -> Arena:
    return Arena.of(stack)


@pytest.fixture
def arena(_guarded: Arena, request: pytest.FixtureRequest, rows: Rows) -> Iterator[Arena]:
    """The platform; audited after the test."""
    _guarded.tally = Tally()
    yield _guarded
    found = _guarded.findings()
    verdict = f"{len(found)} findings" if found else "clean"
    rows.append(_guarded.tally.row(request.node.name, verdict))
    assert not found, found


@pytest.fixture(scope="session")
def _unguarded(_guarded: Arena, tmp_path_factory: pytest.TempPathFactory) -> Arena:
    unguard(_guarded.stack, _guarded.records, tmp_path_factory.mktemp("unguarded"))
    return _guarded


@pytest.fixture
def unguarded(_unguarded: Arena, request: pytest.FixtureRequest, rows: Rows) -> Iterator[Arena]:
    """The platform without what keeps its callers apart; what breaks there stays broken."""
    _unguarded.tally = Tally()
    yield _unguarded
    rows.append(_unguarded.tally.row(request.node.name, "its guards are out"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The negative controls come last: they leave nothing in order."""
    items.sort(key=lambda item: "unguarded" in item.fixturenames)
