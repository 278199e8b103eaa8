"""The recovery process: settles orders whose saga nobody drives any more.

    python -m src.recovery

It may run in several copies: a saga is taken over by a conditional update of its version.
/health and /metrics are on HEALTH_PORT.
"""

import logging

from common import logs
from common.errors import AppError
from common.periodic import run_every
from common.settings import load
from common.sidecar import serve_sidecar

from .clients.order_client import Order
from .orchestrators.saga import Overtaken, Unfinished
from .settings import Settings
from .wiring import Wiring

log = logging.getLogger(__name__)


def recover_all(wiring: Wiring, stale_seconds: float) -> None:
    """One round: every order whose saga nobody has touched for so long, oldest first."""
    for order in wiring.orders.untouched(stale_seconds):
        _recover(wiring, order)


def _recover(wiring: Wiring, seen: Order) -> None:
    fields = {"order_id": str(seen.order_id), "step": seen.saga_step}
    try:
        wiring.purchase.recover(wiring.orders.take_over(seen))
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
    settings = load(Settings)
    logs.configure("recovery")
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
