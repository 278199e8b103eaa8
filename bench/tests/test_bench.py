"""The bench itself, very short: what it measures is no matter of a test."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_stack.stack import ROOT

from bench.growth import Size, growth
from bench.load import Generator
from bench.runs import Bench
from bench.site import NotClean, platform

_SHARE, _HOLD_SECONDS = 0.02, 4
_SHORT = ["--share", str(_SHARE), "--hold-seconds", str(_HOLD_SECONDS)]
_LOADS = {"purchases", "arrivals", "one-seat", "sell-out", "full map", "304", "scans", "transfers"}
_LOADS |= {"on-sale", "hello"}


@pytest.fixture(scope="module")
def generator() -> Iterator[Generator]:
    with Generator() as generator:
        yield generator


@pytest.fixture
def bench(generator: Generator, tmp_path: Path) -> Iterator[Bench]:
    with platform(tmp_path / "stack", 1, _HOLD_SECONDS) as site:
        yield Bench(site, generator, _SHARE)


def run(*arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "bench", *arguments]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=-1, stderr=-1) as process:
        try:
            told, complaint = process.communicate(timeout=420)
        finally:
            process.send_signal(signal.SIGTERM)  # its stack ends with it
    return process.returncode, told, complaint


def test_every_load_and_limit_has_its_figure(tmp_path: Path) -> None:
    status, told, complaint = run(*_SHORT, "--bill", "--out", str(tmp_path))
    assert status == 0, complaint
    document = json.loads((tmp_path / "bench.json").read_text())
    figures = {one["load"]: one for one in document["figures"]}
    assert figures.keys() == _LOADS
    assert all(one["good"]["count"] > 0 for one in figures.values())
    paid = figures["purchases"]
    assert all(paid["cpu"][name] > 0 for name in ("gateway", "orchestrator", "order", "postgres"))
    assert paid["calls"]["pay"]["count"] == paid["good"]["count"]
    for name in ("full map", "304"):
        assert figures[name]["calls"]["map"]["count"] == figures[name]["good"]["count"]
    storm = figures["one-seat"]
    assert storm["all"]["count"] == 200 * storm["good"]["count"]
    assert set(storm["refusals"]) == {"reserve SEAT_UNAVAILABLE"}
    assert [one["database"] for one in document["row_work"]] == ["user", "order", "inventory"]
    billed = {one["process"]: one["kinds"] for one in document["bill"]}
    assert billed["orchestrator"]["HTTP client"] > 0 and billed["order"]["SQL"] > 0
    assert all(one["what"] in told for one in document["targets"])
    assert (tmp_path / "latency.svg").read_text().count("p99")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["purchases", "sail"], "there is no load sail"),
        (["--growth", "purchases"], "--growth has its own load"),
        (["--share", "0"], "more than nothing"),
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: list[str], complaint: str) -> None:
    status, _, told = run(*arguments)
    assert status == 2 and complaint in told


def test_tables_can_be_filled_with_history_that_is_clean(
    generator: Generator, tmp_path: Path
) -> None:
    sizes = (Size(5_000, 40, 10), Size(10_000, 80, 30))
    grown = list(growth(generator, tmp_path, _SHARE, sizes, _HOLD_SECONDS))
    assert [(one.workers, one.size) for one in grown] == [
        (1, sizes[0]),
        (2, sizes[0]),
        (2, sizes[1]),
    ]
    assert all(one.figure.good.count > 0 and one.times > 0 for one in grown)


def test_a_figure_does_not_count_where_the_audit_finds_something(bench: Bench) -> None:
    bench.purchases()
    ((order_id,),) = bench.site.query(
        "order",
        "UPDATE orders SET status = 'FAILED', confirmed_at = NULL, failure_reason = 'tampered'"
        " WHERE order_id = (SELECT order_id FROM orders WHERE status = 'CONFIRMED' LIMIT 1)"
        " RETURNING order_id::text",
    )
    with pytest.raises(NotClean, match=order_id):
        bench.purchases()
    assert order_id in bench.figures[-1].problem


def test_nor_where_the_audit_cannot_look(bench: Bench) -> None:
    bench.site.stack.stop("orchestrator")
    with pytest.raises(NotClean, match="orchestrator"):
        bench.site.audit()
