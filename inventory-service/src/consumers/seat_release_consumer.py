"""Takes the hold messages whose time is up and gives their seats back."""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError
from prometheus_client import Counter
from pydantic import BaseModel, ValidationError

from common import correlation
from common.errors import AppError, ErrorCode
from common.settings import RabbitSettings

from ..clients.order_client import OrderClient
from ..services.hold_expiry import Ending, HoldExpiry

log = logging.getLogger(__name__)

_MESSAGES = Counter("hold_messages", "Hold messages, by what came of each delivery", ("outcome",))

RELEASE_QUEUE = "seat.release.queue"
PARKING_QUEUE = "seat.release.parking"


class HoldMessage(BaseModel):
    """The body of a hold message (contract.md, section 4)."""

    seat_id: UUID
    user_id: UUID
    order_id: UUID
    reserved_at: datetime


@dataclass(frozen=True)
class Delivery:
    """One message, and the channel it has to be answered on."""

    channel: BlockingChannel
    tag: int
    properties: pika.BasicProperties
    body: bytes

    def ack(self) -> None:
        """It is done with."""
        self.channel.basic_ack(self.tag)

    def give_back(self) -> None:
        """It is to be delivered again."""
        self.channel.basic_nack(self.tag, requeue=True)


class SeatReleaseConsumer:
    """Consumes the release queue for as long as the process lives, over any outage.

    Whatever it does can be done again, so a message is answered last: when we die in between, the
    broker delivers it again.
    """

    PREFETCH = 20
    RECONNECT_SECONDS = 1.0
    RETRY_SECONDS = 2.0  # after a passing fault
    LONGEST_WAIT_SECONDS = 5.0  # of a message that came too early

    def __init__(
        self,
        rabbit: RabbitSettings,
        expiry: HoldExpiry,
        orders: OrderClient,
        queue: str = RELEASE_QUEUE,
        parking: str = PARKING_QUEUE,
    ) -> None:
        self._parameters = pika.ConnectionParameters(
            host=rabbit.rabbitmq_host,
            port=rabbit.rabbitmq_port,
            credentials=pika.PlainCredentials(rabbit.rabbitmq_user, rabbit.rabbitmq_pass),
            heartbeat=20,
            blocked_connection_timeout=20,
            socket_timeout=2,
            stack_timeout=5,
        )
        self._expiry = expiry
        self._orders = orders
        self._queue = queue
        self._parking = parking
        self._consuming = False
        self._outage_told = False

    def start(self) -> None:
        """Consume from now on, in a daemon thread of this process."""
        threading.Thread(target=self.run, name="seat release consumer", daemon=True).start()

    def ping(self) -> None:
        """Raises AppError while RabbitMQ cannot be consumed from."""
        if not self._consuming:
            raise AppError(ErrorCode.SERVICE_UNAVAILABLE, "RabbitMQ cannot be reached right now.")

    def run(self) -> None:
        """Consume; after an outage, connect again. Never returns."""
        pause = threading.Event()
        while True:
            try:
                with pika.BlockingConnection(self._parameters) as connection:
                    self._consume(connection)
                reason = "the broker ended the consumer"
            except (AMQPError, OSError) as error:
                reason = repr(error)
            except Exception:  # a bug: the next connection may do better, no consumer never will
                log.exception("unexpected error in the consumer")
                reason = "unexpected error"
            finally:
                self._consuming = False
                correlation.adopt(None)  # what follows is of no message
            if not self._outage_told:
                log.warning("cannot consume", extra={"queue": self._queue, "reason": reason})
                self._outage_told = True
            pause.wait(self.RECONNECT_SECONDS)

    def _consume(self, connection: pika.BlockingConnection) -> None:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_qos(prefetch_count=self.PREFETCH)
        # the time-out lets us learn that consuming has begun before the first message comes
        for method, properties, body in channel.consume(self._queue, inactivity_timeout=1):
            if not self._consuming:
                log.info("consuming", extra={"queue": self._queue})
                self._consuming, self._outage_told = True, False
            if method is not None:
                self._handle(connection, Delivery(channel, method.delivery_tag, properties, body))

    def _handle(self, connection: pika.BlockingConnection, delivery: Delivery) -> None:
        correlation.adopt(delivery.properties.correlation_id)
        try:
            message = HoldMessage.model_validate_json(delivery.body)
        except ValidationError as error:
            self._park(delivery, error)
            return
        try:
            seconds_left = self._settle(message)
        except Exception as error:
            # a bug must not lose the message either
            if not isinstance(error, AppError):
                log.exception("unexpected error", extra={"order_id": message.order_id})
            _MESSAGES.labels("fault").inc()
            connection.sleep(self.RETRY_SECONDS)
            delivery.give_back()
            return
        if seconds_left:
            wait = min(seconds_left, self.LONGEST_WAIT_SECONDS)
            connection.call_later(wait, delivery.give_back)
        else:
            delivery.ack()

    def _settle(self, message: HoldMessage) -> float:
        """End the hold and fail its order; how many seconds the hold still has, 0 when done."""
        end = self._expiry.end(message.seat_id, message.order_id)
        fields = {"order_id": message.order_id, "seat_id": message.seat_id}
        _MESSAGES.labels(end.ending.name.lower()).inc()
        if end.ending is Ending.TOO_EARLY:
            return max(end.seconds_left, 0.05)
        if end.ending is not Ending.SOLD:
            self._orders.fail_expired(message.order_id)
        log.info("hold message settled", extra={**fields, "ending": end.ending.name})
        return 0

    def _park(self, delivery: Delivery, error: ValidationError) -> None:
        """Set a message aside that nobody could ever act on; acked once the broker has the copy."""
        delivery.channel.queue_declare(self._parking, durable=True)
        delivery.channel.basic_publish(
            "",
            self._parking,
            delivery.body,
            pika.BasicProperties(
                delivery_mode=pika.DeliveryMode.Persistent,
                content_type=delivery.properties.content_type,
                correlation_id=delivery.properties.correlation_id,
                headers=delivery.properties.headers,
            ),
            mandatory=True,
        )
        delivery.ack()
        _MESSAGES.labels("parked").inc()
        log.error("malformed message parked", extra={"problems": error.error_count()})
