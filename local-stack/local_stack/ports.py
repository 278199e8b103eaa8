"""Which port each process listens on: the standard one where it is free, else one of our own."""

import json
import socket
from pathlib import Path

STANDARD = {
    "gateway": 8000,
    "user": 5000,
    "order": 5001,
    "event": 5002,
    "orchestrator": 5003,
    "inventory": 50051,
    "inventory_health": 8080,
    "postgres": 5433,
    "rabbitmq": 5672,
    "rabbitmq_management": 15672,
    "rabbitmq_distribution": 25672,
    "epmd": 4370,
}


def remembered(path: Path) -> dict[str, int]:
    """The ports that were chosen last."""
    return json.loads(path.read_text())


def choose(path: Path, standard: bool) -> tuple[dict[str, int], list[str]]:
    """The ports of a stack that is not running, and the names whose standard port is taken.

    What was chosen once is kept while it is free. Without `standard`, any free ports.
    """
    before = remembered(path) if path.exists() else {}
    ports: dict[str, int] = {}
    for name, usual in STANDARD.items():
        wishes = [usual] if standard else []
        if name in before:
            wishes.append(before[name])
        free = (port for port in wishes if port not in ports.values() and is_free(port))
        ports[name] = next(free, None) or _any_free(set(ports.values()))
    path.write_text(json.dumps(ports))
    return ports, [name for name in ports if standard and ports[name] != STANDARD[name]]


def is_free(port: int) -> bool:
    """Whether nobody listens on this port, on any address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def _any_free(taken: set[int]) -> int:
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        if port not in taken:
            return port
