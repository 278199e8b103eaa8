import logging
from uuid import uuid4

import pytest

from common import logs
from common.errors import AppError, ErrorCode
from common.testing import INTERNAL_TOKEN, wait_for
from src.clients.order_client import OrderClient
from src.consumers.seat_release_consumer import SeatReleaseConsumer
from src.services.hold_expiry import HoldExpiry

from broker import Broker, Relay, hold_message
from order_stub import OrderStub


class PatientConsumer(SeatReleaseConsumer):
    """The same, with shorter pauses."""

    RECONNECT_SECONDS = 0.2
    RETRY_SECONDS = 0.2


@pytest.fixture(scope="module")
def broker(rabbit):
    broker = Broker(rabbit)
    yield broker
    broker.remove()


@pytest.fixture(scope="module")
def relay(rabbit):
    relay = Relay(rabbit)
    yield relay
    relay.stop()


@pytest.fixture(scope="module")
def order_service():
    return OrderStub()


@pytest.fixture(scope="module")
def consumer(rabbit, relay, broker, order_service, database):
    """One that runs for the whole module, through a relay that can be cut."""
    consumer = PatientConsumer(
        rabbit.model_copy(update={"rabbitmq_host": "127.0.0.1", "rabbitmq_port": relay.port}),
        HoldExpiry(database),
        OrderClient(order_service.url, INTERNAL_TOKEN),
        broker.release_queue,
        broker.parking,
    )
    consumer.start()
    wait_for(lambda: connected(consumer), "the consumer")
    return consumer


@pytest.fixture
def orders(order_service, consumer):
    order_service.refusal = None
    return order_service


def connected(consumer):
    try:
        consumer.ping()
    except AppError:
        return False
    return True


def settled(broker, orders, hold):
    """Publish a message behind those already there, and wait until all have been handled."""
    wait_for(lambda: broker.waiting() == 0, "an empty queue")
    marker = uuid4()
    broker.publish(hold_message(uuid4(), uuid4(), marker))
    wait_for(lambda: orders.failed(marker), "the message behind it")
    return orders.failed(hold)


def test_a_hold_whose_time_is_up_is_released_and_its_order_failed(broker, orders, store, held):
    seat, _, hold = held
    store.lapse(hold)
    broker.publish(hold_message(*held), correlation_id="a-buyers-request")
    wait_for(lambda: orders.failed(hold), "the order to fail")
    assert (store.row(seat).status, store.hold(hold).status) == ("AVAILABLE", "RELEASED")
    call = next(call for call in orders.calls if call["path"] == f"/orders/{hold}")
    assert call["body"] == {"status": "FAILED", "reason": "HOLD_EXPIRED"}
    assert call["headers"]["X-Internal-Token"] == INTERNAL_TOKEN
    assert call["headers"]["X-Correlation-ID"] == "a-buyers-request"


def test_a_hold_left_alone_comes_back_through_the_dead_letter_path(broker, orders, store, held):
    seat, _, hold = held
    store.lapse(hold, seconds=-0.3)
    broker.publish(hold_message(*held), "seat.hold.exchange", "seat.hold", expiration="400")
    wait_for(lambda: orders.failed(hold), "the order to fail")
    assert store.row(seat).status == "AVAILABLE"


def test_a_message_that_comes_too_early_waits_for_the_end_of_the_hold(broker, orders, store, held):
    seat, _, hold = held
    store.lapse(hold, seconds=-0.7)
    broker.publish(hold_message(*held))
    assert not settled(broker, orders, hold)
    assert store.row(seat).status == "HELD"
    wait_for(lambda: orders.failed(hold), "the order to fail")
    assert store.row(seat).status == "AVAILABLE"


def test_a_stale_message_does_not_touch_a_later_hold(broker, orders, inventory, store, held):
    seat, _, hold = held
    store.lapse(hold)
    inventory.reserve(seat, uuid4(), uuid4())
    before = store.row(seat)
    broker.publish(hold_message(*held))
    wait_for(lambda: orders.failed(hold), "the order to fail")  # it is over all the same
    assert store.row(seat) == before


def test_a_stale_message_does_not_touch_a_later_sale(broker, orders, inventory, store, held):
    seat, _, hold = held
    store.lapse(hold)
    buyer, later = uuid4(), uuid4()
    inventory.reserve(seat, buyer, later)
    inventory.confirm(seat, buyer, later)
    before = store.row(seat)
    broker.publish(hold_message(*held))
    wait_for(lambda: orders.failed(hold), "the order to fail")
    assert store.row(seat) == before


