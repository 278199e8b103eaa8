"""A clone of the project, in whose folder the README's commands are typed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from common.testing import wait_for
from tree import copy_tree

# what the README says, and whose port it is
ADDRESSES = {8000: "gateway", 8090: "smu", 8420: "stripe"}
_PATIENCE_SECONDS = 420


@dataclass
class Clone:
    """The folder, and what its commands find in the environment beside what is usual."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def made(cls, folder: Path) -> "Clone":
        """A copy of the tree; its .venv is this one's, so that nothing is installed anew."""
        copy_tree(folder)
        own, ours = folder / ".venv", Path(sys.prefix)
        own.mkdir()
        for part in ours.iterdir():
            if part.name != "installed":
                (own / part.name).symlink_to(part)
        clone = cls(folder)
        program = "import sys; sys.path.insert(0, 'local-stack'); import bootstrap;"
        digest = clone.run(f'{sys.executable} -c "{program} print(bootstrap.digest())"')
        (own / "installed").write_text(digest.strip())
        return clone

    def run(self, command: str, status: int = 0) -> str:
        """What a command prints; it must end with that status."""
        ended = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_PATIENCE_SECONDS,
            preexec_fn=_as_from_a_terminal,
        )
        assert ended.returncode == status, f"{command}\n{ended.stdout[-5000:]}"
        return ended.stdout

    @contextmanager
    def running(self, command: str) -> Iterator[Callable[[], str]]:
        """A command that goes on until it is interrupted; gives what it has printed."""
        output = self.folder.parent / f"{self.folder.name}.output"
        with output.open("w") as file:
            process = subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_as_from_a_terminal,
            )
            try:
                yield output.read_text
            finally:
                os.killpg(process.pid, signal.SIGINT)
                process.wait(120)

    def shown(self, command: str, text: str) -> None:
        """Run a command that goes on, until it has shown that."""
        with self.running(command) as said:
            wait_for(lambda: text in said(), f"{text} from {command}", seconds=20)

    def ports(self) -> dict[str, int]:
        """Where each process listens, by what `make status` says."""
        rows = [line.split() for line in self.run("make status").splitlines()]
        return {row[0]: int(row[2]) for row in rows if row[-1] == "healthy"}

    def addressed(self, text: str) -> str:
        """The text with the addresses of this clone's platform."""
        ports = self.ports()
        for usual, name in ADDRESSES.items():
            text = text.replace(f"localhost:{usual}", f"localhost:{ports[name]}")
        return text

    @property
    def _environment(self) -> dict[str, str]:
        """Ours, without what would choose for the platform or for make."""
        chosen = {*dotenv_values(self.folder / ".env.example"), "STACK", "PYTHONPATH", "MAKEFLAGS"}
        usual = {name: value for name, value in os.environ.items() if name not in chosen}
        return {**usual, **self.variables}


def documents(text: str) -> list[Any]:
    """What was printed, one after the other: JSON objects and lists, other lines as they stand."""
    found: list[Any] = []
    decoder = json.JSONDecoder()
    while text := text.lstrip():
        if text[0] in "{[":
            value, end = decoder.raw_decode(text)
            text = text[end:]
        else:
            value, _, text = text.partition("\n")
        found.append(value)
    return found


def _as_from_a_terminal() -> None:
    """What was started in the background has interrupts ignored, and all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
