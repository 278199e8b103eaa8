"""The limits beside the platform: the same row work by pgbench, and a server that does nothing."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from local_stack import packages, ports
from local_stack.settings import clean_environment
from local_stack.stack import ROOT

from bench.cpu import Meter
from bench.site import PRICE, SERVICES, Site
from common.testing import wait_for

_SQL = Path(__file__).with_name("sql")
_CLIENTS = 8
_MOST_TURNS = 20_000  # of a client: what its rows are numbered by
_TPS = re.compile(r"^tps = ([\d.]+) \(without", re.M)


@dataclass(frozen=True)
class RowWork:
    """What the statements of a purchase cost in one database."""

    database: str
    per_second: float
    cpu: float  # milliseconds of PostgreSQL for each


def row_work(site: Site, meter: Meter, turns: int) -> list[RowWork]:
    """The statements of a purchase in each database, by pgbench, prepared, over 8 connections.

    `turns` of them on each. What they leave behind is whole: a seat sold, an order confirmed and a
    charge for each turn.
    """
    found = []
    rows = {"clients": _CLIENTS, "turns": turns, "most": _MOST_TURNS, "price": PRICE}
    for service in SERVICES:
        site.query(service, (_SQL / f"{service}_rows.sql").read_text(), **rows)
    for service in ("user", "order", "inventory"):
        before = meter.read()
        told = _pgbench(site, service, turns)
        spent = meter.read() - before
        cpu = spent.by_process["postgres"] * 1000 / (_CLIENTS * turns)
        found.append(RowWork(service, float(_TPS.search(told)[1]), round(cpu, 3)))
    return found


def _pgbench(site: Site, service: str, turns: int) -> str:
    program = packages.postgres_binaries() / "pgbench"
    options = ["--no-vacuum", "--protocol=prepared", f"--client={_CLIENTS}", "--jobs=1"]
    options += [f"--transactions={turns}", "--define=turn=0"]
    options += [f"--define=most={_MOST_TURNS}", f"--define=price={PRICE}"]
    options.append(f"--file={_SQL / f'{service}_purchase.sql'}")
    return subprocess.run(
        [program, *options, site.stack.database_url(service)],
        check=True,
        capture_output=True,
        text=True,
        env=clean_environment(),
    ).stdout


@dataclass(frozen=True)
class Hello:
    """The address of a gateway before a service that only says hello, and their processes."""

    url: str
    pids: dict[str, int]


@contextmanager
def hello(folder: Path, site: Site) -> Iterator[Hello]:
    """A gateway and a service like the platform's, for the block; nothing is done in them.

    They listen before they work: the first answers are not to be counted.
    """
    service, gateway = ports.any_free(), ports.any_free()
    environment = {**clean_environment(), **site.stack.settings}
    metrics = folder / "metrics"
    metrics.mkdir(parents=True)
    rendered = folder / "haproxy.cfg"
    command = [sys.executable, "render_haproxy.py", "-o", rendered]
    command += ["--bind", f"127.0.0.1:{gateway}"]
    for name in ("user", "event", "orchestrator"):
        command += ["--upstream", f"{name}-service=127.0.0.1:{service}"]
    subprocess.run(command, cwd=ROOT / "api-gateway", env=environment, check=True)
    server = [sys.executable, "-m", "gunicorn", "-c", "python:common.gunicorn_conf"]
    server += ["--bind", f"127.0.0.1:{service}", "bench.hello:create_app()"]
    proxy = [packages.haproxy_program(), "-q", "-db", "-f", str(rendered)]
    environment["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    with _running(server, environment) as of_server, _running(proxy, environment) as of_proxy:
        for port in (service, gateway):
            wait_for(lambda port=port: not ports.is_free(port), "a server that says hello", 30)
        yield Hello(
            f"http://127.0.0.1:{gateway}", {"gateway": of_proxy.pid, "service": of_server.pid}
        )


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(15)
