"""Those who drive sagas, each a process of its own whose every call the watch sees."""

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
from local_stack.ports import any_free
from local_stack.stack import ROOT, Stack

from common.testing import wait_for
from proxies import BrokerProxy, GrpcProxy, HttpProxy
from watch import Watch

SOURCE = ROOT / "orchestrator-service"
_KEPT = ("PATH", "HOME")


class Proxies:
    """One before each service, and the settings that lead through them."""

    def __init__(self, stack: Stack, watch: Watch) -> None:
        ports = stack.ports
        rest = ("user", "order", "event")
        self._proxies = {name: HttpProxy(name, ports[name], watch) for name in rest}
        self._inventory = GrpcProxy("inventory", ports["inventory"], watch)
        self._broker = BrokerProxy("rabbitmq", ports["rabbitmq"], watch)
        self.user_url = f"http://127.0.0.1:{self._proxies['user'].port}"
        self.settings = {
            **{
                f"{name.upper()}_SERVICE_URL": f"http://127.0.0.1:{proxy.port}"
                for name, proxy in self._proxies.items()
            },
            "INVENTORY_SERVICE_URL": f"127.0.0.1:{self._inventory.port}",
            "RABBITMQ_HOST": "127.0.0.1",
            "RABBITMQ_PORT": str(self._broker.port),
        }

    def close(self) -> None:
        """Take no more connections."""
        for proxy in (*self._proxies.values(), self._inventory, self._broker):
            proxy.close()


class Orchestrator:
    """gunicorn with one worker, which is the driver; the master replaces it when it is killed."""

    def __init__(self, settings: dict[str, str], source: Path = SOURCE) -> None:
        address = f"127.0.0.1:{any_free()}"
        self.url = f"http://{address}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "python:common.gunicorn_conf"]
            + ["--bind", address, "--workers", "1", "src.app:create_app()"],
            cwd=source,
            env=_environment(settings),
        )
        self.wait_until_it_answers()

    def kill(self) -> None:
        """SIGKILL for the driver; returns when it is gone."""
        _kill(psutil.Process(self._process.pid).children())

    def renew(self) -> None:
        """Another driver in its place, which remembers nothing."""
        self.kill()
        self.wait_until_it_answers()

    def wait_until_it_answers(self) -> None:
        """Healthy, as it is also when a driver was killed and replaced."""
        wait_for(lambda: _is_healthy(self.url), "the orchestrator", seconds=30)

    def close(self) -> None:
        """End it."""
        _kill_tree(self._process)


class RecoveryProcess:
    """A recovery beside the stack's own."""

    def __init__(self, settings: dict[str, str], source: Path = SOURCE) -> None:
        port = any_free()
        self._metrics = f"http://127.0.0.1:{port}/metrics"
        own = {"BIND_HOST": "127.0.0.1", "HEALTH_PORT": str(port)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "src.recovery"], cwd=source, env=_environment(settings | own)
        )

    def kill(self) -> None:
        """SIGKILL; returns when it is gone."""
        _kill_tree(self._process)

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def settled(self) -> int:
        """How many sagas it has settled, by its metrics."""
        counted = httpx.get(self._metrics).raise_for_status().text.splitlines()
        return sum(
            int(float(line.rpartition(" ")[2]))
            for line in counted
            if line.startswith("recovery_sagas_total{") and 'outcome="settled"' in line
        )


def _environment(settings: dict[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | settings | {"PYTHONUNBUFFERED": "1"}


def _kill_tree(process: subprocess.Popen) -> None:
    with suppress(psutil.NoSuchProcess):
        _kill([psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)])
    process.wait()


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=10)


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.HTTPError:
        return False
