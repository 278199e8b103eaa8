"""The publisher against a real broker: confirmed, returned, and back after a lost connection."""

import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from common import encoding
from common.errors import AppError, ErrorCode, Unreachable
from common.settings import RabbitSettings
from common.testing import wait_for
from src.clients import hold_publisher
from src.clients.hold_publisher import HoldPublisher


@pytest.fixture(scope="module")
def broker() -> pika.URLParameters:
    return pika.URLParameters(os.environ["TEST_RABBITMQ_URL"])


@pytest.fixture
def channel(broker: pika.URLParameters) -> Iterator[BlockingChannel]:
    with pika.BlockingConnection(broker) as connection:
        yield connection.channel()


@pytest.fixture
def queue(channel: BlockingChannel, monkeypatch: pytest.MonkeyPatch) -> str:
    """An exchange and a queue of this test alone, in the hold exchange's place."""
    name = f"test.{uuid4().hex}"
    monkeypatch.setattr(hold_publisher, "EXCHANGE", name)
    channel.exchange_declare(name, durable=True, auto_delete=False)
    channel.queue_declare(name, exclusive=True)
    channel.queue_bind(name, name, hold_publisher.ROUTING_KEY)
    return name


def settings_for(broker: pika.URLParameters, **other: Any) -> RabbitSettings:
    given = {
        "rabbitmq_host": broker.host,
        "rabbitmq_port": broker.port,
        "rabbitmq_user": broker.credentials.username,
        "rabbitmq_pass": broker.credentials.password,
    }
    return RabbitSettings(**{**given, **other})


@pytest.fixture
def publisher(broker: pika.URLParameters) -> Iterator[HoldPublisher]:
    publisher = HoldPublisher(settings_for(broker), hold_ttl_seconds=20)
    publisher.start()
    wait_for(lambda: is_up(publisher), "the connection")
    yield publisher
    publisher.stop()


def is_up(publisher: HoldPublisher) -> bool:
    try:
        publisher.ping()
    except Unreachable:
        return False
    return True


def hold() -> dict[str, Any]:
    ids = {name: uuid4() for name in ("seat_id", "user_id", "order_id")}
    return {**ids, "reserved_at": datetime.now(timezone.utc)}


def test_a_message_is_persistent_expires_with_the_hold_and_says_whose_it_is(
    publisher: HoldPublisher, channel: BlockingChannel, queue: str
) -> None:
    message = hold()
    publisher.publish(**message)
    _, properties, body = channel.basic_get(queue, auto_ack=True)
    assert encoding.loads(body) == encoding.loads(encoding.dumps(message))
    assert (properties.delivery_mode, properties.expiration) == (2, "20000")
    assert properties.correlation_id


def test_many_threads_publish_at_once_and_every_message_arrives(
    publisher: HoldPublisher, channel: BlockingChannel, queue: str
) -> None:
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: publisher.publish(**hold()), range(200)))
    assert channel.queue_declare(queue, passive=True).method.message_count == 200


def test_a_message_that_no_queue_takes_is_an_error(
    publisher: HoldPublisher, channel: BlockingChannel, queue: str
) -> None:
    channel.queue_unbind(queue, queue, hold_publisher.ROUTING_KEY)
    with pytest.raises(AppError) as error:
        publisher.publish(**hold())
    assert error.value.code is ErrorCode.SERVICE_UNAVAILABLE
    channel.queue_bind(queue, queue, hold_publisher.ROUTING_KEY)
    publisher.publish(**hold())


def test_it_is_back_after_its_connection_was_lost(
    publisher: HoldPublisher, channel: BlockingChannel, queue: str
) -> None:
    publisher._connection._transport._sock.shutdown(socket.SHUT_RDWR)
    wait_for(lambda: not is_up(publisher), "the loss")
    wait_for(lambda: is_up(publisher), "the new connection")
    publisher.publish(**hold())
    assert channel.queue_declare(queue, passive=True).method.message_count == 1


def test_it_is_back_after_its_channel_was_closed(
    publisher: HoldPublisher,
    channel: BlockingChannel,
    queue: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as other:
        other.setattr(hold_publisher, "EXCHANGE", "there.is.no.such.exchange")
        with pytest.raises(AppError):
            publisher.publish(**hold())
    wait_for(lambda: is_up(publisher), "the new channel")
    publisher.publish(**hold())
    assert channel.queue_declare(queue, passive=True).method.message_count == 1


def test_without_a_broker_it_says_so_at_once(broker: pika.URLParameters) -> None:
    publisher = HoldPublisher(settings_for(broker, rabbitmq_port=1), hold_ttl_seconds=300)
    publisher.start()
    with pytest.raises(Unreachable):
        publisher.publish(**hold())
    publisher.stop()
