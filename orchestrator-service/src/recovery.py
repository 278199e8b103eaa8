"""The recovery process: settles orders and transfers whose saga nobody drives any more.

    python -m src.recovery

It may run in several copies: a saga is taken over by a conditional update of its version.
/health and /metrics are on HEALTH_PORT.
"""

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from typing import Any, Generic

from prometheus_client import Counter, Gauge

from common import correlation, logs
from common.errors import AppError
from common.periodic import run_every
from common.settings import load
from common.sidecar import serve_sidecar

from .clients.saga_records import R, SagaRecords
from .orchestrators.saga import Overtaken, Unfinished
from .settings import Settings
from .wiring import Wiring

log = logging.getLogger(__name__)

# What an outage leaves behind is settled side by side: one by one it would take minutes.
_AT_ONCE = 8

_TAKEN_UP = Counter("recovery_sagas", "Sagas that recovery took up", ("saga", "outcome"))
_LEFT = Gauge("recovery_left_sagas", "Sagas found left by their drivers", ("record",))
_LAST_ROUND = Gauge("recovery_last_round_timestamp_seconds", "When a round was last completed")


class Outcome(Enum):
    """What came of taking up a saga: how grave that is, and the log's words."""

    SETTLED = logging.INFO, "saga recovered"
    ELSEWHERE = logging.INFO, "saga was taken over elsewhere"
    NOT_YET = logging.WARNING, "saga is not recovered yet"
    BROKEN = logging.ERROR, "saga cannot be recovered"


class Recovery(Generic[R]):
    """Takes up the sagas of one kind of record; `settle` gets each that was taken over."""

    def __init__(self, kind: str, records: SagaRecords[R], settle: Callable[[R], None]) -> None:
        self._records = records
        self._settle = settle
        self._left = _LEFT.labels(kind)

    def round(self, pool: ThreadPoolExecutor, stale_seconds: float) -> None:
        """Take up the sagas that nobody has touched for so long, oldest first.

        Raises AppError where the records cannot be read.
        """
        left = self._records.untouched(stale_seconds)
        self._left.set(len(left))
        list(pool.map(self._take_up, left))

    def _take_up(self, seen: R) -> None:
        correlation.adopt(None)
        outcome, reason = self._attempt(seen)
        _TAKEN_UP.labels(seen.saga, outcome.name.lower()).inc()
        level, words = outcome.value
        fields = {"record_id": str(seen.record_id), "step": seen.saga_step}
        fields |= {"reason": str(reason)} if reason else {}
        log.log(level, words, extra=fields, exc_info=reason if outcome is Outcome.BROKEN else None)

    def _attempt(self, seen: R) -> tuple[Outcome, Exception | None]:
        try:
            self._settle(self._records.take_over(seen))
            return Outcome.SETTLED, None
        except Overtaken:
            return Outcome.ELSEWHERE, None
        except Unfinished:
            return Outcome.NOT_YET, None
        except AppError as error:
            is_elsewhere = error.code is self._records.overtaken
            return (Outcome.ELSEWHERE if is_elsewhere else Outcome.NOT_YET), error
        except Exception as bug:  # with one record: it must not keep the others waiting
            return Outcome.BROKEN, bug


def recoveries(wiring: Wiring) -> list[Recovery[Any]]:
    """Of orders and of transfers."""
    of_saga = {"pay": wiring.purchase.recover, "refund": wiring.refunds.recover}
    return [
        Recovery("order", wiring.orders, lambda order: of_saga[order.saga](order)),
        Recovery("transfer", wiring.transfers, wiring.transfer.recover),
    ]


def recover_all(
    of_records: Iterable[Recovery[Any]], pool: ThreadPoolExecutor, stale_seconds: float
) -> None:
    """One round over every kind of record."""
    for recovery in of_records:
        recovery.round(pool, stale_seconds)
    _LAST_ROUND.set_to_current_time()


def main() -> None:
    """Run until the process is ended."""
    logs.configure("recovery")
    settings = load(Settings)
    wiring = Wiring(settings)
    serve_sidecar(
        "recovery",
        settings.internal_api_token,
        {"order": wiring.orders.ping},
        settings.bind_host,
        settings.health_port,
    )
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="recovery")
    of_records = recoveries(wiring)
    run_every(
        settings.recovery_interval_seconds,
        lambda: recover_all(of_records, pool, settings.saga_stale_seconds),
        "recovery",
    ).join()


if __name__ == "__main__":
    main()
