"""Which port each process listens on: the standard one where it is free, else one of our own."""

import fcntl
import json
import os
import random
import socket
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

STANDARD = {
    "gateway": 8000,
    "gateway_tls": 8443,
    "user": 5000,
    "order": 5001,
    "event": 5002,
    "orchestrator": 5003,
    "inventory": 50051,
    "inventory_health": 8080,
    "recovery_health": 8081,
    "smu": 8090,
    "stripe": 8420,
    "postgres": 5433,
    "rabbitmq": 5672,
    "rabbitmq_management": 15672,
    "rabbitmq_distribution": 25672,
    "epmd": 4370,
}
_LOWEST, _HIGHEST = 20000, 32767
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")


def remembered(path: Path, table: Mapping[str, int] | None = None) -> dict[str, int]:
    """The ports that were chosen last; any free one for what has joined the table since then."""
    ports = json.loads(path.read_text())
    new = (table or STANDARD).keys() - ports.keys()
    for name in new:
        ports[name] = any_free(ports.values())
    if new:
        path.write_text(json.dumps(ports))
    return ports


def choose(
    path: Path, standard: bool, table: Mapping[str, int] | None = None
) -> tuple[dict[str, int], list[str]]:
    """The ports of a stack that is not running, and the names whose standard port is taken.

    What was chosen once is kept while it is free. Without `standard`, any free ports. `table` has
    names and standard ports, STANDARD if it is left out.
    """
    table = table or STANDARD
    before = remembered(path, table) if path.exists() else {}
    ports: dict[str, int] = {}
    for name, usual in table.items():
        wishes = [usual] if standard else []
        if name in before:
            wishes.append(before[name])
        free = (port for port in wishes if port not in ports.values() and is_free(port))
        ports[name] = next(free, None) or any_free(ports.values())
    path.write_text(json.dumps(ports))
    return ports, [name for name in ports if standard and ports[name] != table[name]]


def is_free(port: int) -> bool:
    """Whether nobody listens on this port, on any address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("0.0.0.0", port))  # nosec B104 # tried, and closed again
        except OSError:
            return False
    return True


class _Claims:
    """The ports that this process has chosen, which no other one chooses as long as it lives.

    Until something listens there, a port looks free to all who start a stack at the same time. Each
    is one byte of a file of this user's, locked (fcntl(2)): the system lets go of what dies.
    """

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._ours: set[int] = set()

    def claim(self, port: int) -> bool:
        """Whether it is nobody else's; and from now on it is ours."""
        if port in self._ours:
            return False
        if self._file is None:
            path = Path(tempfile.gettempdir()) / f"ticketremaster-ports-{os.geteuid()}"
            self._file = os.fdopen(
                os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600), "r+b"
            )
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError:
            return False
        self._ours.add(port)
        return True


_claims = _Claims()


def any_free(taken: Iterable[int] = ()) -> int:
    """A free port beside those `taken`, and one that nobody can get meanwhile.

    No outgoing connection is given it, and none of our own stacks while this process lives.
    """
    first_ephemeral = int(_EPHEMERAL.read_text().split()[0])
    ours = range(_LOWEST, min(first_ephemeral, _HIGHEST + 1))
    if len(ours) < 1000:  # the system hands out nearly everything: then luck has to do
        ours = range(_LOWEST, _HIGHEST + 1)
    while True:
        port = random.choice(ours)  # nosec B311 # a port is no secret
        if port not in taken and is_free(port) and _claims.claim(port):
            return port
