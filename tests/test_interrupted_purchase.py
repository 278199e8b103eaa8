"""A purchase that is interrupted anywhere ends sold and charged, or neither; never in between."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from local_stack.stack import Stack

from common.testing import wait_for
from conftest import ROOT
from fault_proxy import Fault, FaultProxy
from platform_client import Api, Buyer, Records

NewBuyer, NewSeat = Callable[..., Buyer], Callable[[], str]


@dataclass
class ShakyOrchestrator:
    """An orchestrator of its own, on the stack's services, with a fault proxy before each."""

    url: str
    process: subprocess.Popen
    users: FaultProxy
    orders: FaultProxy
    inventory: FaultProxy

    def pay(self, buyer: Buyer, held: dict) -> httpx.Response:
        """Pay through this orchestrator."""
        api = buyer.api.at(self.url)
        return api.call("POST", "/api/pay", json={"order_id": held["order_id"]})


@pytest.fixture
def shaky(stack: Stack) -> Iterator[ShakyOrchestrator]:
    users, orders, inventory = (
        FaultProxy(("127.0.0.1", stack.ports[name])) for name in ("user", "order", "inventory")
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "python:common.gunicorn_conf"]
        + ["--bind", address, "--workers", "1", "src.app:create_app()"],
        cwd=ROOT / "orchestrator-service",
        env={
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME")},
            **stack.settings,
            "USER_SERVICE_URL": f"http://127.0.0.1:{users.port}",
            "ORDER_SERVICE_URL": f"http://127.0.0.1:{orders.port}",
            "INVENTORY_SERVICE_URL": f"127.0.0.1:{inventory.port}",
        },
        start_new_session=True,
    )
    url = f"http://{address}"
    wait_for(lambda: is_healthy(url), "the orchestrator", seconds=20)
    yield ShakyOrchestrator(url, process, users, orders, inventory)
    for proxy in (users, orders, inventory):
        proxy.release()
        proxy.close()
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def bought(new_buyer: NewBuyer, new_seat: NewSeat) -> tuple[Buyer, dict]:
    """A buyer, and a seat that is held for him and not paid yet."""
    buyer = new_buyer()
    return buyer, buyer.reserve(new_seat())


def settled(records: Records, held: dict, status: str) -> None:
    wait_for(
        lambda: records.order(held["order_id"]) == (status, None),
        f"the order to be {status}",
        seconds=30,
    )


def kinds(records: Records, held: dict) -> set[str]:
    return set(records.movements(held["order_id"]))


