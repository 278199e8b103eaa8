"""Figures as a table, as JSON, and beside the targets."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.bill import KINDS, Line
from bench.figures import Figure, Latency
from bench.floor import RowWork
from bench.growth import Grown
from bench.targets import Target

_HEAD = ("load", "went well", "per s", "p50", "p95", "p99", "max", "refused", "p99 of those") + (
    "CPU ms each",
    "later",
    "with the clients'",
    "refusals",
)


def table(figures: Sequence[Figure]) -> str:
    """Milliseconds, unless a head says otherwise."""
    return _markdown([_HEAD, *(_cells(one) for one in figures)])


def calls_table(figures: Sequence[Figure]) -> str:
    """How long each kind of call took, where it went well."""
    rows = [
        (one.scenario, name, str(took.count), *_latency(took))
        for one in figures
        for name, took in one.calls.items()
    ]
    return _markdown([("load", "call", "went well", "p50", "p95", "p99", "max"), *rows])


def limits_table(figures: Sequence[Figure], rows: Sequence[RowWork]) -> str:
    """What nobody can beat here, and what a purchase costs in comparison."""
    found = {one.load: one for one in figures if not one.problem}
    purchase, hello = found.get("purchases"), found.get("hello")
    cost = sum(one.cpu for one in rows)
    told = [("limit", "CPU ms each", "per s", "a purchase costs")]
    told += [
        (f"row work, {one.database}", f"{one.cpu:.2f}", f"{one.per_second:.0f}", "") for one in rows
    ]
    if rows:
        each = 1 / sum(1 / one.per_second for one in rows)
        told.append(("row work, all", f"{cost:.2f}", f"{each:.0f}", _times(purchase, cost)))
    if hello is not None:
        cells = f"{hello.platform_cpu:.2f}", f"{hello.per_second:.0f}"
        told.append(("two hellos", *cells, _times(purchase, hello.platform_cpu)))
    return _markdown(told)


def targets_table(targets: Sequence[Target]) -> str:
    rows = [(one.what, one.wanted, one.found, "yes" if one.met else "NO") for one in targets]
    return _markdown([("target", "wanted", "found", "met"), *rows])


def cpu_table(figures: Sequence[Figure]) -> str:
    """Where the CPU time of an operation goes: milliseconds each, process by process."""
    names = sorted({name for one in figures for name in one.cpu})
    rows = [(one.scenario, *(_cost(one.cpu.get(name)) for name in names)) for one in figures]
    return _markdown([("load", *names), *rows])


def bill_table(lines: Sequence[Line]) -> str:
    """CPU milliseconds of one operation, by process and by what they are spent on."""
    shown = [one for one in lines if one.milliseconds >= 0.05]
    kinds = [kind for kind in KINDS if any(one.kinds.get(kind) for one in shown)]
    rows = [
        (one.process, f"{one.milliseconds:.2f}", *(_cost(one.kinds.get(kind)) for kind in kinds))
        for one in shown
    ]
    sums = (_cost(sum(one.kinds.get(kind, 0.0) for one in shown)) for kind in kinds)
    total = sum(one.milliseconds for one in shown)
    return _markdown([("process", "all", *kinds), *rows, ("all", f"{total:.2f}", *sums)])


def growth_table(grown: Sequence[Grown]) -> str:
    """What a purchase costs, beside what it costs on the smallest tables with as many workers."""
    head = ("tables", "workers", "per s", "p50", "p99", "CPU ms each", "of the smallest's", "flat")
    rows = [head]
    for one in grown:
        good = one.figure.good
        cells = (f"{one.figure.per_second:.1f}", f"{good.p50:.0f}", f"{good.p99:.0f}")
        cells += (f"{one.figure.whole_cpu:.2f}", f"{100 * one.times:.0f} %")
        flat = "yes" if one.is_flat else "NO"
        rows.append((str(one.size), str(one.workers), *cells, flat))
    return _markdown(rows)


def write(path: Path, document: Any) -> None:
    """All of it, for a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n")


def _cells(one: Figure) -> tuple[str, ...]:
    good, refused = one.good, one.refused
    if one.problem:
        return (one.scenario, f"does not count: {one.problem}", *[""] * (len(_HEAD) - 2))
    return (
        one.scenario,
        str(good.count),
        f"{one.per_second:.1f}",
        *_latency(good),
        str(refused.count),
        f"{refused.p99:.0f}" if refused.count else "–",
        f"{one.platform_cpu:.2f}",
        _cost(one.later_cpu),
        f"{one.whole_cpu + one.generator_cpu:.2f}",
        ", ".join(f"{count}× {code}" for code, count in sorted(one.refusals.items())) or "–",
    )


def _latency(took: Latency) -> tuple[str, ...]:
    if not took.count:
        return ("–",) * 4
    return tuple(f"{value:.0f}" for value in (took.p50, took.p95, took.p99, took.max))


def _cost(milliseconds: float | None) -> str:
    return f"{milliseconds:.2f}" if milliseconds else ""


def _times(purchase: Figure | None, cost: float) -> str:
    return f"{purchase.whole_cpu / cost:.1f} times that" if purchase and cost else "–"


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    head, *others = rows
    lines = [head, ["---"] * len(head), *others]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
