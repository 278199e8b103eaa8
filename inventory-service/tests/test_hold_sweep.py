import socket
from contextlib import ExitStack
from uuid import uuid4

import pytest

from common.errors import AppError, ErrorCode
from common.testing import INTERNAL_TOKEN, wait_for
from src.clients.order_client import OrderClient
from src.services.hold_expiry import HoldExpiry
from src.services.hold_sweep import HoldSweep

from conftest import free_port, locked, running_service, serving
from order_stub import OrderStub


@pytest.fixture
def orders():
    stub = OrderStub()
    yield stub
    stub.stop()


@pytest.fixture
def sweep(database, orders):
    return HoldSweep(HoldExpiry(database), OrderClient(orders.url, INTERNAL_TOKEN))


def hold_on(inventory, store, seconds_ago):
    seat, hold = store.seat(), uuid4()
    inventory.reserve(seat, uuid4(), hold)
    store.lapse(hold, seconds_ago)
    return seat, hold


def test_a_hold_that_no_message_ended_is_released_and_its_order_failed(
    sweep, orders, inventory, store
):
    seat, hold = hold_on(inventory, store, seconds_ago=3.1)
    sweep.free_seats()
    assert (store.row(seat).status, store.hold(hold).status) == ("AVAILABLE", "RELEASED")
    sweep.fail_orders()
    assert orders.failed(hold)


def test_the_message_is_given_its_time_first(sweep, inventory, store):
    seat, hold = hold_on(inventory, store, seconds_ago=2)
    sweep.free_seats()
    assert store.row(seat).hold_id == hold


def test_living_holds_and_sales_are_left_alone(sweep, inventory, store):
    living, hold = hold_on(inventory, store, seconds_ago=-1)
    sold, user, sale = store.seat(), uuid4(), uuid4()
    inventory.reserve(sold, user, sale)
    inventory.confirm(sold, user, sale)
    before = store.row(living), store.row(sold)
    sweep.free_seats()
    assert (store.row(living), store.row(sold)) == before


def test_more_than_one_batch_goes_in_one_round(sweep, store, monkeypatch):
    monkeypatch.setattr(HoldExpiry, "BATCH", 10)
    seats = store.seats(35)
    store.sql(
        "WITH hold AS (INSERT INTO holds (hold_id, seat_id, user_id, status, held_until)"
        " SELECT gen_random_uuid(), seat_id, gen_random_uuid(), 'HELD', now() - interval '4 s'"
        " FROM seats WHERE seat_id = ANY(:seats) RETURNING *)"
        " UPDATE seats SET status = 'HELD', hold_id = hold.hold_id,"
        " held_by_user_id = hold.user_id, held_until = hold.held_until"
        " FROM hold WHERE seats.seat_id = hold.seat_id",
        seats=seats,
    )
    sweep.free_seats()
    assert {store.row(seat).status for seat in seats} == {"AVAILABLE"}


def test_a_locked_seat_is_left_for_the_next_round(sweep, inventory, store, database):
    taken, _ = hold_on(inventory, store, seconds_ago=4)
    other, _ = hold_on(inventory, store, seconds_ago=4)
    with locked(database, taken):
        sweep.free_seats()
        assert store.row(taken).status == "HELD"
    assert store.row(other).status == "AVAILABLE"
    sweep.free_seats()
    assert store.row(taken).status == "AVAILABLE"


def test_the_seat_is_free_although_the_order_service_is_away(sweep, orders, inventory, store):
    seat, hold = hold_on(inventory, store, seconds_ago=4)
    orders.refusal = ErrorCode.SERVICE_UNAVAILABLE
    sweep.free_seats()
    with pytest.raises(AppError):
        sweep.fail_orders()
    assert store.row(seat).status == "AVAILABLE"
    orders.calls.clear()
    sweep.fail_orders()
    assert orders.calls == []  # from here on it is the order service's


@pytest.fixture
def service(settings):
    """Starts the whole service, without a broker and with the order service at `url`."""
    with ExitStack() as started:

        def start(url):
            ports = {"grpc_port": free_port(), "health_port": free_port()}
            own = {**ports, "rabbitmq_port": 1, "order_service_url": url}
            started.enter_context(running_service(settings, **own))
            wait_for(lambda: serving(ports["grpc_port"]), "the service", 20)

        yield start


def test_without_a_broker_a_hold_ends_within_ten_seconds(service, orders, inventory, store):
    service(orders.url)
    seat, hold = hold_on(inventory, store, seconds_ago=0)
    wait_for(lambda: store.row(seat).status == "AVAILABLE", "the seat", 10)
    wait_for(lambda: orders.failed(hold), "the order to fail")


def test_a_frozen_order_service_holds_up_no_seat(service, inventory, store):
    with socket.create_server(("127.0.0.1", 0)) as frozen:  # connects, and never answers
        service(f"http://127.0.0.1:{frozen.getsockname()[1]}")
        for _ in range(3):
            seats = [hold_on(inventory, store, seconds_ago=4)[0] for _ in range(3)]
            wait_for(lambda: {store.row(seat).status for seat in seats} == {"AVAILABLE"}, "all", 3)