def test_a_charge_whose_answer_is_lost_is_refunded(
    shaky: ShakyOrchestrator, bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    shaky.users.arm(Fault.LOSE_ANSWER, b"/credits/deduct")
    answer = shaky.pay(buyer, held)
    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert shaky.users.struck.is_set()
    records.assert_undone(buyer, held)
    assert kinds(records, held) == {"CHARGE", "REFUND"}


def test_a_sale_whose_answer_is_lost_is_undone_and_refunded(
    shaky: ShakyOrchestrator, bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    shaky.inventory.arm(Fault.LOSE_ANSWER, held["order_id"].encode())
    answer = shaky.pay(buyer, held)
    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert shaky.inventory.answered.is_set()
    records.assert_undone(buyer, held)
    assert records.seat(held["seat_id"]) == ("AVAILABLE", None)
    assert kinds(records, held) == {"CHARGE", "REFUND"}


def test_a_charge_that_comes_after_its_undoing_is_refused(
    shaky: ShakyOrchestrator, bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    shaky.users.arm(Fault.HOLD_REQUEST, b"/credits/deduct")
    assert shaky.pay(buyer, held).status_code == 500
    records.assert_undone(buyer, held)
    shaky.users.release()
    assert shaky.users.answered.wait(10)
    records.assert_undone(buyer, held)
    assert kinds(records, held) == set()


def test_a_sale_that_comes_after_its_undoing_is_refused(
    shaky: ShakyOrchestrator, bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    shaky.inventory.arm(Fault.HOLD_REQUEST, held["order_id"].encode())
    assert shaky.pay(buyer, held).status_code == 500
    records.assert_undone(buyer, held)
    shaky.inventory.release()
    shaky.process.send_signal(signal.SIGTERM)  # its connections end, and the held one is let go
    shaky.process.wait(30)
    assert shaky.inventory.answered.wait(10)
    records.assert_undone(buyer, held)
    assert records.seat(held["seat_id"]) == ("AVAILABLE", None)


def test_a_failing_sale_refunds_and_fails_the_order(
    stack: Stack, bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    name = "refuse_" + held["seat_id"].replace("-", "")
    records.query(
        "inventory",
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'out of order'; END $$;"
        f" CREATE TRIGGER {name} BEFORE UPDATE ON seats FOR EACH ROW"
        f" WHEN (NEW.status = 'SOLD' AND NEW.seat_id = '{held['seat_id']}')"
        f" EXECUTE FUNCTION {name}()",
    )
    refused = buyer.api.refused("POST", "/api/pay", order_id=held["order_id"])
    records.query("inventory", f"DROP FUNCTION {name} CASCADE")
    assert refused == (500, "INTERNAL_ERROR")
    records.assert_undone(buyer, held)
    assert kinds(records, held) == {"CHARGE", "REFUND"}
    assert records.seat(held["seat_id"]) == ("AVAILABLE", None)
    refused = buyer.api.refused("POST", "/api/pay", order_id=held["order_id"])
    assert refused == (409, "SEAT_NOT_HELD")


def test_a_sold_order_whose_last_write_fails_is_completed_by_recovery_and_charged_once(
    shaky: ShakyOrchestrator, bought: tuple[Buyer, dict], records: Records
) -> None:
    buyer, held = bought
    shaky.orders.arm(Fault.HOLD_REQUEST, f"PATCH /orders/{held['order_id']} HTTP".encode())
    answer = shaky.pay(buyer, held)
    assert (answer.status_code, answer.json()["data"]["status"]) == (202, "PENDING")
    settled(records, held, "CONFIRMED")
    shaky.orders.release()
    assert shaky.orders.answered.wait(10)
    price = buyer.order(held["order_id"])["credits_charged"]
    records.assert_sold(buyer, held, str(price))


@pytest.mark.parametrize("service", ["users", "inventory"])
def test_a_driver_that_is_killed_is_followed_by_recovery(
    shaky: ShakyOrchestrator, bought: tuple[Buyer, dict], records: Records, service: str
) -> None:
    buyer, held = bought
    proxy = getattr(shaky, service)
    proxy.arm(Fault.HOLD_REQUEST, held["order_id"].encode())
    paying = threading.Thread(target=lambda: pay_and_lose_the_answer(shaky, buyer, held))
    paying.start()
    assert proxy.struck.wait(10)
    os.killpg(shaky.process.pid, signal.SIGKILL)
    paying.join()
    wait_for(lambda: records.order(held["order_id"])[1] is None, "recovery", seconds=30)
    proxy.release()
    assert proxy.answered.wait(10)
    status, _ = records.order(held["order_id"])
    if status == "CONFIRMED":
        price = buyer.order(held["order_id"])["credits_charged"]
        records.assert_sold(buyer, held, str(price))
    else:
        records.assert_undone(buyer, held)


def pay_and_lose_the_answer(shaky: ShakyOrchestrator, buyer: Buyer, held: dict) -> None:
    with pytest.raises(httpx.HTTPError):
        shaky.pay(buyer, held)


def test_a_frozen_user_service_is_refunded_once_it_thaws(
    stack: Stack, bought: tuple[Buyer, dict], records: Records, api: Api
) -> None:
    buyer, held = bought
    frozen = process_tree(stack.pid("user"))
    signal_all(frozen, signal.SIGSTOP)
    try:
        status, code = buyer.api.refused("POST", "/api/pay", order_id=held["order_id"])
    finally:
        signal_all(frozen, signal.SIGCONT)
    assert (status, code) in [(500, "INTERNAL_ERROR"), (503, "SERVICE_UNAVAILABLE")]
    wait_for(lambda: records.order(held["order_id"])[1] is None, "recovery", seconds=30)
    wait_for(lambda: records.order(held["order_id"])[0] == "FAILED", "the end", seconds=30)
    records.assert_undone(buyer, held)


def process_tree(pid: int) -> list[int]:
    """A process and all that descend from it, by /proc."""
    children = []
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children") as listed:
            children += [int(child) for child in listed.read().split()]
    return [pid, *(one for child in children for one in process_tree(child))]


def signal_all(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, number)
