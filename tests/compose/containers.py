"""A copy of the tree, and the containers that docker compose makes of it."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from uuid import uuid4

from dotenv import dotenv_values
from local_stack import ports
from local_stack.settings import clean_environment

from common.testing import wait_for

ROOT = Path(__file__).parents[2]
HAPROXY = "docker-compose.haproxy.yml"
DEV = "docker-compose.dev.yml"
# database, its owner, the setting with the password, the port on the host
_DATABASES = {
    "inventory": ("seats_db", "seats_user", "INVENTORY_DB_PASS", "SEATS_DB_PORT"),
    "user": ("users_db", "users_user", "USER_DB_PASS", "USERS_DB_PORT"),
    "order": ("orders_db", "orders_user", "ORDER_DB_PASS", "ORDERS_DB_PORT"),
    "event": ("events_db", "events_user", "EVENT_DB_PASS", "EVENTS_DB_PORT"),
}
_HOST_PORT = re.compile(r"\$\{(\w+_PORT):-\d+\}:\d+")


def engine_answers() -> bool:
    """Whether containers can be run here."""
    if shutil.which("docker") is None:
        return False
    commands = (["docker", "info"], ["docker", "compose", "version"])
    return all(subprocess.run(one, capture_output=True).returncode == 0 for one in commands)


class Containers:
    """A project of its own below `folder`, on free ports, with .env.example as its .env.

    `overlays` are compose files beside docker-compose.yml; `settings` win over .env.
    """

    def __init__(self, folder: Path, *overlays: str, **settings: str) -> None:
        self.folder = folder
        self._project = f"tickets{uuid4().hex[:12]}"
        _copy_tree(folder)
        shutil.copy(folder / ".env.example", folder / ".env")
        named = _HOST_PORT.findall((folder / "docker-compose.yml").read_text())
        self._ports: dict[str, int] = {}
        for name in named:
            self._ports[name] = ports.any_free(self._ports.values())
        self._given = settings
        self.settings = {**dotenv_values(folder / ".env"), **settings}
        self._overlays = overlays

    def compose(
        self, *arguments: str, check: bool = True, seconds: float = 1200
    ) -> subprocess.CompletedProcess[str]:
        """Run docker compose; AssertionError with its output where it fails and must not."""
        done = subprocess.run(
            ["docker", "compose", *arguments],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=seconds,
        )
        assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done

    def up(self, *services: str) -> None:
        """Build what is not built, start these (all, if none is named), wait for their health."""
        self.compose("up", "--build", "-d", *services)
        wait_for(self.are_healthy, f"the health of {self._project}", seconds=180)

    def remove(self) -> None:
        """Leave nothing: containers, networks, volumes, images."""
        self.compose("down", "-v", "--rmi", "local", "--remove-orphans")

    def inspect(self) -> dict[str, dict[str, Any]]:
        """What the engine says of each service's container."""
        mine = f"label=com.docker.compose.project={self._project}"
        ids = _docker("ps", "-aq", "--filter", mine).split()
        told = json.loads(_docker("inspect", *ids)) if ids else []
        return {one["Config"]["Labels"]["com.docker.compose.service"]: one for one in told}

    def are_healthy(self) -> bool:
        """Whether every container runs, and says that it works."""
        states = [one["State"] for one in self.inspect().values()]
        return bool(states) and all(
            one["Running"] and one["Health"]["Status"] == "healthy" for one in states
        )

    def volumes(self) -> set[str]:
        """The names of the volumes that hold its data."""
        mine = f"label=com.docker.compose.project={self._project}"
        names = _docker("volume", "ls", "-q", "--filter", mine).split()
        return {name.removeprefix(f"{self._project}_") for name in names}

    def kill(self, service: str) -> None:
        """End every process of a container but the first, without a chance to tidy up."""
        self.compose("exec", "-T", service, "sh", "-c", "kill -9 -1", check=False)

    def url(self, port_name: str, scheme: str = "http") -> str:
        """The address that a port's name leads to."""
        return f"{scheme}://localhost:{self._ports[port_name]}"

    def database_url(self, service: str) -> str:
        """Where a service's database is, for its owner."""
        database, owner, password, port = _DATABASES[service]
        there = f"127.0.0.1:{self._ports[port]}/{database}"
        return f"postgresql://{owner}:{self.settings[password]}@{there}"

    def _environment(self) -> dict[str, str]:
        files = ("docker-compose.yml", *self._overlays)
        return {
            **clean_environment(),
            **{name: value for name, value in os.environ.items() if name.startswith("DOCKER_")},
            **{name: str(port) for name, port in self._ports.items()},
            **self._given,
            "COMPOSE_PROJECT_NAME": self._project,
            "COMPOSE_FILE": ":".join(files),
        }


def _docker(*arguments: str) -> str:
    return subprocess.run(
        ["docker", *arguments], check=True, capture_output=True, text=True, timeout=60
    ).stdout


def _copy_tree(folder: Path) -> None:
    """What a clone would have if everything were committed."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
