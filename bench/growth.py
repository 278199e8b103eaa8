"""How a purchase's cost grows: with what the tables hold, and with the workers of a service."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.load import Generator
from bench.runs import Bench
from bench.site import HOLD_SECONDS, PRICE, SERVICES, Site, platform

_SQL = Path(__file__).with_name("sql")
_MOST_GROWTH = 1.2


@dataclass(frozen=True)
class Size:
    """What history the tables hold: of the orders `sold` are CONFIRMED, the others FAILED."""

    seats: int = 0
    orders: int = 0
    sold: int = 0

    @property
    def failed(self) -> int:
        return self.orders - self.sold

    def __str__(self) -> str:
        return f"{self.seats:,} seats, {self.orders:,} orders"


SIZES = (
    Size(5_000, 10_000, 4_500),
    Size(50_000, 10_000, 4_500),
    Size(500_000, 10_000, 4_500),
    Size(500_000, 1_000_000, 450_000),
)


@dataclass(frozen=True)
class Grown:
    """Purchases, and what they were measured with; `times` as dear as on the smallest tables."""

    size: Size
    workers: int
    figure: Figure
    times: float

    @property
    def is_flat(self) -> bool:
        return self.times <= _MOST_GROWTH

    def as_json(self) -> dict[str, Any]:
        """For a program."""
        return {
            "seats": self.size.seats,
            "orders": self.size.orders,
            "workers": self.workers,
            "times": round(self.times, 3),
            "figure": self.figure.as_json(),
        }


def growth(
    generator: Generator,
    folder: Path,
    share: float,
    sizes: Sequence[Size] = SIZES,
    hold_seconds: int = HOLD_SECONDS,
) -> Iterator[Grown]:
    """With one worker per service on the smallest tables, then with two on larger and larger.

    The loads add to what is there: an event, and its seats and buyers.
    """
    for workers, wanted in ((1, sizes[:1]), (2, sizes)):
        with platform(folder / f"{workers}-workers", workers, hold_seconds) as site:
            bench, there = Bench(site, generator, share), Size()
            bench.warm_up()
            for size in wanted:
                print(f"filling: {size}; {workers} worker(s) per service ...", flush=True)
                _fill(site, there, size)
                there = size
                bench.purchases()
                first, last = bench.figures[0].whole_cpu, bench.figures[-1].whole_cpu
                yield Grown(size, workers, bench.figures[-1], last / first if first else 0.0)


def _fill(site: Site, there: Size, wanted: Size) -> None:
    """Add what is missing: whole orders, with their seats, holds, buyers and charges."""
    values = {"price": PRICE}
    for name in ("seats", "sold", "failed"):
        values |= {f"{name}_from": getattr(there, name), f"{name}_to": getattr(wanted, name)}
    for service in SERVICES:
        site.query(service, (_SQL / f"history_{service}.sql").read_text(), **values)
