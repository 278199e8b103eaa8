"""Services that run from copies of their source in which pieces of text are changed.

Such a change is a bug on purpose: a guard that is taken out, a compensation that is missing.
"""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from local_stack.stack import ROOT, Stack

from outside import wait_until_all_are_reached


@dataclass(frozen=True)
class Change:
    """A piece of a file that is there once, and what stands in its place; `path` is in the tree."""

    path: str
    piece: str
    instead: str = ""

    def make(self, tree: Path) -> None:
        """Raises AssertionError where the piece is no longer there: then it is made for nothing."""
        file = tree / self.path
        text = file.read_text()
        assert text.count(self.piece) == 1, (self.path, self.piece)
        file.write_text(text.replace(self.piece, self.instead))


def copy_changed(tree: Path, services: tuple[str, ...], *changes: Change) -> None:
    """Copy those services' folders into `tree`, and make the changes there."""
    for service in services:
        shutil.copytree(ROOT / f"{service}-service", tree / f"{service}-service")
    (tree / "scanner-app").symlink_to(ROOT / "scanner-app")
    for change in changes:
        change.make(tree)


def run_copies(stack: Stack, tree: Path, processes: tuple[str, ...]) -> None:
    """Let these processes of the stack run from `tree` from now on."""
    path = stack.state_dir / "processes.json"  # what the supervisor's launcher reads
    table = json.loads(path.read_text())
    for name in processes:
        table[name]["cwd"] = str(tree / Path(table[name]["cwd"]).name)
    with ThreadPoolExecutor(len(processes)) as pool:
        list(pool.map(stack.stop, processes))
        path.write_text(json.dumps(table))
        list(pool.map(stack.start, processes))
    wait_until_all_are_reached(stack)
