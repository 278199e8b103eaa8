"""The process table: what runs, where, with which environment, and how to see that it works."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from . import packages
from .ports import is_free
from .postgres import DATABASES, Postgres
from .rabbitmq import RabbitMQ
from .settings import clean_environment

# epmd before RabbitMQ, which would start an unsupervised one
SERVERS = ("epmd", "postgres", "rabbitmq")
_REST = ("user", "order", "event", "orchestrator")


@dataclass(frozen=True)
class Process:
    """One supervised process; `is_healthy` asks it."""

    name: str
    command: list[str]
    cwd: Path
    environment: dict[str, str]
    is_healthy: Callable[[], bool]
    port: int | None = None
    user: int | None = None
    group: int | None = None
    fresh_folder: Path | None = field(default=None)


def servers(postgres: Postgres, rabbitmq: RabbitMQ, ports: dict[str, int]) -> list[Process]:
    """PostgreSQL and RabbitMQ."""
    base, root = clean_environment(), Path("/")
    user = postgres.user
    return [
        Process(
            "postgres",
            postgres.command,
            root,
            base,
            postgres.is_up,
            ports["postgres"],
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
        ),
        Process(
            "epmd",
            rabbitmq.epmd_command,
            root,
            base,
            lambda: not is_free(ports["epmd"]),
            ports["epmd"],
        ),
        Process(
            "rabbitmq",
            rabbitmq.command,
            root,
            {**base, **rabbitmq.environment},
            rabbitmq.is_up,
            ports["rabbitmq"],
        ),
    ]


def services(
    root: Path,
    state_dir: Path,
    ports: dict[str, int],
    reached: dict[str, int],
    settings: dict[str, str],
) -> list[Process]:
    """The platform's own processes; each finds its database where `reached` says."""
    base = {
        "WEB_CONCURRENCY": "2",
        **clean_environment(),
        **settings,
        "PATH": f"{Path(sys.executable).parent}:{clean_environment().get('PATH', '')}",
        "PYTHONUNBUFFERED": "1",
    }
    databases = {name: _database(name, reached, settings) for name in DATABASES}
    return [
        *(
            _rest(name, root, state_dir, ports[name], {**base, **databases.get(name, {})})
            for name in _REST
        ),
        _inventory(root, ports, {**base, **databases["inventory"]}),
        _recovery(root, ports, base),
        _gateway(root, state_dir, ports, base),
    ]


def found_at(ports: dict[str, int], reached_at: dict[str, int]) -> dict[str, int]:
    """The port at which the others find each process, and each service its database.

    That is the part's own, unless `reached_at` names another.
    """
    databases = {f"{service}_db": ports["postgres"] for service in DATABASES}
    return {**ports, **databases, **reached_at}


def addresses(reached: dict[str, int]) -> dict[str, str]:
    """The settings that say where everything is."""
    return {
        "RABBITMQ_HOST": "127.0.0.1",
        "RABBITMQ_PORT": str(reached["rabbitmq"]),
        "INVENTORY_SERVICE_URL": f"127.0.0.1:{reached['inventory']}",
        "USER_SERVICE_URL": f"http://127.0.0.1:{reached['user']}",
        "ORDER_SERVICE_URL": f"http://127.0.0.1:{reached['order']}",
        "EVENT_SERVICE_URL": f"http://127.0.0.1:{reached['event']}",
    }


def _rest(
    name: str, root: Path, state_dir: Path, port: int, environment: dict[str, str]
) -> Process:
    metrics = state_dir / "metrics" / name
    return Process(
        name,
        [sys.executable, "-m", "gunicorn", "-c", "python:common.gunicorn_conf"]
        + ["--bind", f"127.0.0.1:{port}", "src.app:create_app()"],
        root / f"{name}-service",
        {**environment, "PROMETHEUS_MULTIPROC_DIR": str(metrics)},
        lambda: answers(f"http://127.0.0.1:{port}/health"),
        port,
        fresh_folder=metrics,
    )


def _inventory(root: Path, ports: dict[str, int], environment: dict[str, str]) -> Process:
    return Process(
        "inventory",
        [sys.executable, "-m", "src.main"],
        root / "inventory-service",
        {
            **environment,
            "BIND_HOST": "127.0.0.1",
            "GRPC_PORT": str(ports["inventory"]),
            "HEALTH_PORT": str(ports["inventory_health"]),
        },
        lambda: answers(f"http://127.0.0.1:{ports['inventory_health']}/health"),
        ports["inventory"],
    )


def _recovery(root: Path, ports: dict[str, int], environment: dict[str, str]) -> Process:
    return Process(
        "recovery",
        [sys.executable, "-m", "src.recovery"],
        root / "orchestrator-service",
        {**environment, "BIND_HOST": "127.0.0.1", "HEALTH_PORT": str(ports["recovery_health"])},
        lambda: answers(f"http://127.0.0.1:{ports['recovery_health']}/health"),
        ports["recovery_health"],
    )


def _gateway(
    root: Path, state_dir: Path, ports: dict[str, int], environment: dict[str, str]
) -> Process:
    return Process(
        "gateway",
        [packages.haproxy_program(), "-W", "-db", "-f", str(state_dir / "haproxy.cfg")],
        root / "api-gateway",
        environment,
        lambda: answers(f"http://127.0.0.1:{ports['gateway']}/health"),
        ports["gateway"],
    )


def _database(name: str, reached: dict[str, int], settings: dict[str, str]) -> dict[str, str]:
    database, owner, password_setting = DATABASES[name]
    return {
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(reached[f"{name}_db"]),
        "DB_NAME": database,
        "DB_USER": owner,
        "DB_PASS": settings[password_setting],
    }


def answers(url: str) -> bool:
    """Whether a GET of this succeeds."""
    try:
        return httpx.get(url, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
