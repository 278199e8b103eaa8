"""One gRPC worker process: `python -m src.grpc_server`, started by src.main.

Several of them share one port, and the kernel deals them the connections.
"""

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2_grpc
from inventory_api import inventory_pb2_grpc

from common import garbage, logs
from common.database import Database
from common.rpc import MAX_MESSAGE_BYTES, ServerInterceptor
from common.settings import load

from .servicer import InventoryServicer
from .services.audit import Audit
from .services.entry_report import EntryReport
from .services.lock_service import LockService
from .services.ownership_service import OwnershipService
from .services.seat_map import SeatMap
from .services.seat_moves import SeatMoves
from .services.verification_service import VerificationService
from .settings import RPC_THREADS, SERVICE, Settings

# Calls that wait for a thread; more are refused at once, their deadline would pass anyway.
_MOST_CALLS_AT_ONCE = RPC_THREADS * 32
_GRACE_SECONDS = 2.0
# A worker's connections go to the others when it dies, and would stay there: they have to be dealt
# anew now and then for its successor to get any.
_CONNECTION_MS = 300_000
_CONNECTION_GRACE_MS = 10_000


def build_servicer(settings: Settings, database: Database) -> InventoryServicer:
    """The RPCs on `database`."""
    return InventoryServicer(
        LockService(database, settings.hold_ttl_seconds, settings.max_holds_per_user),
        OwnershipService(database),
        SeatMoves(database),
        SeatMap(database),
        VerificationService(database),
        EntryReport(database),
        Audit(database),
    )


def build_server(settings: Settings, servicer: InventoryServicer) -> grpc.Server:
    """The server, bound to its port, not started; RuntimeError where the port is not to be had."""
    server = grpc.server(
        ThreadPoolExecutor(RPC_THREADS, thread_name_prefix="rpc"),
        interceptors=(ServerInterceptor(settings.internal_api_token),),
        options=(
            ("grpc.so_reuseport", 1),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_connection_age_ms", _CONNECTION_MS),
            ("grpc.max_connection_age_grace_ms", _CONNECTION_GRACE_MS),
        ),
        maximum_concurrent_rpcs=_MOST_CALLS_AT_ONCE,
    )
    inventory_pb2_grpc.add_InventoryServicer_to_server(servicer, server)
    health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
    server.add_insecure_port(f"{settings.bind_host}:{settings.grpc_port}")
    return server


def main() -> None:
    """Serve until SIGTERM, SIGINT, or the end of the parent (which closes our standard input)."""
    logs.configure(SERVICE)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    threading.Thread(target=_await_parents_end, args=(stopping,), daemon=True).start()
    settings = load(Settings)
    server = build_server(settings, build_servicer(settings, Database(settings)))
    garbage.spare_what_is_here()
    server.start()
    stopping.wait()
    server.stop(_GRACE_SECONDS).wait()


def _await_parents_end(stopping: threading.Event) -> None:
    os.read(sys.stdin.fileno(), 1)  # not through a buffer, whose lock would be held at our exit
    stopping.set()


if __name__ == "__main__":
    main()
