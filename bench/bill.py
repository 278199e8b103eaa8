"""Where the CPU time of an operation goes: py-spy says what Python does, /proc what it comes to."""

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from local_stack.stack import ROOT

from bench.figures import Figure

_RATE = 199
_PY_SPY = str(Path(sys.executable).with_name("py-spy"))
_NOT_PYTHON = {"gateway", "postgres", "rabbitmq", "epmd"}
# What a frame is counted as, by the file that it is in; the innermost that is known decides.
_KINDS = (
    ("logging", re.compile(r"(^|/)logging/|pythonjsonlogger|common/logs\.py")),
    ("metrics", re.compile(r"prometheus_client")),
    ("JSON, validation", re.compile(r"simplejson|pydantic|orjson|common/(encoding|fields)\.py")),
    ("HTTP client", re.compile(r"httpx|httpcore|h11|common/clients\.py")),
    ("gRPC", re.compile(r"grpc|google/protobuf|_pb2|common/rpc\.py")),
    ("SQL", re.compile(r"sqlalchemy|psycopg2|common/(database|prepared)\.py")),
    ("AMQP", re.compile(r"pika|hold_publisher\.py")),
    ("HTTP server", re.compile(r"gunicorn|common/serving\.py")),
    ("framework", re.compile(r"flask|werkzeug|jwt|common/(endpoint|auth|flask_defaults)\.py")),
    ("our own", re.compile(r"/(src|common)/")),
)
_OUTSIDE = "outside Python"
KINDS = (*(name for name, _ in _KINDS), "the rest", _OUTSIDE, "gRPC's own threads")
_FRAME = re.compile(r" \((.*?)(?::\d+)?\)$")


@dataclass(frozen=True)
class Line:
    """What one process spends on one operation, in milliseconds by kind; empty if not Python."""

    process: str
    milliseconds: float
    kinds: dict[str, float]


def bill(
    folder: Path, pids: Mapping[str, int], seconds: float, make_load: Callable[[], Figure]
) -> list[Line]:
    """The bill of the operation of a load that lasts about so long and leaves the cores some time.

    A sample is what the thread that has the interpreter (the GIL) is at. What a process spends
    while none has it is outside Python: system calls, libcurl, libpq. The dearest process comes
    first. Sampling costs some CPU time of its own, beside the processes.
    """
    watched = {name: pid for name, pid in pids.items() if name not in _NOT_PYTHON}
    with ExitStack() as watching:
        samplers = {
            name: watching.enter_context(_sampler(folder / name, pid, seconds + 2))
            for name, pid in watched.items()
        }
        time.sleep(1)  # until py-spy has found its way about
        before = {name: _native(pid) for name, pid in watched.items()}
        found = make_load()
        native = {name: _native(pid) - before[name] for name, pid in watched.items()}
        for name, sampler in samplers.items():
            if sampler.wait(seconds + 30):
                raise RuntimeError(f"py-spy could not watch {name}: {sampler.stderr.read()}")
    each = 1000 / max(1, found.good.count)
    lines = []
    for name, cost in found.cpu.items():
        kinds: dict[str, float] = {}
        if name in watched:
            of_grpc = native[name] * each
            kinds = _kinds_of(_samples(folder / name), each, cost - of_grpc)
            kinds["gRPC's own threads"] = of_grpc
        lines.append(Line(name, cost, kinds))
    return sorted(lines, key=lambda line: -line.milliseconds)


@contextmanager
def _sampler(path: Path, pid: int, seconds: float) -> Iterator[subprocess.Popen[str]]:
    command = [_PY_SPY, "record", "--format=raw", "--full-filenames", "--subprocesses", "--gil"]
    command += [f"--rate={_RATE}", f"--duration={seconds:.0f}", f"--output={path}", f"--pid={pid}"]
    sampler = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        yield sampler
    finally:
        sampler.kill()
        sampler.communicate()


def _samples(path: Path) -> Counter[str]:
    """How often each kind was met."""
    found: Counter[str] = Counter()
    for line in path.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        found[_kind(reversed(stack.split(";")))] += int(count)
    return found


def _kind(frames: Iterable[str]) -> str:
    for frame in frames:
        file = _FRAME.search(frame)
        for name, pattern in _KINDS:
            if file and pattern.search(_within(file[1])):
                return name
    return "the rest"


def _within(file: str) -> str:
    """Where a file is in the project or among the packages, wherever those are."""
    return "/" + file.rpartition("site-packages/")[2].removeprefix(f"{ROOT}/")


def _kinds_of(samples: Counter[str], each: float, milliseconds: float) -> dict[str, float]:
    """Of an operation's milliseconds; no more than those, though threads wait for a core too."""
    inside = {kind: count / _RATE * each for kind, count in samples.items()}
    share = min(1.0, milliseconds / max(sum(inside.values()), 0.001))
    inside = {kind: spent * share for kind, spent in inside.items()}
    return inside | {_OUTSIDE: milliseconds - sum(inside.values())}


def _native(pid: int) -> float:
    """CPU seconds of threads that Python does not know of: gRPC's core gives them names."""
    found = 0.0
    for one in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        main = Path(f"/proc/{one.pid}/comm").read_text()
        for thread in one.threads():
            comm = Path(f"/proc/{one.pid}/task/{thread.id}/comm")
            if comm.exists() and comm.read_text() != main:
                found += thread.user_time + thread.system_time
    return found
