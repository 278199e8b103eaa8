"""The inventory service as its callers see it: over gRPC, on a database of its own."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from inventory_api.inventory_pb2_grpc import InventoryStub
from sqlalchemy import text
from sqlalchemy.engine import make_url

from common.database import Database
from common.errors import AppError, ErrorCode
from common.rpc import RpcClient
from common.settings import RabbitSettings
from common.testing import INTERNAL_TOKEN, database_from, wait_for
from src.grpc_server import build_server, build_servicer
from src.settings import Settings

from calls import Inventory

SERVICE = Path(__file__).parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def rabbit_settings() -> dict[str, Any]:
    url = make_url(os.environ["TEST_RABBITMQ_URL"])
    return {
        "rabbitmq_host": url.host,
        "rabbitmq_port": url.port,
        "rabbitmq_user": url.username,
        "rabbitmq_pass": url.password,
    }


@pytest.fixture(scope="session")
def settings() -> Iterator[Settings]:
    with database_from(SERVICE / "init.sql") as own_database:
        yield Settings(
            **own_database.model_dump(exclude={"db_pool_size"}),
            **rabbit_settings(),
            internal_api_token=INTERNAL_TOKEN,
            order_service_url="http://127.0.0.1:1",
            bind_host="127.0.0.1",
            grpc_port=free_port(),
        )


@pytest.fixture(scope="session")
def rabbit(settings: Settings) -> RabbitSettings:
    return settings


@pytest.fixture(scope="session")
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings)
    yield database
    database.engine.dispose()


def inventory_client(port: int, token: str = INTERNAL_TOKEN) -> RpcClient:
    return RpcClient("inventory", f"127.0.0.1:{port}", InventoryStub, token, timeout_seconds=5)


@pytest.fixture(scope="session")
def client(settings: Settings, database: Database) -> Iterator[RpcClient]:
    server = build_server(settings, build_servicer(settings, database))
    server.start()
    yield inventory_client(settings.grpc_port)
    server.stop(0).wait()


@contextmanager
def running_service(settings: Settings, **environment: Any) -> Iterator[subprocess.Popen[bytes]]:
    """`python -m src.main` with these settings, ended at the end."""
    given = {**settings.model_dump(), **environment}
    process = subprocess.Popen(
        [sys.executable, "-m", "src.main"],
        cwd=SERVICE,
        env={**os.environ, **{name.upper(): str(value) for name, value in given.items()}},
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def serving(port: int) -> bool:
    """Whether a gRPC server answers its health check there."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=0.5
            )
        except grpc.RpcError:
            return False
    return answer.status == health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
def inventory(client: RpcClient) -> Inventory:
    return Inventory(client)


@dataclass
class Store:
    """The tables themselves: to set a scene, and to see what is really there."""

    database: Database

    def sql(self, statement: str, **values: Any) -> list[Any]:
        with self.database.transaction() as session:
            result = session.execute(text(statement), values)
            return result.all() if result.returns_rows else []

    def seats(self, count: int, event: UUID | None = None) -> list[UUID]:
        rows = self.sql(
            "INSERT INTO seats (event_id, category, row_number, seat_number)"
            " SELECT :event, 'CAT1', 'A', n FROM generate_series(1, :count) AS n RETURNING seat_id",
            event=event or uuid4(),
            count=count,
        )
        return [row.seat_id for row in rows]

    def seat(self) -> UUID:
        return self.seats(1)[0]

    def row(self, seat: UUID) -> Any:
        return self.sql("SELECT * FROM seats WHERE seat_id = :seat", seat=seat)[0]

    def hold(self, hold: UUID) -> Any:
        rows = self.sql("SELECT * FROM holds WHERE hold_id = :hold", hold=hold)
        return rows[0] if rows else None

    def moves(self, seat: UUID) -> list[Any]:
        return self.sql("SELECT * FROM seat_moves WHERE seat_id = :seat", seat=seat)

    def entries(self, seat: UUID) -> list[Any]:
        return self.sql("SELECT * FROM entry_logs WHERE seat_id = :seat", seat=seat)

    def lapse(self, hold: UUID, seconds: float = 0.001) -> None:
        """Let the hold have run out `seconds` ago."""
        self.sql(
            "WITH hold AS (UPDATE holds SET held_until = now() - :ago * interval '1 second'"
            " WHERE hold_id = :hold RETURNING hold_id, held_until)"
            " UPDATE seats SET held_until = hold.held_until FROM hold"
            " WHERE seats.hold_id = hold.hold_id",
            hold=hold,
            ago=seconds,
        )


@pytest.fixture
def store(database: Database) -> Store:
    return Store(database)


@pytest.fixture(scope="module")
def workers(settings: Settings) -> Iterator[Inventory]:
    """The calls, on two worker processes."""
    port = free_port()
    own = {"grpc_port": port, "health_port": free_port(), "grpc_workers": 2, "rabbitmq_port": 1}
    with running_service(settings, **own):
        wait_for(lambda: serving(port), "the gRPC port", 20)
        yield Inventory(inventory_client(port))


@pytest.fixture
def own_store() -> Iterator[Store]:
    """A database of one test, which may take its schema apart."""
    with database_from(SERVICE / "init.sql") as own:
        store = Store(Database(own))
        yield store
        store.database.engine.dispose()


@pytest.fixture
def own_inventory(settings: Settings, own_store: Store) -> Iterator[Inventory]:
    """The product on that database, in this process, where its statements come apart too."""
    own = settings.model_copy(update={"grpc_port": free_port()})
    server = build_server(own, build_servicer(own, own_store.database))
    server.start()
    yield Inventory(inventory_client(own.grpc_port))
    server.stop(0).wait()


@pytest.fixture
def held(inventory: Inventory, store: Store) -> tuple[UUID, UUID, UUID]:
    """(seat, user, hold) of a live hold."""
    seat, user, hold = store.seat(), uuid4(), uuid4()
    inventory.reserve(seat, user, hold)
    return seat, user, hold


@pytest.fixture
def sold(inventory: Inventory, held: tuple[UUID, UUID, UUID]) -> tuple[UUID, UUID, UUID]:
    """(seat, owner, hold) of a sale."""
    inventory.confirm(*held)
    return held


@contextmanager
def locked(database: Database, seat: UUID) -> Iterator[None]:
    """Somebody has the seat's row locked meanwhile."""
    with database.transaction() as session:
        session.execute(text("SELECT FROM seats WHERE seat_id = :seat FOR UPDATE"), {"seat": seat})
        yield


def refused(code: ErrorCode, call: Callable[..., Any], *arguments: Any) -> AppError:
    """The refusal, which has this code."""
    with pytest.raises(AppError) as caught:
        call(*arguments)
    assert caught.value.code is code
    return caught.value
