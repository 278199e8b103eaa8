"""The platform, or only its servers, as processes of this machine under a supervisor."""

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from . import ports as port_choice
from . import certificate, leftovers, processes, standins
from . import settings as env_settings
from .postgres import DATABASES, Postgres
from .processes import SERVERS, Process
from .rabbitmq import RabbitMQ
from .stack import ROOT, Stack, StackError, Tell
from .supervisor import Supervisor

_HEALTHY_WITHIN_SECONDS = 120.0  # a busy machine may be slow
_MOST_STARTS = 4  # then it is not slow, it dies
_RUNNING = ("RUNNING", "STARTING")


class NativeStack(Stack):
    """Starts, watches and stops the processes; several stacks live beside each other.

    `settings` win over all others. `isolated` takes any free ports instead of the standard ones,
    and settings of its own instead of those of environment and .env. `only` names the processes to
    run, `durable` False trades safety for speed.
    """

    def __init__(
        self,
        state_dir: Path,
        settings: dict[str, str] | None = None,
        isolated: bool = False,
        only: Iterable[str] | None = None,
        durable: bool = True,
        reached_at: dict[str, int] | None = None,
        tell: Tell = lambda line: None,
    ) -> None:
        super().__init__(state_dir)
        self._given = settings or {}
        self._isolated = isolated
        self._own = env_settings.fresh(ROOT) if isolated else None
        self._only = None if only is None else set(only)
        self._durable = durable
        self._reached_at = reached_at or {}
        self._tell = tell
        self._supervisor = Supervisor(self.state_dir)
        self._processes: dict[str, Process] = {}

    def is_running(self) -> bool:
        """Whether its supervisor runs."""
        return self._supervisor.is_running()

    def up(self) -> None:
        with self._locked():
            self._up()

    def _up(self) -> None:
        running = self._supervisor.is_running()
        if not running and leftovers.end(self.state_dir):
            self._tell("Ended what an earlier supervisor had left behind.")
        self._describe(new_ports=not running)
        if self._postgres.is_elsewhere:
            self._tell(f"PostgreSQL's user cannot get here: its data is in {self._postgres.folder}")
        self._postgres.initialise()
        self._rabbitmq.configure(ROOT / "rabbitmq" / "definitions.json")
        changed = self._supervisor.configure(list(self._processes.values()))
        if self._render_gateway():
            changed.add("gateway")
        if running:
            self._supervisor.reread()
            self._supervisor.stop_processes(changed - set(SERVERS))
        else:
            self._supervisor.start()
        self._start_all(SERVERS[:1])  # the port mapper, which RabbitMQ would start by itself
        self._start_all(SERVERS[1:])
        if self._only is None:
            self._postgres.create_databases(self.settings)
            self._postgres.load_schemas(ROOT, self.settings)
        self._start_all(name for name in self._processes if name not in SERVERS)

    def down(self) -> bool:
        if not self._supervisor.is_running():
            return leftovers.end(self.state_dir) > 0
        platform = [name for name in self._supervisor.names() if name not in SERVERS]
        self._supervisor.stop_processes(platform)
        self._supervisor.stop_processes(["rabbitmq", "postgres"])
        self._supervisor.stop()
        return True

    def reset(self) -> None:
        if self._supervisor.is_running():
            self._supervisor.stop_processes(["postgres"])  # killed, it would leave shared memory
            self._supervisor.kill()
            leftovers.end(self.state_dir, patience_seconds=0)
        else:
            leftovers.end(self.state_dir)
        Postgres(self.state_dir, 0, self._durable).remove()
        shutil.rmtree(self.state_dir, ignore_errors=True)

    @property
    def standins(self) -> set[str]:
        return self._processes.keys() & set(standins.ALL)

    def database_url(self, service: str | None = None) -> str:
        """Where a service's database is, for the superuser; without a name, the server."""
        return self._postgres.url(DATABASES[service][0] if service else "postgres")

    def status(self) -> list[tuple[str, str, int | None, bool]]:
        if not self._supervisor.is_running():
            return []
        self._describe(new_ports=False)
        return [
            (name, self._supervisor.state(name)[0], one.port, self._works(name))
            for name, one in self._processes.items()
        ]

    def pid(self, name: str) -> int:
        return self._supervisor.state(name)[1]

    def start(self, name: str) -> None:
        self._start_all([name])

    def stop(self, name: str) -> None:
        self._supervisor.stop_processes([name])

    def log(self, name: str) -> Path:
        return self.state_dir / "logs" / f"{name}.log"

    def follow_logs(self, name: str | None) -> list[str]:
        found = sorted(map(str, self.state_dir.glob(f"logs/{name or '*'}.log")))
        return ["tail", "-n", "50", "-F", *found] if found else []

    def _describe(self, new_ports: bool) -> None:
        """Work out ports, settings and the process table."""
        remembered = self.state_dir / "ports.json"
        if new_ports or not remembered.exists():
            self.ports, taken = port_choice.choose(remembered, not self._isolated)
            for name in taken:
                usual, own = port_choice.STANDARD[name], self.ports[name]
                self._tell(f"Port {usual} is taken: {name} listens on {own} instead.")
        else:
            self.ports = port_choice.remembered(remembered)
        given = self._own
        if given is None:
            given, made = env_settings.load(ROOT)
            if made:
                self._tell("Made .env, with random secrets.")
        wanted = {**given, **self._given}
        used = standins.used(wanted, env_settings.example(ROOT))
        reached = processes.found_at(self.ports, self._reached_at)
        places = {**processes.addresses(reached), **standins.addresses(used, self.ports)}
        self.settings = {**given, **places, **self._given}
        self._postgres = Postgres(self.state_dir, self.ports["postgres"], self._durable)
        self._rabbitmq = RabbitMQ(self.state_dir / "rabbitmq", self.ports, self.settings)
        table = processes.servers(self._postgres, self._rabbitmq, self.ports)
        table += standins.processes(used, ROOT, self.state_dir, self.ports, self.settings)
        if self._only is None:
            table += processes.services(ROOT, self.state_dir, self.ports, reached, self.settings)
        self._processes = {
            one.name: one for one in table if self._only is None or one.name in self._only
        }

    def _render_gateway(self) -> bool:
        """Write the gateway's configuration and certificate; whether they differ from before."""
        if "gateway" not in self._processes:
            return False
        rendered, tls = self.state_dir / "haproxy.cfg", self.state_dir / "tls"
        files = (rendered, tls / "gateway.pem")
        before = [one.read_bytes() if one.exists() else None for one in files]
        command = [sys.executable, "render_haproxy.py", "-o", rendered]
        reached = processes.found_at(self.ports, self._reached_at)
        for name in ("user", "event", "orchestrator"):
            command += ["--upstream", f"{name}-service=127.0.0.1:{reached[name]}"]
        command += ["--bind", f"0.0.0.0:{self.ports['gateway']}"]
        command += ["--tls-bind", f"0.0.0.0:{self.ports['gateway_tls']}"]
        command += ["--tls-cert", certificate.ensure(tls)]
        result = subprocess.run(
            command,
            cwd=ROOT / "api-gateway",
            env={**env_settings.clean_environment(), **self.settings},
            capture_output=True,
            text=True,
        )
        if result.returncode:
            raise StackError(f"api-gateway/kong.yml cannot be used:\n{result.stderr}")
        return [one.read_bytes() for one in files] != before

    def _start_all(self, names: Iterable[str]) -> None:
        """Start them side by side, then wait for each to be healthy."""
        wanted = [name for name in names if name in self._processes]
        started = time.monotonic()
        for name in wanted:
            self._supervisor.start_process(name)
        for name in wanted:
            self._wait_until_healthy(name, started)
            self._tell(f"  {name:<14} ok {time.monotonic() - started:5.1f} s")

    def _wait_until_healthy(self, name: str, started: float) -> None:
        seen: set[int] = set()
        while not self._works(name):
            seen.add(self.pid(name))
            late = time.monotonic() - started > _HEALTHY_WITHIN_SECONDS
            if late or len(seen) > _MOST_STARTS:
                raise StackError(f"{name} does not get healthy. Its log ends:\n{self._tail(name)}")
            time.sleep(0.1)

    def _works(self, name: str) -> bool:
        running = self._supervisor.state(name)[0] in _RUNNING
        return running and self._processes[name].is_healthy()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One at a time starts this stack."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        with (self.state_dir / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _tail(self, name: str, lines: int = 20) -> str:
        log = self.log(name)
        text = log.read_text(errors="replace") if log.exists() else ""
        return os.linesep.join(text.splitlines()[-lines:])
