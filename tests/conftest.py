"""The whole platform on a stack of its own: free ports, its own data, short holds."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "local-stack"), str(Path(__file__).parent)]

from local_stack.stack import Stack  # noqa: E402

from platform_client import EVENT_B, Api, Buyer, Records  # noqa: E402

HOLD_TTL_SECONDS = 6


@pytest.fixture(scope="session")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, float]]:
    """The platform, native, through its rendered gateway, and how many seconds it took to start."""
    stack = Stack(
        state_dir=tmp_path_factory.mktemp("stack"),
        isolated=True,
        settings={
            "HOLD_TTL_SECONDS": str(HOLD_TTL_SECONDS),
            "RECOVERY_INTERVAL_SECONDS": "1",
            "SAGA_STALE_SECONDS": "4",
            "BCRYPT_ROUNDS": "4",
            "RATE_LIMIT_PER_MINUTE": "1000000",
            "RATE_LIMIT_SCAN_PER_MINUTE": "1000000",
            "RATE_LIMIT_AUTH_PER_MINUTE": "1000000",
        },
    )
    try:
        before = time.monotonic()
        stack.up()
        yield stack, time.monotonic() - before
    finally:
        stack.reset()


@pytest.fixture(scope="session")
def stack(started: tuple[Stack, float]) -> Stack:
    """The platform."""
    return started[0]


@pytest.fixture(scope="session")
def api(stack: Stack) -> Iterator[Api]:
    """Calls through the gateway without a token."""
    with Api(stack.gateway_url) as api:
        yield api


@pytest.fixture(scope="session")
def records(stack: Stack) -> Records:
    """What the databases say."""
    return Records(stack.database_url)


@pytest.fixture(scope="session")
def admin(api: Api) -> Api:
    """The seeded admin, logged in."""
    return api.logged_in("admin@example.com", "password123")


@pytest.fixture
def new_buyer(api: Api, admin: Api) -> Callable[..., Buyer]:
    """Registers a user, logs in, and gives credits."""

    def making(credits: float = 1000) -> Buyer:
        return Buyer.register(api, admin, credits)

    return making


@pytest.fixture(scope="session")
def _free_seats(api: Api) -> Iterator[str]:
    seats = api.ok("GET", f"/api/events/{EVENT_B}")["seats"]
    return iter([seat["seat_id"] for seat in seats if seat["status"] == "AVAILABLE"])


@pytest.fixture
def new_seat(_free_seats: Iterator[str]) -> Callable[[], str]:
    """A seat of the hall-sized event that no other test touches."""
    return lambda: next(_free_seats)
