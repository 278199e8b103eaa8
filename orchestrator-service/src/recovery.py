"""The recovery process: settles orders and transfers whose saga nobody drives any more.

    python -m src.recovery

It may run in several copies: a saga is taken over by a conditional update of its version.
/health and /metrics are on HEALTH_PORT.
"""

import logging
from collections.abc import Callable

from common import logs
from common.errors import AppError
from common.periodic import run_every
from common.settings import load
from common.sidecar import serve_sidecar

from .clients.saga_records import R, SagaRecords
from .orchestrators.saga import Overtaken, Unfinished
from .settings import Settings
from .wiring import Wiring

log = logging.getLogger(__name__)


def recover_all(wiring: Wiring, stale_seconds: float) -> None:
    """One round: every record whose saga nobody has touched for so long, oldest first."""
    of_saga = {"pay": wiring.purchase.recover, "refund": wiring.refunds.recover}
    for order in wiring.orders.untouched(stale_seconds):
        _recover(wiring.orders, order, lambda taken: of_saga[taken.saga](taken))
    for transfer in wiring.transfers.untouched(stale_seconds):
        _recover(wiring.transfers, transfer, wiring.transfer.recover)


def _recover(records: SagaRecords[R], seen: R, settle: Callable[[R], None]) -> None:
    fields = {"record_id": str(seen.record_id), "step": seen.saga_step}
    try:
        settle(records.take_over(seen))
        log.info("saga recovered", extra=fields)
    except Overtaken:
        log.info("saga was taken over elsewhere", extra=fields)
    except Unfinished:
        log.warning("saga is not finished yet", extra=fields)
    except AppError as error:
        log.warning("saga is not recovered yet", extra={**fields, "reason": str(error)})
    except Exception:  # a bug with one record must not keep the others waiting
        log.exception("saga cannot be recovered", extra=fields)


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
    run_every(
        settings.recovery_interval_seconds,
        lambda: recover_all(wiring, settings.saga_stale_seconds),
        "recovery",
    ).join()


if __name__ == "__main__":
    main()
