"""What every stack is, however its processes run: the platform below one state folder."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[2]

Tell = Callable[[str], None]


class StackError(Exception):
    """The stack cannot be brought up; the message says why, with the log's end."""


class Stack(ABC):
    """Starts, watches and stops the platform.

    Once it is up, `ports` has the ports of this machine by process, and `settings` every setting
    that a process started here needs to take part: addresses, secrets, times.
    """

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir.resolve()
        self.ports: dict[str, int] = {}
        self.settings: dict[str, str] = {}

    @abstractmethod
    def up(self) -> None:
        """Bring everything up, or what of it is not; returns when it is healthy.

        Raises StackError with the end of the log of what does not get there.
        """

    @abstractmethod
    def down(self) -> bool:
        """Stop everything and keep the data; False where nothing was running."""

    @abstractmethod
    def reset(self) -> None:
        """Stop everything and drop the data."""

    @abstractmethod
    def status(self) -> list[tuple[str, str, int | None, bool]]:
        """Of each process: name, state, port, health. Empty where nothing runs."""

    @abstractmethod
    def pid(self, name: str) -> int:
        """The process ID of a process, or of the first of those that it consists of."""

    @abstractmethod
    def start(self, name: str) -> None:
        """Start one process and wait until it is healthy."""

    @abstractmethod
    def stop(self, name: str) -> None:
        """Stop one process; it stays away until it is started."""

    @abstractmethod
    def log(self, name: str) -> Path:
        """A file with what the process has written until now."""

    @abstractmethod
    def follow_logs(self, name: str | None) -> list[str]:
        """The command that shows the logs, of one process or all; empty where there are none."""

    @abstractmethod
    def database_url(self, service: str) -> str:
        """Where a service's database is, for somebody who may do anything in it."""

    @property
    @abstractmethod
    def standins(self) -> set[str]:
        """Which of the platform's outside is ours: "smu", "stripe"."""

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.ports['gateway']}"

    @property
    def amqp_url(self) -> str:
        """Where the broker is, for its user."""
        user, password = self.settings["RABBITMQ_USER"], self.settings["RABBITMQ_PASS"]
        return f"amqp://{user}:{password}@127.0.0.1:{self.ports['rabbitmq']}/"

    def is_healthy(self) -> bool:
        """Whether every process runs and does its work."""
        rows = self.status()
        return bool(rows) and all(healthy for *_, healthy in rows)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Up for the block; afterwards it is gone, and its data with it."""
        try:
            self.up()
            yield self
        finally:
            self.reset()

    def restart(self, name: str) -> None:
        """Stop one process and start it again."""
        self.stop(name)
        self.start(name)
