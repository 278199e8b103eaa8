"""RabbitMQ with the platform's exchanges and queues, under names of this test run's own."""

import json
import socket
import threading
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pika
from pika.adapters.blocking_connection import BlockingChannel

from common.settings import RabbitSettings

_DEFINITIONS = Path(__file__).parents[2] / "rabbitmq" / "definitions.json"
_NAMES = ("name", "source", "destination", "x-dead-letter-exchange")


@dataclass
class Broker:
    """The objects of rabbitmq/definitions.json, each name prefixed."""

    settings: RabbitSettings
    prefix: str = field(default_factory=lambda: f"test-{uuid4().hex[:8]}-")

    def __post_init__(self) -> None:
        self.release_queue = self.prefix + "seat.release.queue"
        self.parking = self.prefix + "seat.release.parking"
        defined = json.loads(_DEFINITIONS.read_text(), object_hook=self._prefixed)
        self._exchanges = defined["exchanges"]
        self._queues = defined["queues"]
        self._bindings = defined["bindings"]
        with self.connection() as connection:
            self._declare(connection.channel())

    def _prefixed(self, values: dict[str, Any]) -> dict[str, Any]:
        return {
            name: self.prefix + value if name in _NAMES else value for name, value in values.items()
        }

    def connection(self) -> pika.BlockingConnection:
        return pika.BlockingConnection(
            pika.ConnectionParameters(
                self.settings.rabbitmq_host,
                self.settings.rabbitmq_port,
                credentials=pika.PlainCredentials(
                    self.settings.rabbitmq_user, self.settings.rabbitmq_pass
                ),
            )
        )

    def _declare(self, channel: BlockingChannel) -> None:
        for exchange in self._exchanges:
            channel.exchange_declare(exchange["name"], exchange["type"], durable=True)
        for queue in self._queues:
            channel.queue_declare(queue["name"], durable=True, arguments=queue["arguments"])
        for binding in self._bindings:
            channel.queue_bind(binding["destination"], binding["source"], binding["routing_key"])

    def publish(
        self,
        body: bytes,
        exchange: str = "seat.release.exchange",
        routing_key: str = "seat.release",
        **properties: Any,
    ) -> None:
        with self.connection() as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.basic_publish(
                self.prefix + exchange,
                routing_key,
                body,
                pika.BasicProperties(delivery_mode=pika.DeliveryMode.Persistent, **properties),
                mandatory=True,
            )

    def parked(self) -> tuple[bytes, pika.BasicProperties] | None:
        """The next parked message, taken out."""
        with self.connection() as connection:
            method, properties, body = connection.channel().basic_get(self.parking, auto_ack=True)
        return (body, properties) if method else None

    def waiting(self) -> int:
        """How many messages nobody has taken from the release queue."""
        with self.connection() as connection:
            declared = connection.channel().queue_declare(self.release_queue, passive=True)
        return declared.method.message_count

    def remove(self) -> None:
        with self.connection() as connection:
            channel = connection.channel()
            for queue in self._queues:
                channel.queue_delete(queue["name"])
            for exchange in self._exchanges:
                channel.exchange_delete(exchange["name"])


class Relay:
    """A TCP relay to the broker whose connections can be cut, and which can refuse new ones."""

    def __init__(self, settings: RabbitSettings) -> None:
        self._target = (settings.rabbitmq_host, settings.rabbitmq_port)
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.accepting = True
        self.refused = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if not self.accepting:
                client.close()
                self.refused += 1
                continue
            server = socket.create_connection(self._target)
            self._open += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: Any, sink: Any) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        self._close(source, sink)

    def _close(self, *sockets: Any) -> None:
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def cut(self, accepting: bool) -> None:
        """End every connection; let new ones in only if `accepting`."""
        self.accepting = accepting
        self._close(*self._open)
        self._open.clear()

    def stop(self) -> None:
        self._close(self._listener)
        self.cut(accepting=False)


def hold_message(seat: UUID, user: UUID, order: UUID) -> bytes:
    return json.dumps(
        {
            "seat_id": str(seat),
            "user_id": str(user),
            "order_id": str(order),
            "reserved_at": datetime.now(timezone.utc).isoformat(),
        }
    ).encode()
