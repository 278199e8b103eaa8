"""Processes of a stack whose supervisor is gone: each carries its mark in the environment."""

import os
import signal
import time
from pathlib import Path

MARK = "TICKETREMASTER_STACK"
_PATIENCE_SECONDS = 10.0


def end(state_dir: Path, patience_seconds: float = _PATIENCE_SECONDS) -> int:
    """End every process that was started for the stack in `state_dir`; how many those were.

    What has not come to an orderly end after so long is killed.
    """
    found = _marked(state_dir)
    _signal(found, signal.SIGTERM)
    deadline = time.monotonic() + patience_seconds
    while _marked(state_dir) and time.monotonic() < deadline:
        time.sleep(0.1)
    _signal(_marked(state_dir), signal.SIGKILL)
    return len(found)


def _marked(state_dir: Path) -> list[int]:
    wanted = f"{MARK}={state_dir}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            variables = (process / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended, or is somebody else's
            continue
        if wanted in variables:
            found.append(int(process.name))
    return found


def _signal(processes: list[int], number: signal.Signals) -> None:
    for process in processes:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            continue
