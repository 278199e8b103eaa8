"""Stand-ins for what is outside the platform: SMU, which sends codes, and Stripe."""

import sys
from collections.abc import Iterable
from pathlib import Path

from .processes import Process, answers
from .settings import clean_environment

ALL = ("smu", "stripe")
_ADDRESS_SETTINGS = {"smu": "SMU_API_URL", "stripe": "STRIPE_API_BASE"}
_IN_CONTAINERS = "_IN_COMPOSE"


def used(settings: dict[str, str], example: dict[str, str]) -> list[str]:
    """Which run: each until the settings name the real one, that is, differ from .env.example."""

    def unchanged(*names: str) -> bool:
        return all(settings.get(name, "") in ("", example.get(name, "")) for name in names)

    is_used = {
        "smu": unchanged("SMU_API_URL"),
        "stripe": unchanged("STRIPE_API_BASE", "STRIPE_SECRET_KEY"),
    }
    return [name for name in ALL if is_used[name]]


def addresses(used: Iterable[str], ports: dict[str, int]) -> dict[str, str]:
    """The settings that lead to the stand-ins."""
    return {_ADDRESS_SETTINGS[name]: _url(name, ports) for name in used}


def addresses_in_containers(settings: dict[str, str], example: dict[str, str]) -> dict[str, str]:
    """The settings that lead containers to the real ones, where those alone are named."""
    real = [_ADDRESS_SETTINGS[name] for name in ALL if name not in used(settings, example)]
    return {
        f"{name}{_IN_CONTAINERS}": settings.get(name, "")
        for name in real
        if settings.get(f"{name}{_IN_CONTAINERS}") == example[f"{name}{_IN_CONTAINERS}"]
    }


def processes(
    used: list[str], root: Path, state_dir: Path, ports: dict[str, int], settings: dict[str, str]
) -> list[Process]:
    """The stand-ins; Stripe's tells its events through the gateway and keeps what it knows."""
    folder = root / "local-stack" / "standins"
    smu = _process("smu", folder, ports, ["smu.py"], {}, "/health")
    stripe = _process(
        "stripe",
        folder,
        ports,
        ["stripe_server.py", "--data", str(state_dir / "stripe.pickle")]
        + ["--webhook", f"{_url('gateway', ports)}/api/webhooks/stripe"],
        {"STRIPE_WEBHOOK_SECRET": settings.get("STRIPE_WEBHOOK_SECRET", "")},
        "/_config/health",
    )
    return [one for one in (smu, stripe) if one.name in used]


def _process(
    name: str,
    folder: Path,
    ports: dict[str, int],
    script: list[str],
    environment: dict[str, str],
    health: str,
) -> Process:
    return Process(
        name,
        [sys.executable, *script, "--port", str(ports[name]), "--bind", "127.0.0.1"],
        folder,
        {**clean_environment(), "PYTHONUNBUFFERED": "1", **environment},
        lambda: answers(_url(name, ports) + health),
        ports[name],
    )


def _url(name: str, ports: dict[str, int]) -> str:
    return f"http://127.0.0.1:{ports[name]}"
