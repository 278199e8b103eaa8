"""make bench: a stack of its own, every load, an audit after each, and the limits beside them.

The exit status is 1 where a figure does not count, because the audit found something or a load did
not come to what it should; a target that is missed is only told.
"""

import argparse
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from local_stack.stack import ROOT

from bench import picture, report
from bench.growth import growth
from bench.load import Generator
from bench.runs import Bench
from bench.site import HOLD_SECONDS, NotClean, platform
from bench.targets import targets_of

_STATE = ROOT / ".local-stack"
_OUT = _STATE / "bench"
_LOADS = {
    "purchases": Bench.purchases,
    "arrivals": Bench.arrivals,
    "one-seat": Bench.storm,
    "sell-out": Bench.sell_out,
    "seat-map": Bench.maps,
    "scans": Bench.gate,
    "transfers": Bench.transfers,
    "on-sale": Bench.mixed,
}


def main() -> int:
    arguments, begun = _arguments(), time.monotonic()
    sys.stdout.reconfigure(line_buffering=True)
    for number in (signal.SIGTERM, signal.SIGHUP):  # the stack ends with this process
        signal.signal(number, lambda *_: sys.exit(1))
    _STATE.mkdir(exist_ok=True)
    # beside the default stack: its data are on a disk, which those in /tmp need not be
    with tempfile.TemporaryDirectory(prefix="bench-", dir=_STATE) as folder, Generator() as pool:
        run = _grow if arguments.growth else _run_loads
        problem = run(arguments, Path(folder), pool)
    print(f"{time.monotonic() - begun:.0f} s; all of it in {arguments.out}")
    if problem:
        print(problem, file=sys.stderr)
    return 1 if problem else 0


def _grow(arguments: argparse.Namespace, folder: Path, generator: Generator) -> NotClean | None:
    grown, problem = [], None
    options = {"hold_seconds": arguments.hold_seconds}
    try:
        for one in growth(generator, folder, arguments.share, **options):
            grown.append(one)
    except NotClean as error:
        problem = error
    print(f"\n{report.growth_table(grown)}")
    report.write(arguments.out / "growth.json", [one.as_json() for one in grown])
    return problem


def _run_loads(
    arguments: argparse.Namespace, folder: Path, generator: Generator
) -> NotClean | None:
    problem = None
    with platform(folder / "stack", arguments.workers, arguments.hold_seconds) as site:
        bench = Bench(site, generator, arguments.share)
        try:
            bench.warm_up()
            for name in arguments.loads:
                _LOADS[name](bench)
            bench.limits(folder / "hello")
            if arguments.bill:
                bench.bill(folder / "bill")
        except NotClean as error:
            problem = error
    _tell(bench, arguments.out)
    return problem


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("loads", nargs="*", help=f"which: {', '.join(_LOADS)}; else all")
    parser.add_argument(
        "--growth", action="store_true", help="instead: purchases with more and more in the tables"
    )
    parser.add_argument(
        "--bill",
        action="store_true",
        help="say what a purchase's CPU time is spent on (py-spy: as root, or where ptrace may)",
    )
    parser.add_argument(
        "--share", type=float, default=1.0, help="of a whole run's length (default 1)"
    )
    parser.add_argument("--workers", type=int, default=1, help="processes per service (default 1)")
    parser.add_argument(
        "--hold-seconds",
        type=int,
        default=HOLD_SECONDS,
        help=f"how long a hold lasts; its end is waited for after a load (default {HOLD_SECONDS})",
    )
    parser.add_argument("--out", type=Path, default=_OUT, help="where JSON and picture go")
    arguments = parser.parse_args()
    if unknown := set(arguments.loads) - _LOADS.keys():
        parser.error(f"there is no load {', '.join(sorted(unknown))}: {', '.join(_LOADS)}")
    if arguments.growth and (arguments.loads or arguments.bill or arguments.workers != 1):
        parser.error("--growth has its own load and numbers of workers, and no bill")
    if arguments.share <= 0 or arguments.workers < 1 or arguments.hold_seconds < 1:
        parser.error("--share, --workers and --hold-seconds are more than nothing")
    arguments.loads = arguments.loads or list(_LOADS)
    return arguments


def _tell(bench: Bench, out: Path) -> None:
    """Tables on the terminal; JSON and the picture in `out`."""
    figures, targets = bench.figures, targets_of(bench.figures)
    print(f"\n{report.table(figures)}")
    print(f"Each call, where it went well, in milliseconds:\n\n{report.calls_table(figures)}")
    print(f"CPU milliseconds by process:\n\n{report.cpu_table(figures)}")
    print(report.limits_table(figures, bench.row_work))
    if bench.lines:
        print(f"A purchase's bill, in CPU milliseconds:\n\n{report.bill_table(bench.lines)}")
    print(report.targets_table(targets))
    document = {
        "figures": [one.as_json() for one in figures],
        "row_work": [asdict(one) for one in bench.row_work],
        "bill": [asdict(one) for one in bench.lines],
        "targets": [asdict(one) for one in targets],
    }
    report.write(out / "bench.json", document)
    if offered := [one for one in figures if one.load == "arrivals"]:
        picture.draw(out / "latency.svg", offered)


if __name__ == "__main__":
    sys.exit(main())
