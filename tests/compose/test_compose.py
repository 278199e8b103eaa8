"""The platform in containers: whole from a clean checkout, whole again after any death."""

import re
from collections.abc import Callable

import httpx
import pytest
from local_stack import engine
from local_stack.audit import HOLDS, Audit, report
from local_stack.compose import BASE, DEV, HAPROXY
from local_stack.container_stack import ContainerStack

from common.testing import wait_for
from platform_client import EVENT_B, Api, Buyer, Records

NewContainers, NewBuyer = Callable[..., ContainerStack], Callable[..., Buyer]
NewSeat = Callable[[], str]
SERVERS = {"seats-db", "users-db", "orders-db", "events-db", "rabbitmq"}
OURS = {
    "gateway",
    "user-service",
    "order-service",
    "event-service",
    "inventory-service",
    "orchestrator-service",
    "recovery",
    "smu",
    "stripe",
}
VOLUMES = {"seats_data", "users_data", "orders_data", "events_data", "rabbitmq_data", "stripe_data"}
USER = {"email": "user1@example.com", "password": "password123"}


def test_everything_is_there_and_healthy(stack: ContainerStack, api: Api) -> None:
    assert set(stack.project.inspect()) == SERVERS | OURS
    assert stack.is_healthy()
    assert api.call("GET", "/health").json()["status"] == "healthy"
    assert api.ok("GET", f"/api/events/{EVENT_B}")["total_seats"] == 5000
    assert stack.project.volumes() == VOLUMES


def test_the_audit_reads_every_part(stack: ContainerStack) -> None:
    said: list[str] = []
    assert report(Audit.of(stack), said.append) == HOLDS, said


@pytest.mark.parametrize("service", ["user", "order", "event", "orchestrator"])
def test_a_services_documentation_is_in_its_image(stack: ContainerStack, service: str) -> None:
    base = f"http://127.0.0.1:{stack.ports[service]}"
    page = httpx.get(f"{base}/apidocs/").raise_for_status().text
    files = re.findall(r'(?:src|href)="(/[^"]+)"', page)
    assert any(one.endswith(".js") for one in files)
    for one in files:
        httpx.get(base + one).raise_for_status()


def test_what_is_ours_runs_without_roots_rights_and_can_write_nothing_but_tmp(
    stack: ContainerStack,
) -> None:
    told = stack.project.inspect()
    # Kong's image writes below its own prefix
    for name in OURS - ({"gateway"} if engine.has(engine.KONG) else set()):
        limits = told[name]["HostConfig"]
        assert told[name]["Config"]["User"] not in ("", "0", "root"), name
        assert limits["ReadonlyRootfs"] and limits["CapDrop"] == ["ALL"], name
        assert list(limits["Tmpfs"]) == ["/tmp"], name


def test_only_the_gateway_is_seen_from_other_machines(stack: ContainerStack) -> None:
    for name, told in stack.project.inspect().items():
        bindings = told["HostConfig"]["PortBindings"]
        open_to_all = {
            port for port, hosts in bindings.items() if hosts[0]["HostIp"] != "127.0.0.1"
        }
        assert bindings, name
        assert open_to_all == ({"8000/tcp", "8443/tcp"} if name == "gateway" else set()), name


def test_containers_that_are_all_killed_come_back_and_tickets_are_sold(
    stack: ContainerStack, api: Api, new_buyer: NewBuyer, new_seat: NewSeat, records: Records
) -> None:
    buyer = new_buyer()
    held = buyer.reserve(new_seat())
    paid = buyer.pay(held["order_id"])
    before = stack.project.inspect()
    for name in before:
        # every process but the first, without a chance to tidy up
        stack.project.run("exec", "-T", name, "sh", "-c", "kill -9 -1")

    def came_back() -> bool:
        now = stack.project.inspect()
        return all(now[name]["RestartCount"] > before[name]["RestartCount"] for name in before)

    wait_for(came_back, "every container's restart", seconds=60)
    wait_for(stack.is_healthy, "health", seconds=120)
    wait_for(lambda: api.call("GET", "/health").is_success, "the gateway's way to it", seconds=30)
    records.assert_sold(buyer, held, str(paid["credits_charged"]))
    assert buyer.pay(buyer.reserve(new_seat())["order_id"])["status"] == "CONFIRMED"


@pytest.mark.parametrize("name", ["seats", "users", "orders", "events"])
def test_a_schema_is_applied_again_to_the_data_that_is_there(
    stack: ContainerStack, name: str
) -> None:
    psql = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-U", f"{name}_user", "-d", f"{name}_db"]
    script = "/docker-entrypoint-initdb.d/1-init.sql"
    applied = stack.project.run("exec", "-T", f"{name}-db", *psql, "-f", script)
    assert applied.returncode == 0, applied.stderr


@pytest.mark.parametrize(
    ("service", "setting"),
    [
        ("gateway", "JWT_SECRET"),
        ("rabbitmq", "RABBITMQ_PASS"),
        ("user-service", "JWT_SECRET"),
        ("inventory-service", "INTERNAL_API_TOKEN"),
        ("recovery", "QR_ENCRYPTION_KEY"),
        ("stripe", "STRIPE_WEBHOOK_SECRET"),
    ],
)
def test_without_a_setting_it_needs_nothing_starts_and_says_which(
    stack: ContainerStack, service: str, setting: str
) -> None:
    without = ["--rm", "--no-deps", "-T", "-e", f"{setting}=", service]
    run = stack.project.run("run", *without, seconds=60)
    assert run.returncode != 0
    assert setting in run.stdout + run.stderr


@pytest.mark.parametrize("overlays", [(), (HAPROXY,), (DEV,), (HAPROXY, DEV)])
def test_the_files_fit_together(new_containers: NewContainers, overlays: tuple[str, ...]) -> None:
    told = new_containers(BASE, *overlays).project.run("config", "--services")
    assert set(told.stdout.split()) == SERVERS | OURS


def test_down_keeps_the_data_and_down_with_volumes_drops_it(new_containers: NewContainers) -> None:
    containers = new_containers(BASE)
    containers.up_with("user-service")
    new = {"email": "new@example.com", "password": "password123"}
    with Api(f"http://127.0.0.1:{containers.ports['user']}") as api:
        api.ok("POST", "/api/auth/register", **new)
        containers.project.do("down")
        containers.up_with("user-service")
        assert api.ok("POST", "/api/auth/login", **new)["user"]["role"] == "customer"
        containers.project.do("down", "-v")
        assert containers.project.volumes() == set()
        containers.up_with("user-service")
        assert api.refused("POST", "/api/auth/login", **new) == (401, "UNAUTHORIZED")
        assert api.ok("POST", "/api/auth/login", **USER)["user"]["credit_balance"] == 1000


def test_a_change_of_the_source_is_answered_with_at_once(new_containers: NewContainers) -> None:
    containers = new_containers(BASE, DEV)
    containers.up_with("order-service")
    url = f"http://127.0.0.1:{containers.ports['order']}/health"
    assert name_at(url) == "order-service"
    source = containers.folder / "order-service" / "src" / "app.py"
    source.write_text(source.read_text().replace('service="order-service"', 'service="edited"'))
    wait_for(lambda: name_at(url) == "edited", "the changed answer", seconds=30)


def name_at(url: str) -> str | None:
    """What the service calls itself; None while it starts again."""
    try:
        return httpx.get(url).json()["service"]
    except httpx.HTTPError:
        return None
