"""Every abandoned seat comes back: by the dead-lettered message, the sweep, or the next buyer."""

import json
from collections.abc import Callable, Iterator
from uuid import uuid4

import pika
import pytest
from local_stack.stack import Stack
from pika.adapters.blocking_connection import BlockingChannel

from common.testing import wait_for
from conftest import HOLD_TTL_SECONDS
from platform_client import Api, Buyer, Records

NewBuyer, NewSeat = Callable[..., Buyer], Callable[[], str]
# the message comes when the hold ends, the sweep some seconds later (rule 4: ten at most)
WITHIN_SECONDS = HOLD_TTL_SECONDS + 10


@pytest.fixture
def without_rabbitmq(stack: Stack, api: Api) -> Iterator[Callable[[], None]]:
    """Stops the broker when called; it runs again afterwards."""
    yield lambda: stack.stop("rabbitmq")
    stack.start("rabbitmq")
    wait_for(
        lambda: api.call("GET", "/health").status_code == 200,
        "the platform to be whole again",
        seconds=60,
    )


@pytest.fixture
def channel(stack: Stack) -> Iterator[BlockingChannel]:
    """A channel to the stack's broker, beside the platform's own."""
    settings = stack.settings
    parameters = pika.ConnectionParameters(
        "127.0.0.1",
        int(settings["RABBITMQ_PORT"]),
        credentials=pika.PlainCredentials(settings["RABBITMQ_USER"], settings["RABBITMQ_PASS"]),
    )
    with pika.BlockingConnection(parameters) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        yield channel


def publish(channel: BlockingChannel, body: bytes) -> None:
    channel.basic_publish("", "seat.release.queue", body, mandatory=True)


def parked(channel: BlockingChannel) -> bytes:
    bodies = []
    while (message := channel.basic_get("seat.release.parking", auto_ack=True))[0]:
        bodies.append(message[2])
    return b"\n".join(bodies)


def release_message(buyer: Buyer, held: dict) -> bytes:
    message = {
        "seat_id": held["seat_id"],
        "user_id": buyer.user_id,
        "order_id": held["order_id"],
        "reserved_at": "2026-01-01T00:00:00.000Z",
    }
    return json.dumps(message).encode()


def test_a_hold_left_alone_ends_through_the_dead_letter_path(
    new_buyer: NewBuyer, new_seat: NewSeat, records: Records
) -> None:
    buyer = new_buyer()
    held = buyer.reserve(new_seat())
    wait_for(
        lambda: records.hold(held["seat_id"]) == ("AVAILABLE", None)
        and records.order(held["order_id"]) == ("FAILED", None),
        "the seat to be free and the order to have failed",
        seconds=WITHIN_SECONDS,
    )
    refused = buyer.api.refused("POST", "/api/pay", order_id=held["order_id"])
    assert refused == (410, "HOLD_EXPIRED")
    assert buyer.ledger() == [("GRANT", 1000)]


def test_with_rabbitmq_stopped_the_sweep_ends_the_hold_and_no_new_one_is_made(
    without_rabbitmq: Callable[[], None],
    new_buyer: NewBuyer,
    new_seat: NewSeat,
    records: Records,
) -> None:
    buyer, free_seat = new_buyer(), new_seat()
    held = buyer.reserve(new_seat())
    without_rabbitmq()
    refused = buyer.api.refused("POST", "/api/reserve", seat_id=free_seat)
    assert refused == (500, "INTERNAL_ERROR")
    assert records.hold(free_seat) == ("AVAILABLE", None)
    wait_for(
        lambda: records.hold(held["seat_id"]) == ("AVAILABLE", None)
        and records.order(held["order_id"]) == ("FAILED", None),
        "the sweep",
        seconds=WITHIN_SECONDS,
    )


def test_after_the_broker_is_back_holds_are_made_again(
    new_buyer: NewBuyer, new_seat: NewSeat
) -> None:
    buyer = new_buyer()
    assert buyer.pay(buyer.reserve(new_seat())["order_id"])["status"] == "CONFIRMED"


def test_an_expired_hold_goes_to_the_next_buyer_and_its_old_message_changes_nothing(
    channel: BlockingChannel, new_buyer: NewBuyer, new_seat: NewSeat, records: Records
) -> None:
    first, second, seat_id = new_buyer(), new_buyer(), new_seat()
    old = first.reserve(seat_id)
    records.query("inventory", "UPDATE seats SET held_until = now() WHERE seat_id = %s", seat_id)
    held = second.reserve(seat_id)
    publish(channel, release_message(first, old))
    wait_for(lambda: records.order(old["order_id"]) == ("FAILED", None), "the old order's end")
    assert records.hold(seat_id) == ("HELD", second.user_id)
    paid = second.pay(held["order_id"])
    publish(channel, release_message(first, old))
    publish(channel, release_message(second, held))
    marker = new_buyer()  # whatever was published before this one's end has been worked off then
    left = marker.reserve(new_seat())
    wait_for(
        lambda: records.order(left["order_id"]) == ("FAILED", None),
        "a later message",
        seconds=WITHIN_SECONDS,
    )
    records.assert_sold(second, held, str(paid["credits_charged"]))


def test_a_malformed_message_is_parked_and_the_next_one_is_worked_off(
    channel: BlockingChannel, new_buyer: NewBuyer, new_seat: NewSeat, records: Records
) -> None:
    marker = uuid4().hex.encode()
    publish(channel, b"not JSON " + marker)
    held = new_buyer().reserve(new_seat())
    wait_for(
        lambda: records.order(held["order_id"]) == ("FAILED", None),
        "the next message",
        seconds=WITHIN_SECONDS,
    )
    assert marker in parked(channel)