def test_a_hold_that_became_a_sale_is_left_alone_and_so_is_its_order(
    broker, orders, inventory, store, held
):
    seat, user, hold = held
    inventory.confirm(seat, user, hold)
    before = store.row(seat)
    broker.publish(hold_message(*held))
    assert not settled(broker, orders, hold)
    assert store.row(seat) == before


@pytest.mark.parametrize("answer", [ErrorCode.ORDER_NOT_FOUND, ErrorCode.ORDER_INVALID_STATE])
def test_an_order_that_is_not_ours_to_end_ends_the_message(broker, orders, store, held, answer):
    hold = held[2]
    store.lapse(hold)
    orders.refusal = answer
    broker.publish(hold_message(*held))
    wait_for(lambda: orders.failed(hold), "the call")
    assert settled(broker, orders, hold)
    assert sum(call["path"] == f"/orders/{hold}" for call in orders.calls) == 1


def test_while_the_order_service_fails_the_seat_is_free_and_the_order_is_failed_later(
    broker, orders, store, held
):
    seat, _, hold = held
    store.lapse(hold)
    orders.refusal = ErrorCode.INTERNAL_ERROR
    broker.publish(hold_message(*held))
    wait_for(lambda: orders.failed(hold), "the first attempt")
    assert store.row(seat).status == "AVAILABLE"
    orders.refusal = None
    orders.calls.clear()
    wait_for(lambda: orders.failed(hold), "a later attempt")


def test_the_same_when_the_order_service_cannot_be_reached(broker, orders, store, held):
    seat, _, hold = held
    store.lapse(hold)
    orders.stop()
    broker.publish(hold_message(*held))
    wait_for(lambda: store.row(seat).status == "AVAILABLE", "the seat")
    orders.start()
    wait_for(lambda: orders.failed(hold), "a later attempt")


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"\xff\xfe", b"[]", b"{}", hold_message(uuid4(), uuid4(), "no-uuid")],
)
def test_a_malformed_message_is_parked_as_it_was(broker, orders, body):
    broker.publish(body, correlation_id="its-correlation-id", content_type="text/odd")
    copy, properties = wait_for(broker.parked, "the parked message")
    assert copy == body
    assert (properties.delivery_mode, properties.correlation_id) == (2, "its-correlation-id")
    assert properties.content_type == "text/odd"
    settled(broker, orders, None)
    assert broker.waiting() == 0 and broker.parked() is None


def test_the_consumer_outlives_an_outage_and_tells_of_it_once(
    broker, orders, store, held, relay, consumer, caplog
):
    marker = uuid4()
    broker.publish(hold_message(uuid4(), uuid4(), marker), correlation_id="a-buyers-request")
    wait_for(lambda: orders.failed(marker), "an earlier message")
    caplog.handler.addFilter(logs.config("inventory")["filters"]["context"]["()"]("inventory"))
    with caplog.at_level(logging.INFO):
        relay.cut(accepting=False)
        wait_for(lambda: not connected(consumer), "the outage to be noticed")
        broker.publish(hold_message(*held))
        store.lapse(held[2])
        wait_for(lambda: relay.refused > 3, "several attempts")
        relay.cut(accepting=True)
        wait_for(lambda: orders.failed(held[2]), "the order to fail")
        wait_for(lambda: connected(consumer), "the consumer")
    consumers_lines = [record for record in caplog.records if "queue" in vars(record)]
    assert [line.message for line in consumers_lines] == ["cannot consume", "consuming"]
    assert "a-buyers-request" not in [line.correlation_id for line in consumers_lines]


def test_a_message_whose_consumer_dies_in_between_is_delivered_again(
    broker, orders, store, held, relay
):
    seat, _, hold = held
    store.lapse(hold)
    orders.refusal = ErrorCode.SERVICE_UNAVAILABLE
    broker.publish(hold_message(*held))
    wait_for(lambda: orders.failed(hold), "the first attempt")
    relay.cut(accepting=True)
    orders.refusal = None
    orders.calls.clear()
    wait_for(lambda: orders.failed(hold), "the second delivery")
    assert store.row(seat).status == "AVAILABLE"
