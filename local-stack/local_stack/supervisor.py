"""The process supervisor (supervisord): starts, restarts what dies, stops."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy  # nosec B411 # to our own supervisor

from supervisor.xmlrpc import SupervisorTransport

from . import leftovers
from .processes import Process

_LONGEST_SOCKET_PATH = 100  # unix(7) has 108 bytes
_STOPPED = ("STOPPED", "EXITED", "FATAL")
_CONFIGURATION = """\
[supervisord]
logfile = {state}/logs/supervisord.log
pidfile = {state}/supervisord.pid
childlogdir = {state}/logs
directory = {state}
nocleanup = true

[unix_http_server]
file = {socket}
chmod = 0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""
# PostgreSQL takes INT as its fast shutdown and TERM as one that waits for every client
_PROGRAM = """
[program:{name}]
command = {python} -m local_stack.launch {state}/processes.json {name}
environment = PYTHONPATH="{package_folder}"
autostart = false
autorestart = true
startsecs = 1
startretries = 1000000
stopsignal = {stop_signal}
stopwaitsecs = 15
stopasgroup = {as_group}
killasgroup = true
redirect_stderr = true
stdout_logfile = {state}/logs/{name}.log
stdout_logfile_maxbytes = 20MB
stdout_logfile_backups = 2
"""


class SupervisorError(Exception):
    """supervisord does not do what it was told."""


class Supervisor:
    """One supervisord below `state_dir`."""

    def __init__(self, state_dir: Path) -> None:
        self._state = state_dir
        self._socket = state_dir / "supervisor.sock"
        if len(str(self._socket)) > _LONGEST_SOCKET_PATH:
            name = sha256(str(state_dir).encode()).hexdigest()[:16]
            self._socket = (
                Path(tempfile.gettempdir()) / f"ticketremaster-{name}" / "supervisor.sock"
            )

    def configure(self, processes: list[Process]) -> set[str]:
        """Write what supervisord and the launcher read; the processes that differ from before."""
        (self._state / "logs").mkdir(exist_ok=True)
        path = self._state / "processes.json"
        before = json.loads(path.read_text()) if path.exists() else {}
        table = {one.name: _plain(one) for one in processes}
        for process in table.values():
            process["environment"][leftovers.MARK] = str(self._state)
        path.touch(mode=0o600)
        path.write_text(json.dumps(table))
        programs = [
            _PROGRAM.format(
                name=one.name,
                python=sys.executable,
                state=self._state,
                package_folder=Path(__file__).parents[1],
                stop_signal="INT" if one.name == "postgres" else "TERM",
                as_group=str(one.name == "rabbitmq").lower(),
            )
            for one in processes
        ]
        configuration = _CONFIGURATION.format(state=self._state, socket=self._socket)
        (self._state / "supervisord.conf").write_text(configuration + "".join(programs))
        return {name for name, process in table.items() if process != before.get(name)}

    def start(self) -> None:
        """Start supervisord itself, with no process yet."""
        self._socket.parent.mkdir(mode=0o700, exist_ok=True)
        self._socket.unlink(missing_ok=True)
        if self._socket.parent.stat().st_uid != os.geteuid():
            raise SupervisorError(f"{self._socket.parent} belongs to somebody else.")
        subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "supervisor.supervisord"]
            + ["-c", self._state / "supervisord.conf"],
            check=True,
            stdin=subprocess.DEVNULL,
        )
        _wait(self.is_running, "the supervisor did not start")

    def is_running(self) -> bool:
        """Whether supervisord answers."""
        try:
            self._call().getState()
        except (OSError, HTTPException):
            return False
        return True

    def stop(self) -> None:
        """End every process, then supervisord, which by itself looks after them only every 10 s."""
        self.stop_processes(self.names())
        pid = self._call().getPID()
        self._call().shutdown()
        _wait(lambda: not Path(f"/proc/{pid}").exists(), "the supervisor did not stop")

    def kill(self) -> None:
        """End supervisord alone, at once; its processes are leftovers then."""
        pid = self._call().getPID()
        os.kill(pid, signal.SIGKILL)
        _wait(lambda: not Path(f"/proc/{pid}").exists(), "the supervisor did not end")

    def reread(self) -> None:
        """Take up the processes that have joined the table since the start, end those that left."""
        ((joined, _, left),) = self._call().reloadConfig()
        self.stop_processes(left)
        for name in left:
            self._call().removeProcessGroup(name)
        for name in joined:
            self._call().addProcessGroup(name)

    def start_process(self, name: str) -> None:
        """Start one process; nothing where it runs already."""
        try:
            self._call().startProcess(name, False)
        except Fault as fault:
            if "ALREADY_STARTED" not in fault.faultString:
                raise

    def stop_processes(self, names: Iterable[str]) -> None:
        """Stop them side by side, and wait for the end of each that runs."""
        stopping = set(names) & set(self.names())
        for name in stopping:
            try:
                self._call().stopProcess(name, False)
            except Fault as fault:
                if "NOT_RUNNING" not in fault.faultString:
                    raise
        for name in stopping:
            _wait(lambda: self.state(name)[0] in _STOPPED, f"{name} did not stop")

    def names(self) -> list[str]:
        """Every process it knows."""
        return [info["name"] for info in self._call().getAllProcessInfo()]

    def state(self, name: str) -> tuple[str, int]:
        """What one process is doing ("RUNNING", "STOPPED", "BACKOFF" …), and its process ID.

        "ABSENT" where it has joined the table since the start, and `reread` has not been called.
        """
        try:
            info = self._call().getProcessInfo(name)
        except Fault as fault:
            if "BAD_NAME" not in fault.faultString:
                raise
            return "ABSENT", 0
        return info["statename"], info["pid"]

    def _call(self) -> ServerProxy:
        transport = SupervisorTransport(serverurl=f"unix://{self._socket}")
        return ServerProxy("http://127.0.0.1", transport=transport).supervisor


def _plain(process: Process) -> dict[str, Any]:
    left_out = ("name", "is_healthy", "port")
    fields = {key: value for key, value in vars(process).items() if key not in left_out}
    return json.loads(json.dumps(fields, default=str))


def _wait(condition: Callable[[], bool], complaint: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SupervisorError(f"{complaint} within {seconds} s")
        time.sleep(0.05)
