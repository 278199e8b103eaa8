"""The platform in containers: whole from a clean checkout, whole again after any death."""

import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from common.testing import wait_for
from containers import DEV, HAPROXY, Containers
from deals import Deal
from outside import Smu, Stripe
from platform_client import EVENT_B, Api, Buyer, Records

NewContainers, NewBuyer = Callable[..., Containers], Callable[..., Buyer]
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


def test_everything_is_there_and_healthy(platform: Containers, api: Api) -> None:
    assert set(platform.inspect()) == SERVERS | OURS
    assert platform.are_healthy()
    assert api.call("GET", "/health").json()["status"] == "healthy"
    assert api.ok("GET", f"/api/events/{EVENT_B}")["total_seats"] == 5000
    assert platform.volumes() == VOLUMES


def test_what_is_ours_runs_without_roots_rights_and_can_write_nothing_but_tmp(
    platform: Containers,
) -> None:
    told = platform.inspect()
    for name in OURS:
        limits = told[name]["HostConfig"]
        assert told[name]["Config"]["User"] not in ("", "0", "root"), name
        assert limits["ReadonlyRootfs"] and limits["CapDrop"] == ["ALL"], name
        assert list(limits["Tmpfs"]) == ["/tmp"], name


def test_only_the_gateway_is_seen_from_other_machines(platform: Containers) -> None:
    for name, told in platform.inspect().items():
        bindings = told["HostConfig"]["PortBindings"]
        open_to_all = {
            port for port, hosts in bindings.items() if hosts[0]["HostIp"] != "127.0.0.1"
        }
        assert bindings, name
        assert open_to_all == ({"8000/tcp", "8443/tcp"} if name == "gateway" else set()), name


def test_credits_that_were_bought_buy_a_ticket(
    new_buyer: NewBuyer, new_seat: NewSeat, stripe: Stripe, records: Records
) -> None:
    buyer = new_buyer(credits=0)
    intent = buyer.api.ok("POST", "/api/credits/topup", amount=1000)["payment_intent_id"]
    stripe.pay(intent)
    wait_for(lambda: buyer.balance() == 1000, "the webhook")
    held = buyer.reserve(new_seat())
    paid = buyer.pay(held["order_id"])
    records.assert_sold(buyer, held, str(paid["credits_charged"]))


def test_a_flagged_buyer_pays_with_the_code_that_was_sent(
    api: Api, new_seat: NewSeat, smu: Smu
) -> None:
    buyer = api.logged_in("user2@example.com", "password123")
    order = {"order_id": buyer.ok("POST", "/api/reserve", seat_id=new_seat())["order_id"]}
    assert buyer.refused("POST", "/api/pay", **order) == (428, "OTP_REQUIRED")
    given = {"context": "purchase", "reference_id": order["order_id"]}
    buyer.ok("POST", "/api/verify-otp", **given, otp_code=smu.codes("")[0])
    assert buyer.ok("POST", "/api/pay", **order)["status"] == "CONFIRMED"


def test_a_ticket_changes_hands_with_both_codes_and_lets_its_new_owner_in_once(
    new_buyer: NewBuyer, new_seat: NewSeat, smu: Smu, records: Records, staff: Api
) -> None:
    deal = Deal.of(new_buyer(), new_buyer(), new_seat(), smu, records, price=100).completed()
    deal.assert_with("buyer")
    code = deal.buyer.api.ok("GET", f"/api/tickets/{deal.seat_id}/qr")["qr_payload"]
    hall = staff.ok("GET", f"/api/events/{EVENT_B}")["hall_id"]
    scans = [staff.ok("POST", "/api/verify", qr_payload=code, hall_id=hall) for _ in range(2)]
    assert [scan["result"] for scan in scans] == ["SUCCESS", "DUPLICATE"]


