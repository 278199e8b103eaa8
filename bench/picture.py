"""Latency against offered load, as an SVG."""

from collections.abc import Sequence
from pathlib import Path

import pygal

from bench.figures import Figure


def draw(path: Path, figures: Sequence[Figure]) -> None:
    """A line for each percentile of a purchase, over the purchases a second that were offered.

    Those that were refused count too: a client that gave up has waited as well.
    """
    chart = pygal.XY(
        title="A purchase, by offered load",
        x_title="purchases offered a second",
        y_title="milliseconds",
        logarithmic=True,
        width=900,
        height=540,
        js=[],
    )
    for name in ("p50", "p95", "p99", "max"):
        chart.add(
            name,
            [(one.offered, max(1.0, getattr(one.all, name))) for one in figures if one.all.count],
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    chart.render_to_file(str(path))
