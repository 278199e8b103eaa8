"""The platform in containers, as docker-compose.yml has it, with the stand-ins beside it."""

import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import certificate, engine, processes, standins
from . import ports as port_choice
from . import settings as env_settings
from .compose import BASE, HAPROXY, ComposeProject, docker, host_ports
from .postgres import DATABASES
from .stack import Stack, StackError, Tell

_HEALTHY_WITHIN_SECONDS = 180.0
# where a process says over HTTP that it works; of the others the engine knows
_HEALTH_PORTS = {"inventory": "inventory_health", "recovery": "recovery_health"}
_HEALTH_PATHS = {"stripe": "/_config/health"}
_SCHEMAS = ("seats", "users", "orders", "events")
_NO_HTTP = ("rabbitmq", *(f"{name}-db" for name in _SCHEMAS))


class ContainerStack(Stack):
    """The compose project of `folder`, behind Kong where its image can be had, else HAProxy.

    `settings` win over all others. `isolated` takes any free ports instead of the usual ones,
    settings of its own instead of those of environment and .env, and a name of its own; it keeps
    no images. `files` are compose files beside docker-compose.yml.
    """

    def __init__(
        self,
        folder: Path,
        state_dir: Path,
        settings: dict[str, str] | None = None,
        isolated: bool = False,
        files: tuple[str, ...] | None = None,
        tell: Tell = lambda line: None,
    ) -> None:
        super().__init__(state_dir)
        self.folder = folder
        self._given = settings or {}
        self._isolated = isolated
        self._own = env_settings.fresh(folder) if isolated else None
        self._files = files
        self._tell = tell
        self._project: ComposeProject | None = None

    @property
    def project(self) -> ComposeProject:
        """What docker compose is run on."""
        if self._project is None:
            self._describe()
        return self._project

    def up(self) -> None:
        self._describe()
        self.up_with(*(f"{name}-db" for name in _SCHEMAS))
        for name in _SCHEMAS:
            # the image does this once; it is the way to the columns of an update
            psql = ("psql", "-q", "-v", "ON_ERROR_STOP=1", "-U", f"{name}_user", "-d", f"{name}_db")
            script = "/docker-entrypoint-initdb.d/1-init.sql"
            self.project.do("exec", "-T", f"{name}-db", *psql, "-f", script)
        self.up_with()

    def up_with(self, *services: str) -> None:
        """Build what is not built, start these (all, if none is named), wait for their health."""
        started = time.monotonic()
        self.project.do("up", "--build", "-d", *services, tell=self._tell)
        self._wait_for(self._containers(), started)

    def down(self) -> bool:
        if not self._containers():
            return False
        self.project.do("down", "--remove-orphans")
        return True

    def reset(self) -> None:
        images = ("--rmi", "local") if self._isolated else ()
        self.project.do("down", "-v", "--remove-orphans", *images)
        shutil.rmtree(self.state_dir, ignore_errors=True)

    def is_running(self) -> bool:
        """Whether any container of it runs."""
        return any(told["State"]["Running"] for told in self._containers().values())

    def status(self) -> list[tuple[str, str, int | None, bool]]:
        return [
            (name, told["State"]["Status"], self._port(name), self._works(name, told))
            for name, told in sorted(self._containers().items())
        ]

    def pid(self, name: str) -> int:
        return self._containers()[name]["State"]["Pid"]

    def start(self, name: str) -> None:
        started = time.monotonic()
        docker("start", self._containers()[name]["Id"])
        self._wait_for([name], started)

    def stop(self, name: str) -> None:
        docker("stop", self._containers()[name]["Id"])

    def log(self, name: str) -> Path:
        written = subprocess.run(
            ["docker", "logs", self._containers()[name]["Id"]],
            check=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        path = self.state_dir / "logs" / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written.stdout)
        return path

    def follow_logs(self, name: str | None) -> list[str]:
        containers = self._containers()
        if not containers or name not in (None, *containers):
            return []
        wanted = [_service(containers[name])] if name else []
        return ["docker", "compose", "-p", self.project.name, "logs", "-f", "--tail=50", *wanted]

    def database_url(self, service: str) -> str:
        database, owner, password = DATABASES[service]
        there = f"127.0.0.1:{self.ports[database]}/{database}"
        return f"postgresql://{owner}:{self.settings[password]}@{there}"

    @property
    def standins(self) -> set[str]:
        return self._containers().keys() & set(standins.ALL)

    def _containers(self) -> dict[str, dict[str, Any]]:
        """What the engine says of each process's container."""
        told = self.project.inspect()
        return {service.removesuffix("-service"): one for service, one in told.items()}

    def _wait_for(self, names: Iterable[str], started: float) -> None:
        missing = set(names)
        while missing:
            containers = self._containers()
            for name in sorted(missing):
                if self._works(name, containers[name]):
                    self._tell(f"  {name:<14} ok {time.monotonic() - started:5.1f} s")
                    missing.discard(name)
            if missing and time.monotonic() - started > _HEALTHY_WITHIN_SECONDS:
                tails = "\n".join(f"{name}:\n{self._tail(name)}" for name in sorted(missing))
                raise StackError(f"These do not get healthy. Their logs end:\n{tails}")
            time.sleep(0.1)

    def _works(self, name: str, told: dict[str, Any]) -> bool:
        if not told["State"]["Running"]:
            return False
        if name in _NO_HTTP:
            return told["State"]["Health"]["Status"] == "healthy"
        port = self.ports[_HEALTH_PORTS[name]] if name in _HEALTH_PORTS else self._port(name)
        return processes.answers(f"http://127.0.0.1:{port}{_HEALTH_PATHS.get(name, '/health')}")

    def _port(self, name: str) -> int | None:
        own = name.replace("-", "_")
        return self.ports.get(own, self.ports.get(f"{own}_health"))

    def _tail(self, name: str, lines: int = 20) -> str:
        return "\n".join(self.log(name).read_text(errors="replace").splitlines()[-lines:])

    def _describe(self) -> None:
        """Work out ports, settings and the project."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        given = self._own
        if given is None:
            given, made = env_settings.load(self.folder)
            if made:
                self._tell("Made .env, with random secrets.")
        given = {**given, **self._given}
        name = self._name(given)
        files = self._files or tuple(given.get("COMPOSE_FILE", _files()).split(":"))
        running = bool(ComposeProject(self.folder, name, files, {}).inspect())
        variables = self._choose_ports(given, keep=running)
        variables |= standins.addresses_in_containers(given, env_settings.example(self.folder))
        if "TLS_CERT" not in given:
            variables["TLS_CERT"] = str(self._certificate())
        self._project = ComposeProject(self.folder, name, files, {**given, **variables})
        places = {**processes.addresses(self.ports), **standins.addresses(standins.ALL, self.ports)}
        self.settings = {**given, **places}

    def _name(self, given: dict[str, str]) -> str:
        """As compose itself would name it, so that `docker compose ps` in the folder finds it."""
        if self._isolated:
            return f"ticketremaster-{hashlib.sha256(bytes(self.state_dir)).hexdigest()[:12]}"
        chosen = os.environ.get("COMPOSE_PROJECT_NAME") or given.get("COMPOSE_PROJECT_NAME")
        return chosen or re.sub(r"[^-_a-z0-9]", "", self.folder.name.lower()).lstrip("-_")

    def _choose_ports(self, given: dict[str, str], keep: bool) -> dict[str, str]:
        """Choose `ports`; the variables that tell compose."""
        variables = host_ports(self.folder)
        usual = {
            _behind(variable): int(os.environ.get(variable) or given.get(variable) or port)
            for variable, port in variables.items()
        }
        remembered = self.state_dir / "container-ports.json"
        if keep and remembered.exists():
            self.ports = port_choice.remembered(remembered, usual)
        else:
            self.ports, taken = port_choice.choose(remembered, not self._isolated, usual)
            for name in taken:
                self._tell(
                    f"Port {usual[name]} is taken: {name} listens on {self.ports[name]} instead."
                )
        return {variable: str(self.ports[_behind(variable)]) for variable in variables}

    def _certificate(self) -> Path:
        """The gateway's, for a user of its own to read: its folder lets nobody of this machine."""
        pem = certificate.ensure(self.state_dir / "tls")
        pem.parent.chmod(0o700)
        pem.chmod(0o644)
        return pem


def _files() -> str:
    return BASE if engine.has(engine.KONG) else f"{BASE}:{HAPROXY}"


def _behind(variable: str) -> str:
    """The port that a variable chooses: USER_PORT is user's, AMQP_PORT RabbitMQ's."""
    return "rabbitmq" if variable == "AMQP_PORT" else variable.removesuffix("_PORT").lower()


def _service(told: dict[str, Any]) -> str:
    return told["Config"]["Labels"]["com.docker.compose.service"]
