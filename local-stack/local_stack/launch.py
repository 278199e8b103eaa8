"""Becomes a process of the table: `python -m local_stack.launch processes.json NAME`.

The supervisor starts this, so that commands and secrets need no quoting in its configuration.
"""

import json
import os
import shutil
import sys
from pathlib import Path


def main(table: str, name: str) -> None:
    """Replace this process by the one called `name`."""
    process = json.loads(Path(table).read_text())[name]
    if process["fresh_folder"]:
        shutil.rmtree(process["fresh_folder"], ignore_errors=True)
        Path(process["fresh_folder"]).mkdir(parents=True)
    if process["user"] is not None:
        os.setgroups([])
        os.setgid(process["group"])
        os.setuid(process["user"])
    os.chdir(process["cwd"])
    os.execvpe(process["command"][0], process["command"], process["environment"])


if __name__ == "__main__":
    main(*sys.argv[1:])
