"""An orchestrator of its own on the stack's services, with a fault proxy before each."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from local_stack.ports import any_free
from local_stack.stack import Stack

from common.testing import wait_for
from fault_proxy import FaultProxy

ROOT = Path(__file__).parents[1]
STATUS_OF_CALL = b"\x01\x05\x00\x00"  # HTTP/2: a HEADERS frame that ends its stream


@dataclass
class ShakyOrchestrator:
    """Where to call it, and what can be made to break."""

    url: str
    process: subprocess.Popen
    users: FaultProxy
    orders: FaultProxy
    inventory: FaultProxy

    def be_killed(self, call: Callable[[], httpx.Response], proxy: FaultProxy) -> None:
        """Make the call, and end the orchestrator as soon as the armed `proxy` strikes."""
        with ThreadPoolExecutor(1) as pool:
            calling = pool.submit(call)
            assert proxy.struck.wait(10)
            os.killpg(self.process.pid, signal.SIGKILL)
            with pytest.raises(httpx.HTTPError):
                calling.result()


@contextmanager
def shaky_orchestrator(stack: Stack, **settings: str) -> Iterator[ShakyOrchestrator]:
    """Started and healthy, with settings of its own if so wished; gone afterwards."""
    users, orders, inventory = (
        FaultProxy(("127.0.0.1", stack.ports[name])) for name in ("user", "order", "inventory")
    )
    address = f"127.0.0.1:{any_free()}"
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
            **settings,
        },
        start_new_session=True,
    )
    url = f"http://{address}"
    try:
        wait_for(lambda: _is_healthy(url), "the orchestrator", seconds=20)
        yield ShakyOrchestrator(url, process, users, orders, inventory)
    finally:
        for proxy in (users, orders, inventory):
            proxy.release()
            proxy.close()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.HTTPError:
        return False
