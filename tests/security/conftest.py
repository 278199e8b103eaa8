"""A platform for whoever means it ill: nothing ends by itself meanwhile, and no limit is reached
but in the tests of limits.

Whatever a test sends, no process may report a bug of its own or write a line that is no record.
"""

from collections.abc import Iterator

import pytest
from local_stack.stack import Stack

from asking import Door, Keys
from logs import OURS, Logs, complaints
from operations import Operation, operations
from platform_client import Api

_LIMITS = ("RATE_LIMIT_PER_MINUTE", "RATE_LIMIT_SCAN_PER_MINUTE", "RATE_LIMIT_AUTH_PER_MINUTE")


@pytest.fixture(scope="session")
def stack_settings() -> dict[str, str]:
    """Holds as long as they are in earnest, limits that nobody meets."""
    return {"HOLD_TTL_SECONDS": "300", "BCRYPT_ROUNDS": "4", **dict.fromkeys(_LIMITS, "1000000")}


@pytest.fixture(scope="session")
def all_operations(stack: Stack) -> list[Operation]:
    """Everything that can be asked of the platform."""
    return operations(stack)


@pytest.fixture(scope="session")
def doors(all_operations: list[Operation], stack: Stack) -> list[Door]:
    """Every operation at its service and, if it leads there, at the gateway."""
    gateway = stack.ports["gateway"]
    inside = [Door(one, stack.ports[one.service], one.path) for one in all_operations]
    outside = [Door(one, gateway, one.public_path) for one in all_operations if one.public_path]
    assert len(inside) > 70 and len(outside) > 30
    return inside + outside


@pytest.fixture(scope="module")
def keys(api: Api, stack: Stack) -> Keys:
    """The header that opens an operation, by what it needs; an admin's where a user is needed."""
    account = {"email": "admin@example.com", "password": "password123"}
    login = api.ok("POST", "/api/auth/login", **account)
    return {
        "public": (),
        "login": (f"Authorization: Bearer {login['access_token']}",),
        "refresh": (f"Authorization: Bearer {login['refresh_token']}",),
        "internal": (f"X-Internal-Token: {stack.settings['INTERNAL_API_TOKEN']}",),
    }


@pytest.fixture(scope="session")
def _logs(stack: Stack) -> Logs:
    return Logs(stack)


@pytest.fixture(autouse=True)
def logs(_logs: Logs) -> Iterator[Logs]:
    """What is written from now on; in the end nobody may have anything to complain of."""
    _logs.begin_anew()
    yield _logs
    _logs.complete()
    found = [(name, line) for name in OURS for line in complaints(_logs.lines(name))]
    assert not found, found
