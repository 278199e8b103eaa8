"""The whole platform on a stack of its own: free ports, its own data, short holds."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "local-stack"), str(Path(__file__).parent)]

from local_stack.container_stack import ContainerStack  # noqa: E402
from local_stack.native_stack import NativeStack  # noqa: E402
from local_stack.stack import Stack  # noqa: E402

from deals import Deal  # noqa: E402
from gate import Gate  # noqa: E402
from outside import Smu, Stripe  # noqa: E402
from platform_client import EVENT_B, HOLD_TTL_SECONDS, Api, Buyer, Records  # noqa: E402
from shaky_orchestrator import ShakyOrchestrator, shaky_orchestrator  # noqa: E402

# Suites with a platform of their own kind, each in a process of its own (local_stack.run_tests).
_APART = ("faults", "security")
_SETTINGS = {
    "HOLD_TTL_SECONDS": str(HOLD_TTL_SECONDS),
    "RECOVERY_INTERVAL_SECONDS": "1",
    "SAGA_STALE_SECONDS": "4",
    "BCRYPT_ROUNDS": "4",
    "RATE_LIMIT_PER_MINUTE": "1000000",
    "RATE_LIMIT_SCAN_PER_MINUTE": "1000000",
    "RATE_LIMIT_AUTH_PER_MINUTE": "1000000",
}
_KEPT = ROOT / ".local-stack" / "test-logs"
_IN_CONTAINERS = os.environ.get("STACK") == "containers"

# audit and apidocs start platforms of their own, and look at what is the same in containers
collect_ignore = ["audit", "apidocs"] if _IN_CONTAINERS else ["compose"]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what is a suite apart, unless it is named."""
    named = any(collection_path.name in Path(argument).parts for argument in config.args)
    return True if collection_path.name in _APART and not named else None


class _ByFolder(LoadScopeScheduling):
    """Where several processes share out the tests, a file stays whole, and so does a folder.

    Its own, because pytest-xdist's loadgroup puts marks into names that pytest 9.2 no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("/")[0].partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return _ByFolder(config, log)


@pytest.fixture(scope="session")
def stack_settings() -> dict[str, str]:
    """What the platform's settings are; a suite apart may have others."""
    return _SETTINGS


@pytest.fixture(scope="session")
def started(
    tmp_path_factory: pytest.TempPathFactory,
    stack_settings: dict[str, str],
    request: pytest.FixtureRequest,
) -> Iterator[tuple[Stack, float]]:
    """The platform through its gateway, and how many seconds it took to start.

    Its processes are this machine's, or containers where STACK says so. Where a test fails, what
    they wrote is kept in .local-stack/test-logs/.
    """
    folder = tmp_path_factory.mktemp("stack")
    stack: Stack
    if _IN_CONTAINERS:
        # a broker's password that needs quoting
        odd = {"RABBITMQ_PASS": 'a "password" \\ with $signs'}
        stack = ContainerStack(ROOT, folder, settings=stack_settings | odd, isolated=True)
        stack.project.do("build")  # what has to be fetched for that is no part of a start
    else:
        stack = NativeStack(folder, settings=stack_settings, isolated=True)
    before = time.monotonic()
    with stack.running():
        yield stack, time.monotonic() - before
        if request.session.testsfailed:
            suite = request.config.rootpath.name
            _keep_logs(stack, f"{suite}{os.environ.get('PYTEST_XDIST_WORKER', '')}-stack")


def _keep_logs(stack: Stack, name: str) -> None:
    folder = _KEPT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for process, *_ in stack.status():
        shutil.copy(stack.log(process), folder)


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


@pytest.fixture(scope="session")
def smu(stack: Stack) -> Smu:
    """The codes that were sent."""
    return Smu(stack.settings["SMU_API_URL"])


@pytest.fixture(scope="session")
def stripe(stack: Stack) -> Stripe:
    """Where top-ups are paid."""
    return Stripe(stack.settings["STRIPE_API_BASE"], stack.settings["STRIPE_WEBHOOK_SECRET"])


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


@pytest.fixture
def new_deal(
    new_buyer: Callable[..., Buyer], new_seat: Callable[[], str], smu: Smu, records: Records
) -> Callable[..., Deal]:
    """A seat just sold to a seller, and a buyer for it."""

    def making(price: float = 100, buyer_credits: float = 1000) -> Deal:
        parties = new_buyer(credits=1000), new_buyer(credits=buyer_credits)
        return Deal.of(*parties, new_seat(), smu, records, price)

    return making


@pytest.fixture
def shaky(stack: Stack) -> Iterator[ShakyOrchestrator]:
    """An orchestrator whose calls can be made to break."""
    with shaky_orchestrator(stack) as orchestrator:
        yield orchestrator


@pytest.fixture
def without_recovery(stack: Stack) -> Iterator[Callable[[], None]]:
    """Keeps recovery away until the fixture's value is called."""
    stack.stop("recovery")
    yield lambda: stack.start("recovery")
    stack.start("recovery")


@pytest.fixture(scope="session")
def staff(api: Api) -> Api:
    """The seeded member of staff, logged in."""
    return api.logged_in("staff@example.com", "password123")


@pytest.fixture(scope="session")
def gate(api: Api, staff: Api, stack: Stack) -> Gate:
    """The gate of the hall-sized event."""
    hall = api.ok("GET", f"/api/events/{EVENT_B}")["hall_id"]
    return Gate(staff, hall, stack.settings["QR_ENCRYPTION_KEY"])


@pytest.fixture
def bought(new_buyer: Callable[..., Buyer], new_seat: Callable[[], str]) -> tuple[Buyer, str, str]:
    """Who bought a seat, which one, and the code that came with it."""
    buyer, seat_id = new_buyer(), new_seat()
    return buyer, seat_id, buyer.pay(buyer.reserve(seat_id)["order_id"])["qr_payload"]
