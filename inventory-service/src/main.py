"""The inventory service: gRPC workers, the consumer, the sweep, /health. `python -m src.main`."""

import logging
import signal
import socket
import threading
import time

from common import logs
from common.database import Database
from common.settings import load
from common.sidecar import serve_sidecar

from .clients.order_client import OrderClient
from .consumers.seat_release_consumer import SeatReleaseConsumer
from .services.hold_expiry import HoldExpiry
from .services.hold_sweep import HoldSweep
from .settings import SERVICE, Settings
from .worker_processes import WorkerProcesses

log = logging.getLogger(__name__)

_WAIT_FOR_PORT_SECONDS = 5.0


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    logs.configure(SERVICE)
    settings = load(Settings)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    _demand_free_port(settings.bind_host, settings.grpc_port)
    workers = WorkerProcesses("src.grpc_server", settings.grpc_workers)
    try:
        _start_threads(settings)
        log.info("serving", extra={"port": settings.grpc_port, "workers": settings.grpc_workers})
        workers.watch(stopping)
    finally:
        workers.stop()


def _start_threads(settings: Settings) -> None:
    database = Database(settings)
    expiry = HoldExpiry(database)
    orders = OrderClient(settings.order_service_url, settings.internal_api_token)
    consumer = SeatReleaseConsumer(settings, expiry, orders)
    checks = {"database": database.ping, "rabbitmq": consumer.ping}
    serve_sidecar(
        SERVICE, settings.internal_api_token, checks, settings.bind_host, settings.health_port
    )
    consumer.start()
    HoldSweep(expiry, orders).start()


def _demand_free_port(host: str, port: int) -> None:
    """Our workers share their port with one another, and would share it with a stranger.

    Waits a little, for the workers of a predecessor that was killed.
    """
    deadline = time.monotonic() + _WAIT_FOR_PORT_SECONDS
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return
            except OSError as error:
                if time.monotonic() > deadline:
                    log.critical("port is taken", extra={"port": port, "reason": str(error)})
                    raise SystemExit(1) from error
        time.sleep(0.1)


if __name__ == "__main__":
    main()
