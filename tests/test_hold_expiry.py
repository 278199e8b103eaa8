"""Every abandoned seat comes back: by the dead-lettered message, the sweep, or the next buyer."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from uuid import uuid4

import httpx
import pika
import pytest
from local_stack.stack import Stack
from pika.adapters.blocking_connection import BlockingChannel

from common.testing import wait_for
from platform_client import HOLD_TTL_SECONDS, Buyer, Records

NewBuyer, NewSeat = Callable[..., Buyer], Callable[[], str]
# the message comes when the hold ends, the sweep some seconds later (rule 4: ten at most)
WITHIN_SECONDS = HOLD_TTL_SECONDS + 10


@pytest.fixture
def without_rabbitmq(stack: Stack) -> Iterator[Callable[[], None]]:
    """Stops the broker when called; it runs again afterwards."""
    yield lambda: stack.stop("rabbitmq")
    stack.start("rabbitmq")
    url = f"http://127.0.0.1:{stack.ports['orchestrator']}/health"
    wait_for(
        # each on a connection of its own: every worker process has to be back at the broker
        lambda: stack.is_healthy() and all(httpx.get(url).is_success for _ in range(20)),
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


def release_message(seat_id: str, user_id: str, order_id: str) -> bytes:
    ids = {"seat_id": seat_id, "user_id": user_id, "order_id": order_id}
    return json.dumps({**ids, "reserved_at": "2026-01-01T00:00:00.000Z"}).encode()


def settled(stack: Stack, order_id: str) -> list[dict]:
    """What the consumer, and nobody else, wrote of each message of that order it had done with."""
    with stack.log("inventory").open() as log:
        whole = [line for line in log if line.endswith("\n") and order_id in line]
    return [json.loads(line) for line in whole if "hold message settled" in line]


def test_a_hold_left_alone_ends_through_the_dead_letter_path(
    stack: Stack, new_buyer: NewBuyer, new_seat: NewSeat, records: Records
) -> None:
    buyer = new_buyer()
    held = buyer.reserve(new_seat())
    (trace,) = wait_for(
        lambda: settled(stack, held["order_id"]), "the message", seconds=WITHIN_SECONDS
    )
    assert trace["ending"] == "ENDED"
    late = datetime.fromisoformat(trace["timestamp"]) - datetime.fromisoformat(held["held_until"])
    assert timedelta(0) <= late < timedelta(seconds=2)
    assert records.hold(held["seat_id"]) == ("AVAILABLE", None)
    assert records.order(held["order_id"]) == ("FAILED", None)
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
    stack: Stack,
    channel: BlockingChannel,
    new_buyer: NewBuyer,
    new_seat: NewSeat,
    records: Records,
) -> None:
    first, second, seat_id = new_buyer(), new_buyer(), new_seat()
    old = first.reserve(seat_id)["order_id"]
    records.query("inventory", "UPDATE seats SET held_until = now() WHERE seat_id = %s", seat_id)
    held = second.reserve(seat_id)
    publish(channel, release_message(seat_id, first.user_id, old))
    wait_for(lambda: settled(stack, old), "the stale message")
    assert records.order(old) == ("FAILED", None)
    assert records.hold(seat_id) == ("HELD", second.user_id)
    paid = second.pay(held["order_id"])
    publish(channel, release_message(seat_id, first.user_id, old))
    publish(channel, release_message(seat_id, second.user_id, held["order_id"]))
    (trace,) = wait_for(lambda: settled(stack, held["order_id"]), "the sold seat's message")
    assert trace["ending"] == "SOLD"
    endings = [one["ending"] for one in settled(stack, old)]
    assert len(endings) >= 2 and set(endings) == {"ALREADY_GONE"}
    records.assert_sold(second, held, str(paid["credits_charged"]))


def test_a_malformed_message_is_parked_and_the_next_one_is_worked_off(
    stack: Stack, channel: BlockingChannel, new_seat: NewSeat
) -> None:
    marker, order_id = uuid4().hex.encode(), str(uuid4())
    publish(channel, b"not JSON " + marker)
    publish(channel, release_message(new_seat(), str(uuid4()), order_id))
    wait_for(lambda: settled(stack, order_id), "the next message")
    assert marker in parked(channel)
