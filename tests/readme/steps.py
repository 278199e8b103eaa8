"""The README's commands in an order in which they can be typed, each with what must come."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from common.testing import wait_for
from clone import Clone
from platform_client import EVENT_B, Api
from readme_text import beginning_with

Check = Callable[[Clone, str], None]
_USER = {"email": "user1@example.com", "password": "password123"}


def starts(clone: Clone, command: str) -> None:
    """From nothing to a platform, past a port that is taken."""
    said = clone.run(command)
    assert re.search(r"^Port 8000 is taken: gateway listens on \d+ instead\.$", said, re.M), said
    assert "Made .env, with random secrets." in said and "TicketRemaster runs." in said
    assert (clone.folder / ".env").stat().st_mode & 0o777 == 0o600


def goes_on(clone: Clone, command: str) -> None:
    """Harmless where it runs."""
    assert "TicketRemaster runs." in clone.run(command)


def has_health(clone: Clone, command: str) -> None:
    said = clone.run(command)
    assert "UNHEALTHY" not in said and said.count(" healthy") >= 10


def follows(clone: Clone, command: str) -> None:
    clone.shown(command, '"service": "order-service"')


def audits(clone: Clone, command: str) -> None:
    said = clone.run(command)
    assert re.findall(r"^rule (\d)  holds", said, re.M) == list("123456")


def runs_the_collection(clone: Clone, command: str) -> None:
    variables = {
        "baseUrl": "http://localhost:8000",
        "smuUrl": "http://localhost:8090",
        "stripeUrl": "http://localhost:8420",
    }
    more = "".join(f" --env-var {name}={value}" for name, value in variables.items())
    said = clone.run(clone.addressed(command + more))
    assert re.search(r"assertions\s*│\s*[1-9]\d*\s*│\s*0\s*│", said), said[-3000:]


def holds_for_20_seconds(clone: Clone, command: str) -> None:
    clone.run(command)
    with Api(f"http://127.0.0.1:{clone.ports()['gateway']}") as api:
        user = api.logged_in(*_USER.values())
        seats = api.ok("GET", f"/api/events/{EVENT_B}")["seats"]
        free = next(seat["seat_id"] for seat in seats if seat["status"] == "AVAILABLE")
        assert user.ok("POST", "/api/reserve", seat_id=free)["ttl_seconds"] == 20


def takes_up_its_source(clone: Clone, command: str) -> None:
    clone.run(command)
    url = f"http://127.0.0.1:{clone.ports()['order']}/health"
    assert name_at(url) == "order-service"
    source = clone.folder / "order-service" / "src" / "app.py"
    before = source.read_text()
    source.write_text(before.replace('service="order-service"', 'service="edited"'))
    wait_for(lambda: name_at(url) == "edited", "the changed answer", seconds=30)
    source.write_text(before)


def name_at(url: str) -> str | None:
    """What a service calls itself; None while it starts again."""
    try:
        return httpx.get(url).json()["service"]
    except httpx.HTTPError:
        return None


def finds_nothing_to_change(clone: Clone, command: str) -> None:
    before = clone.run("find . -name '*.py' | xargs md5sum")
    clone.run(command)
    assert clone.run("find . -name '*.py' | xargs md5sum") == before


def stops(clone: Clone, command: str) -> None:
    assert "Stopped; the data is kept." in clone.run(command)
    assert "Nothing is running: make up" in clone.run("make status", status=2)


def drops_everything(clone: Clone, command: str) -> None:
    clone.run(command)
    assert not (clone.folder / ".local-stack").exists()


NATIVE, CONTAINERS = "native", "containers"


@dataclass(frozen=True)
class Step:
    """A command, what must come of it, and where it is typed: where nothing is said, in both."""

    command: str
    check: Check
    where: tuple[str, ...] = (NATIVE, CONTAINERS)


FIRST = (
    Step("STACK=native make up", starts, (NATIVE,)),
    Step("STACK=containers make up", starts, (CONTAINERS,)),
    Step("make up", goes_on),
    Step("make status", has_health),
    Step("make logs NAME=order", follows),
    Step("make logs", follows),
)
THEN = (
    Step("make audit", audits),
    Step("python3 local-stack/bootstrap.py local_stack audit", audits),
    Step(beginning_with("cd postman"), runs_the_collection),
    Step("HOLD_TTL_SECONDS=20 make up", holds_for_20_seconds),
    Step("FLASK_DEBUG=1 make up", takes_up_its_source, (NATIVE,)),
    Step("make fmt", finds_nothing_to_change, (NATIVE,)),
    Step("make down", stops),
    Step("make reset", drops_everything),
)
