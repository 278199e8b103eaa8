"""The platform as a whole: quick to start, harmless to start twice, whole again after any death."""

import os
import signal
import ssl
from collections.abc import Callable

import httpx
import pytest
from local_stack.stack import Stack

from common.testing import wait_for
from platform_client import Buyer, process_tree

NewBuyer, NewSeat = Callable[..., Buyer], Callable[[], str]


def test_it_is_healthy_within_a_minute_of_its_start(started: tuple[Stack, float]) -> None:
    _, seconds = started
    assert seconds < 60


def test_starting_it_again_leaves_every_process_alone(stack: Stack) -> None:
    before = {name: stack.pid(name) for name, *_ in stack.status()}
    stack.up()
    assert {name: stack.pid(name) for name, *_ in stack.status()} == before


@pytest.mark.parametrize(
    "name", ["user", "order", "event", "orchestrator", "inventory", "recovery", "gateway"]
)
def test_a_process_that_is_killed_comes_back_and_tickets_are_sold(
    stack: Stack, new_buyer: NewBuyer, new_seat: NewSeat, name: str
) -> None:
    before = process_tree(stack.pid(name))
    os.kill(before[0], signal.SIGKILL)
    # its workers go on answering for a while
    wait_for(lambda: not any(map(is_alive, before)), f"the end of {name}", seconds=30)
    wait_for(stack.is_healthy, "health", seconds=60)
    buyer = new_buyer()
    assert buyer.pay(buyer.reserve(new_seat())["order_id"])["status"] == "CONFIRMED"


def is_alive(pid: int) -> bool:
    return os.path.exists(f"/proc/{pid}")


def test_the_gateway_also_speaks_tls_by_a_certificate_of_its_own(stack: Stack) -> None:
    trusted = ssl.create_default_context(cafile=stack.state_dir / "tls" / "gateway.crt")
    port = stack.ports["gateway_tls"]
    answer = httpx.get(f"https://localhost:{port}/health", verify=trusted)
    assert answer.json()["status"] == "healthy"
