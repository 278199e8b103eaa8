"""A copy of the tree, as a clone of it would be."""

import shutil
import subprocess
from pathlib import Path

from local_stack.stack import ROOT


def copy_tree(folder: Path) -> None:
    """Copy what a clone would have if everything were committed."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
