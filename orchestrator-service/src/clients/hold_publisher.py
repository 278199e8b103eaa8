"""Publishes hold messages to RabbitMQ: persistent, mandatory, each confirmed by the broker."""

import logging
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pika
from pika.adapters.select_connection import SelectConnection

from common import correlation, deadline, encoding
from common.errors import AppError, ErrorCode, Unreachable
from common.settings import RabbitSettings

log = logging.getLogger(__name__)

EXCHANGE = "seat.hold.exchange"
ROUTING_KEY = "seat.hold"
_QUEUE_TTL_SECONDS = 300  # the x-message-ttl of seat.hold.queue
_CONFIRM_SECONDS = 2.0
_RECONNECT_SECONDS = 0.5


class HoldPublisher:
    """One connection per process, owned by a thread of its own, shared by all request threads.

    Confirms are awaited by the callers and not by the connection, so that many messages are under
    way at once. A lost connection is made anew in the background.
    """

    def __init__(self, settings: RabbitSettings, hold_ttl_seconds: int) -> None:
        self._parameters = pika.ConnectionParameters(
            settings.rabbitmq_host,
            settings.rabbitmq_port,
            credentials=pika.PlainCredentials(settings.rabbitmq_user, settings.rabbitmq_pass),
            heartbeat=10,
            blocked_connection_timeout=5,
            socket_timeout=2,
            stack_timeout=3,
        )
        short = hold_ttl_seconds < _QUEUE_TTL_SECONDS
        self._expiration = str(hold_ttl_seconds * 1000) if short else None
        self._connection: SelectConnection | None = None
        self._channel: Any = None
        self._blocked = False
        self._delivery_tag = 0
        self._unconfirmed: dict[int, tuple[str, Future[None]]] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hold publisher", daemon=True)

    def start(self) -> None:
        """Connect, and stay connected until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Close the connection and end the thread."""
        self._closing.set()
        connection = self._connection
        if connection is not None:
            connection.ioloop.add_callback_threadsafe(connection.close)
        self._thread.join(5)

    def publish(
        self, *, seat_id: UUID, user_id: UUID, order_id: UUID, reserved_at: datetime
    ) -> None:
        """Send the message of a hold and wait for the broker's confirmation.

        Raises Unreachable where the broker is away or takes nothing, SERVICE_UNAVAILABLE where it
        refused the message or did not confirm it in time.
        """
        connection = self._connection
        if connection is None:
            raise Unreachable("rabbitmq")
        body = encoding.dumps(
            {
                "seat_id": seat_id,
                "user_id": user_id,
                "order_id": order_id,
                "reserved_at": reserved_at,
            }
        )
        properties = pika.BasicProperties(
            content_type="application/json",
            delivery_mode=pika.DeliveryMode.Persistent,
            expiration=self._expiration,
            message_id=str(uuid4()),
            correlation_id=correlation.current(),
        )
        done: Future[None] = Future()
        connection.ioloop.add_callback_threadsafe(lambda: self._send(body, properties, done))
        try:
            done.result(deadline.left(_CONFIRM_SECONDS))
        except FutureTimeout:
            raise _not_confirmed() from None

    def ping(self) -> None:
        """Raises Unreachable where nothing could be published right now."""
        if self._channel is None or self._blocked:
            raise Unreachable("rabbitmq")

    # What follows runs in the connection's thread alone.

    def _run(self) -> None:
        while not self._closing.is_set():
            self._connection = SelectConnection(
                self._parameters,
                on_open_callback=self._on_open,
                on_open_error_callback=lambda connection, _: connection.ioloop.stop(),
                on_close_callback=lambda connection, _: connection.ioloop.stop(),
            )
            try:
                self._connection.ioloop.start()
            except Exception:
                # whatever went wrong in there, the process must go on getting connections
                log.exception("rabbitmq connection broke")
            self._forget_connection()
            self._closing.wait(_RECONNECT_SECONDS)

    def _on_open(self, connection: SelectConnection) -> None:
        connection.add_on_connection_blocked_callback(lambda *_: self._set_blocked(True))
        connection.add_on_connection_unblocked_callback(lambda *_: self._set_blocked(False))
        connection.channel(on_open_callback=self._on_channel_open)

    def _on_channel_open(self, channel: Any) -> None:
        self._delivery_tag = 0
        channel.add_on_return_callback(self._on_returned)
        channel.add_on_close_callback(self._on_channel_closed)
        channel.confirm_delivery(self._on_confirmed)
        self._channel = channel
        log.info("connected to rabbitmq")

    def _on_channel_closed(self, channel: Any, reason: Exception) -> None:
        log.warning("rabbitmq channel closed", extra={"reason": str(reason)})
        self._channel = None
        if channel.connection.is_open:
            channel.connection.close()

    def _set_blocked(self, blocked: bool) -> None:
        log.warning("rabbitmq takes no messages" if blocked else "rabbitmq takes messages again")
        self._blocked = blocked

    def _send(self, body: str, properties: pika.BasicProperties, done: "Future[None]") -> None:
        if self._channel is None or self._blocked:
            done.set_exception(Unreachable("rabbitmq"))
            return
        self._channel.basic_publish(EXCHANGE, ROUTING_KEY, body, properties, mandatory=True)
        self._delivery_tag += 1
        self._unconfirmed[self._delivery_tag] = (properties.message_id, done)

    def _on_confirmed(self, frame: Any) -> None:
        confirmed, tag = isinstance(frame.method, pika.spec.Basic.Ack), frame.method.delivery_tag
        tags = [one for one in self._unconfirmed if one <= tag] if frame.method.multiple else [tag]
        for one in tags:
            _, done = self._unconfirmed.pop(one, (None, None))
            if done is not None:
                _settle(done, None if confirmed else _not_confirmed())

    def _on_returned(self, _: Any, __: Any, properties: pika.BasicProperties, ___: bytes) -> None:
        """A message that no queue took; the broker sends this before its confirmation."""
        log.error("hold message was returned: is the topology there?")
        for message_id, done in self._unconfirmed.values():
            if message_id == properties.message_id:
                _settle(done, _not_confirmed())

    def _forget_connection(self) -> None:
        self._connection = self._channel = None
        self._blocked = False
        for _, done in self._unconfirmed.values():
            _settle(done, _not_confirmed())
        self._unconfirmed.clear()


def _settle(done: "Future[None]", error: AppError | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


def _not_confirmed() -> AppError:
    return AppError(ErrorCode.SERVICE_UNAVAILABLE, "The hold could not be made certain.")