def test_the_scanner_page_is_served_also_over_tls(
    platform: Containers, certificate_file: Path
) -> None:
    trusted = ssl.create_default_context(cafile=certificate_file.with_name("gateway.crt"))
    url = platform.url("GATEWAY_TLS_PORT", "https")
    page = httpx.get(f"{url}/scanner/", verify=trusted)
    assert page.status_code == 200 and page.headers["Content-Type"].startswith("text/html")


def test_containers_that_are_all_killed_come_back_and_tickets_are_sold(
    platform: Containers, api: Api, new_buyer: NewBuyer, new_seat: NewSeat, records: Records
) -> None:
    buyer = new_buyer()
    held = buyer.reserve(new_seat())
    paid = buyer.pay(held["order_id"])
    before = platform.inspect()
    for name in before:
        platform.kill(name)

    def came_back() -> bool:
        now = platform.inspect()
        return all(now[name]["RestartCount"] > before[name]["RestartCount"] for name in before)

    wait_for(came_back, "every container's restart", seconds=60)
    wait_for(platform.are_healthy, "health", seconds=120)
    wait_for(lambda: api.call("GET", "/health").is_success, "the gateway's way to it", seconds=30)
    records.assert_sold(buyer, held, str(paid["credits_charged"]))
    assert buyer.pay(buyer.reserve(new_seat())["order_id"])["status"] == "CONFIRMED"


@pytest.mark.parametrize("name", ["seats", "users", "orders", "events"])
def test_a_schema_is_applied_again_to_the_data_that_is_there(
    platform: Containers, name: str
) -> None:
    psql = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-U", f"{name}_user", "-d", f"{name}_db"]
    script = "/docker-entrypoint-initdb.d/1-init.sql"
    platform.compose("exec", "-T", f"{name}-db", *psql, "-f", script)
    assert platform.are_healthy()


@pytest.mark.parametrize(
    ("service", "setting"),
    [
        ("gateway", "JWT_SECRET"),
        ("rabbitmq", "RABBITMQ_PASS"),
        ("inventory-service", "INTERNAL_API_TOKEN"),
        ("recovery", "QR_ENCRYPTION_KEY"),
        ("stripe", "STRIPE_WEBHOOK_SECRET"),
    ],
)
def test_without_a_setting_it_needs_nothing_starts_and_says_which(
    platform: Containers, service: str, setting: str
) -> None:
    without = ["--rm", "--no-deps", "-T", "-e", f"{setting}=", service]
    run = platform.compose("run", *without, check=False, seconds=60)
    assert run.returncode != 0
    assert setting in run.stdout + run.stderr


@pytest.mark.parametrize("overlays", [(), (HAPROXY,), (DEV,), (HAPROXY, DEV)])
def test_the_files_fit_together(new_containers: NewContainers, overlays: tuple[str, ...]) -> None:
    told = new_containers(*overlays).compose("config", "--services")
    assert set(told.stdout.split()) == SERVERS | OURS


def test_down_keeps_the_data_and_down_with_volumes_drops_it(new_containers: NewContainers) -> None:
    containers = new_containers()
    containers.up("user-service")
    new = {"email": "new@example.com", "password": "password123"}
    with Api(containers.url("USER_PORT")) as api:
        api.ok("POST", "/api/auth/register", **new)
        containers.compose("down")
        containers.up("user-service")
        assert api.ok("POST", "/api/auth/login", **new)["user"]["role"] == "customer"
        containers.compose("down", "-v")
        assert containers.volumes() == set()
        containers.up("user-service")
        assert api.refused("POST", "/api/auth/login", **new) == (401, "UNAUTHORIZED")
        assert api.ok("POST", "/api/auth/login", **USER)["user"]["credit_balance"] == 1000


def test_a_change_of_the_source_is_answered_with_at_once(new_containers: NewContainers) -> None:
    containers = new_containers(DEV)
    containers.up("order-service")
    url = containers.url("ORDER_PORT") + "/health"
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
