"""CPU time by process, from /proc."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psutil

_TICKS = os.sysconf("SC_CLK_TCK")
_NONE: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True)
class Spent:
    """CPU seconds, user and system, by the name of the process."""

    by_process: dict[str, float]

    @property
    def all(self) -> float:
        return sum(self.by_process.values())

    def __sub__(self, other: "Spent") -> "Spent":
        less = other.by_process
        return Spent({name: mine - less.get(name, 0.0) for name, mine in self.by_process.items()})

    def __mul__(self, factor: float) -> "Spent":
        return Spent({name: mine * factor for name, mine in self.by_process.items()})


class Meter:
    """Reads what processes have spent: of `pids` each with all its children, of `alone` without.

    Children count also when they have ended and were waited for.
    """

    def __init__(self, pids: Mapping[str, int], alone: Mapping[str, int] = _NONE) -> None:
        self._pids = pids
        self._alone = alone

    def read(self) -> Spent:
        """What has been spent until now."""
        spent = {name: sum(map(_seconds, _tree(pid))) for name, pid in self._pids.items()}
        return Spent(spent | {name: _seconds(pid) for name, pid in self._alone.items()})


def _tree(pid: int) -> set[int]:
    children = psutil.Process(pid).children(recursive=True)
    return {pid, *(one.pid for one in children)}


def _seconds(pid: int) -> float:
    """utime, stime, and the same of children that were waited for: proc(5)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return 0.0
    fields = stat.rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS
