"""A platform of its own for the audit: what is broken there by hand breaks no other test.

Every fixture that rests on `stack` is here anew: pytest would hand on the other platform's.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from local_stack.audit import Audit
from local_stack.native_stack import NativeStack
from local_stack.stack import Stack

sys.path[:0] = [str(Path(__file__).parent)]

from gate import Gate  # noqa: E402
from history import History  # noqa: E402
from outside import Smu, Stripe  # noqa: E402
from platform_client import EVENT_B, Api, Records  # noqa: E402

Findings = list[tuple[int, dict[str, str]]]


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The platform; holds live as long as they do in earnest."""
    limits = ("RATE_LIMIT_PER_MINUTE", "RATE_LIMIT_SCAN_PER_MINUTE", "RATE_LIMIT_AUTH_PER_MINUTE")
    quick = {"RECOVERY_INTERVAL_SECONDS": "1", "SAGA_STALE_SECONDS": "4", "BCRYPT_ROUNDS": "4"}
    settings = {**quick, **dict.fromkeys(limits, "1000000")}
    folder = tmp_path_factory.mktemp("audited")
    with NativeStack(folder, settings=settings, isolated=True).running() as stack:
        yield stack


@pytest.fixture(scope="package")
def api(stack: Stack) -> Iterator[Api]:
    """Calls through the gateway without a token."""
    with Api(stack.gateway_url) as api:
        yield api


@pytest.fixture(scope="package")
def admin(api: Api) -> Api:
    """The seeded admin, logged in."""
    return api.logged_in("admin@example.com", "password123")


@pytest.fixture(scope="package")
def staff(api: Api) -> Api:
    """The seeded member of staff, logged in."""
    return api.logged_in("staff@example.com", "password123")


@pytest.fixture(scope="package")
def records(stack: Stack) -> Records:
    """What the databases say."""
    return Records(stack.database_url)


@pytest.fixture(scope="package")
def smu(stack: Stack) -> Smu:
    """The codes that were sent."""
    return Smu(stack.settings["SMU_API_URL"])


@pytest.fixture(scope="package")
def stripe(stack: Stack) -> Stripe:
    """Where top-ups are paid."""
    return Stripe(stack.settings["STRIPE_API_BASE"], stack.settings["STRIPE_WEBHOOK_SECRET"])


@pytest.fixture(scope="package")
def gate(api: Api, staff: Api, stack: Stack) -> Gate:
    """The gate of the hall-sized event."""
    hall = api.ok("GET", f"/api/events/{EVENT_B}")["hall_id"]
    return Gate(staff, hall, stack.settings["QR_ENCRYPTION_KEY"])


@pytest.fixture(scope="package")
def _free_seats(api: Api) -> Iterator[str]:
    seats = api.ok("GET", f"/api/events/{EVENT_B}")["seats"]
    return iter([seat["seat_id"] for seat in seats if seat["status"] == "AVAILABLE"])


@pytest.fixture(scope="package")
def history(
    api: Api, admin: Api, gate: Gate, smu: Smu, records: Records, _free_seats: Iterator[str]
) -> History:
    """Orders and transfers in every state, and a guest who went in."""
    return History.made(api, admin, gate, smu, records, _free_seats)


@pytest.fixture
def findings(stack: Stack) -> Callable[..., Findings]:
    """Audits the platform: rules that are broken, with the IDs."""

    def finding(**options: Any) -> Findings:
        parts = list(Audit.of(stack, **options).parts())
        assert not [one for part in parts for one in part["unsettled"]]
        return [(one["rule"], one["ids"]) for part in parts for one in part["findings"]]

    return finding
