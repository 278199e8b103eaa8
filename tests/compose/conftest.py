"""The platform in containers of the tests' own, where an engine answers.

Every session fixture that rests on `api` is here anew: pytest would hand on the native platform's.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from local_stack import certificate

from containers import HAPROXY, Containers, engine_answers
from outside import Smu, Stripe
from platform_client import EVENT_B, Api, Records


@pytest.fixture(scope="session")
def new_containers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Containers]]:
    """Makes projects; whatever they started is gone afterwards."""
    if not engine_answers():
        pytest.skip("no container engine answers")
    made: list[Containers] = []

    def making(*overlays: str, **settings: str) -> Containers:
        made.append(Containers(tmp_path_factory.mktemp("tree"), *overlays, **settings))
        return made[-1]

    yield making
    for containers in made:
        containers.remove()


@pytest.fixture(scope="session")
def certificate_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate with its key, which the gateway's user can read."""
    pem = certificate.ensure(tmp_path_factory.mktemp("tls"))
    pem.chmod(0o644)
    return pem


@pytest.fixture(scope="session")
def platform(new_containers: Callable[..., Containers], certificate_file: Path) -> Containers:
    """All of it, with HAProxy in Kong's place, and a broker's password that needs quoting."""
    odd = 'a "password" \\ with $signs'
    containers = new_containers(HAPROXY, RABBITMQ_PASS=odd, TLS_CERT=str(certificate_file))
    containers.up()
    return containers


@pytest.fixture(scope="session")
def api(platform: Containers) -> Iterator[Api]:
    """Calls through the gateway without a token."""
    with Api(platform.url("GATEWAY_PORT")) as api:
        yield api


@pytest.fixture(scope="session")
def records(platform: Containers) -> Records:
    """What the databases say."""
    return Records(platform.database_url)


@pytest.fixture(scope="session")
def smu(platform: Containers) -> Smu:
    """The codes that were sent."""
    return Smu(platform.url("SMU_PORT"))


@pytest.fixture(scope="session")
def stripe(platform: Containers) -> Stripe:
    """Where top-ups are paid."""
    return Stripe(platform.url("STRIPE_PORT"), platform.settings["STRIPE_WEBHOOK_SECRET"])


@pytest.fixture(scope="session")
def admin(api: Api) -> Api:
    """The seeded admin, logged in."""
    return api.logged_in("admin@example.com", "password123")


@pytest.fixture(scope="session")
def staff(api: Api) -> Api:
    """The seeded member of staff, logged in."""
    return api.logged_in("staff@example.com", "password123")


@pytest.fixture(scope="session")
def _free_seats(api: Api) -> Iterator[str]:
    seats = api.ok("GET", f"/api/events/{EVENT_B}")["seats"]
    return iter([seat["seat_id"] for seat in seats if seat["status"] == "AVAILABLE"])
