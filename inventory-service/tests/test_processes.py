"""The service as it is started: `python -m src.main`."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from common.sidecar import create_sidecar
from common.testing import INTERNAL_TOKEN, wait_for
from src import main
from src.clients.order_client import OrderClient
from src.consumers.seat_release_consumer import SeatReleaseConsumer
from src.services.hold_expiry import HoldExpiry
from src.settings import SERVICE as SERVICE_NAME

from broker import Broker

from calls import Inventory
from conftest import (
    SERVICE,
    free_port,
    inventory_client,
    locked,
    running_service,
    serving,
)

WORKERS = 2


@pytest.fixture
def ports():
    # no broker: these tests must not eat from the platform's own queue
    return {
        "grpc_port": free_port(),
        "health_port": free_port(),
        "grpc_workers": WORKERS,
        "rabbitmq_port": 1,
    }


def children(pid: int) -> set[int]:
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def started(process, ports) -> set[int]:
    """The workers, once the service answers."""
    wait_for(lambda: serving(ports["grpc_port"]), "the gRPC port", 20)
    return wait_for(lambda: children(process.pid), "the workers")


def test_sigterm_leaves_no_process(settings, ports):
    with running_service(settings, **ports) as process:
        workers = started(process, ports)
        assert len(workers) == WORKERS
        process.terminate()
        assert process.wait(5) == 0
        assert not any(map(alive, workers))


def test_a_worker_that_is_killed_is_replaced_and_the_service_goes_on(settings, ports, store):
    with running_service(settings, **ports) as process:
        victim, *_ = before = started(process, ports)
        os.kill(victim, signal.SIGKILL)
        wait_for(
            lambda: victim not in children(process.pid) and len(children(process.pid)) == WORKERS,
            "a new worker",
        )
        assert children(process.pid) != before
        inventory = Inventory(inventory_client(ports["grpc_port"]))
        for seat in store.seats(8):
            assert inventory.reserve(seat, uuid4(), uuid4())


def test_no_worker_outlives_a_parent_that_is_killed(settings, ports):
    with running_service(settings, **ports) as process:
        workers = started(process, ports)
        process.kill()
        process.wait()
        wait_for(lambda: not any(map(alive, workers)), "the workers to end")


def test_calls_at_work_are_finished_before_the_end(settings, ports, store, database):
    seat, user, hold = store.seat(), uuid4(), uuid4()
    with running_service(settings, **ports) as process, ThreadPoolExecutor(1) as pool:
        started(process, ports)
        inventory = Inventory(inventory_client(ports["grpc_port"]))
        inventory.reserve(seat, user, hold)
        with locked(database, seat):
            confirmed = pool.submit(inventory.confirm, seat, user, hold)
            wait_for(lambda: waits_for_a_lock(store), "the call to wait")
            process.terminate()
        assert confirmed.result(30) is True
        assert process.wait(30) == 0


def waits_for_a_lock(store) -> bool:
    return bool(
        store.sql(
            "SELECT FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
    )


def test_a_port_that_is_taken_stops_the_start_and_is_named(settings, ports, monkeypatch, caplog):
    monkeypatch.setattr(main, "_WAIT_FOR_PORT_SECONDS", 0.2)
    with running_service(settings, **ports) as process:
        started(process, ports)
        with pytest.raises(SystemExit):
            main._demand_free_port("127.0.0.1", ports["grpc_port"])
    assert [record.port for record in caplog.records] == [ports["grpc_port"]]


def test_a_missing_setting_stops_the_start_and_is_named():
    bare = {"PATH": os.environ["PATH"], "INTERNAL_API_TOKEN": "token"}
    ended = subprocess.run(
        [sys.executable, "-m", "src.main"], cwd=SERVICE, env=bare, capture_output=True, timeout=30
    )
    assert ended.returncode == 3
    assert b"DB_HOST" in ended.stdout and b"ORDER_SERVICE_URL" in ended.stdout
    assert ended.stderr == b""


def test_health_says_which_dependency_is_away(settings, ports):
    with running_service(settings, **ports) as process:
        started(process, ports)
        url = f"http://127.0.0.1:{ports['health_port']}"
        wait_for(lambda: responds(url), "the health port")
        answer = httpx.get(f"{url}/health")
        assert answer.status_code == 503
        assert answer.json()["status"] == "unhealthy"
        assert answer.json()["checks"] == {"database": "connected", "rabbitmq": "disconnected"}
        assert "holds_swept_total" in httpx.get(f"{url}/metrics").text


def responds(url: str) -> bool:
    try:
        httpx.get(f"{url}/health")
    except httpx.HTTPError:
        return False
    return True


def test_health_is_200_while_database_and_broker_answer(settings, rabbit, database):
    broker, orders = Broker(rabbit), OrderClient(settings.order_service_url, INTERNAL_TOKEN)
    expiry = HoldExpiry(database)
    consumer = SeatReleaseConsumer(rabbit, expiry, orders, broker.release_queue, broker.parking)
    checks = {"database": database.ping, "rabbitmq": consumer.ping}
    client = create_sidecar(SERVICE_NAME, INTERNAL_TOKEN, checks).test_client()
    assert client.get("/health").status_code == 503
    consumer.start()
    answer = wait_for(
        lambda: (answer := client.get("/health")).status_code == 200 and answer, "good health"
    )
    broker.remove()
    assert answer.status_code == 200
    assert answer.json["checks"] == {"database": "connected", "rabbitmq": "connected"}
    assert answer.json["service"] == "inventory-service"
