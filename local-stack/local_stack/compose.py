"""One project of docker compose, and what the engine tells of its containers."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .settings import clean_environment
from .stack import StackError

BASE = "docker-compose.yml"
HAPROXY = "docker-compose.haproxy.yml"
DEV = "docker-compose.dev.yml"
_HOST_PORT = re.compile(r"\$\{(\w+_PORT):-(\d+)\}:\d+")
_LABEL = "com.docker.compose"


class ComposeError(StackError):
    """docker compose failed; the message is the end of what it printed."""


def host_ports(folder: Path) -> dict[str, int]:
    """The variables that choose ports of the host, with their usual values."""
    named = _HOST_PORT.findall((folder / BASE).read_text())
    return {variable: int(usual) for variable, usual in named}


class ComposeProject:
    """The compose files of `folder` under a name of their own.

    `files` are read in that order; `variables` stand above the folder's .env.
    """

    def __init__(
        self, folder: Path, name: str, files: tuple[str, ...], variables: dict[str, str]
    ) -> None:
        self.name = name
        self._folder = folder
        self._environment = {
            **clean_environment(),
            **{name: value for name, value in os.environ.items() if name.startswith("DOCKER_")},
            **variables,
            "COMPOSE_PROJECT_NAME": name,
            "COMPOSE_FILE": ":".join(files),
        }

    def run(self, *arguments: str, seconds: float = 1200) -> subprocess.CompletedProcess[str]:
        """Run docker compose, whatever comes of it."""
        return subprocess.run(
            ["docker", "compose", *arguments],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=seconds,
        )

    def do(self, *arguments: str, tell: Callable[[str], None] = lambda line: None) -> None:
        """Run docker compose and tell each line as it comes. Raises ComposeError."""
        lines: list[str] = []
        with subprocess.Popen(
            ["docker", "compose", *arguments],
            cwd=self._folder,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as running:
            for line in running.stdout:
                lines.append(line)
                tell(line.rstrip())
        if running.returncode:
            raise ComposeError(f"docker compose {arguments[0]} failed:\n{''.join(lines[-30:])}")

    def inspect(self) -> dict[str, dict[str, Any]]:
        """What the engine says of each service's container."""
        ids = docker(
            "ps", "-aq", "--filter", self._mine, "--filter", f"label={_LABEL}.oneoff=False"
        )
        told = json.loads(docker("inspect", *ids.split())) if ids else []
        return {one["Config"]["Labels"][f"{_LABEL}.service"]: one for one in told}

    def volumes(self) -> set[str]:
        """The names of the volumes that hold its data."""
        names = docker("volume", "ls", "-q", "--filter", self._mine).split()
        return {name.removeprefix(f"{self.name}_") for name in names}

    @property
    def _mine(self) -> str:
        return f"label={_LABEL}.project={self.name}"


def docker(*arguments: str) -> str:
    """What the engine's client prints; CalledProcessError where it fails."""
    return subprocess.run(
        ["docker", *arguments], check=True, capture_output=True, text=True, timeout=120
    ).stdout
