"""The documentation of a platform of its own, freshly seeded: what is tried here is left lying.

Every fixture that rests on `stack` is here anew: pytest would hand on the other platform's.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from local_stack.native_stack import NativeStack
from local_stack.stack import Stack

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "scanner")]

from documented import SERVICES, Documented, DocumentedApi, Tokens  # noqa: E402
from gate import Gate  # noqa: E402
from outside import Smu  # noqa: E402
from platform_client import EVENT_B, Api, Records  # noqa: E402


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The platform, with nothing in it but the demo data."""
    limits = ("RATE_LIMIT_PER_MINUTE", "RATE_LIMIT_SCAN_PER_MINUTE", "RATE_LIMIT_AUTH_PER_MINUTE")
    settings = {"BCRYPT_ROUNDS": "4", **dict.fromkeys(limits, "1000000")}
    folder = tmp_path_factory.mktemp("documented")
    with NativeStack(folder, settings=settings, isolated=True).running() as stack:
        yield stack


@pytest.fixture(scope="package")
def services(stack: Stack) -> dict[str, Documented]:
    """Every service as it describes itself."""
    return {name: Documented.at(f"http://127.0.0.1:{stack.ports[name]}") for name in SERVICES}


@pytest.fixture(scope="package")
def api(stack: Stack, services: dict[str, Documented]) -> Iterator[Api]:
    """Calls through the gateway; those who log in with it are checked as it is."""
    with DocumentedApi(stack.gateway_url, services) as api:
        yield api


@pytest.fixture(scope="package")
def admin(api: Api) -> Api:
    """The seeded admin, logged in."""
    return api.logged_in("admin@example.com", "password123")


@pytest.fixture(scope="package")
def records(stack: Stack) -> Records:
    """What the databases say."""
    return Records(stack.database_url)


@pytest.fixture(scope="package")
def smu(stack: Stack) -> Smu:
    """The codes that were sent."""
    return Smu(stack.settings["SMU_API_URL"])


@pytest.fixture(scope="package")
def gate(api: Api, stack: Stack) -> Gate:
    """The gate of the hall-sized event."""
    hall = api.ok("GET", f"/api/events/{EVENT_B}")["hall_id"]
    staff = api.logged_in("staff@example.com", "password123")
    return Gate(staff, hall, stack.settings["QR_ENCRYPTION_KEY"])


@pytest.fixture(scope="package")
def _free_seats(api: Api) -> Iterator[str]:
    seats = api.ok("GET", f"/api/events/{EVENT_B}")["seats"]
    return iter([seat["seat_id"] for seat in seats if seat["status"] == "AVAILABLE"])


@pytest.fixture
def tokens_of(api: Api, stack: Stack) -> Callable[[str], Tokens]:
    """The tokens of a seeded user: of two new logins, so that ending one leaves the other."""

    def logging_in(email: str) -> Tokens:
        account = {"email": email, "password": "password123"}
        access, refresh = (api.ok("POST", "/api/auth/login", **account) for _ in range(2))
        return {
            "bearer": access["access_token"],
            "refreshToken": refresh["refresh_token"],
            "internalToken": stack.settings["INTERNAL_API_TOKEN"],
        }

    return logging_in
