"""Who gets in, and how what is refused looks on the wire."""

import time
from uuid import uuid4

import grpc
import pytest
from inventory_api import inventory_pb2 as pb
from inventory_api.inventory_pb2_grpc import InventoryServicer, InventoryStub

from common.database import Database
from common.errors import ErrorCode
from common.testing import INTERNAL_TOKEN
from src import grpc_server
from src.grpc_server import build_server, build_servicer

from calls import HASH, Inventory
from conftest import free_port, inventory_client, refused, serving


@pytest.fixture
def stub(settings, client):
    with grpc.insecure_channel(f"127.0.0.1:{settings.grpc_port}") as channel:
        yield InventoryStub(channel)


def refusal(call, request, token=INTERNAL_TOKEN):
    """(status, error-code) of a call that is refused."""
    metadata = (("internal-token", token),) if token else ()
    with pytest.raises(grpc.RpcError) as caught:
        call(request, metadata=metadata, timeout=5)
    trailing = dict(caught.value.trailing_metadata())
    return caught.value.code(), trailing.get("error-code")


@pytest.mark.parametrize("token", [None, "wrong"])
def test_every_call_without_the_internal_token_is_unauthenticated(stub, token):
    calls = pb.DESCRIPTOR.services_by_name["Inventory"].methods
    for method in calls:
        request = getattr(pb, method.input_type.name)()
        outcome = refusal(getattr(stub, method.name), request, token)
        assert outcome == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHORIZED"), method.name


def test_the_health_check_needs_no_token(settings, client):
    assert serving(settings.grpc_port)


def test_a_malformed_id_is_invalid_in_every_call(stub):
    for method in pb.DESCRIPTOR.services_by_name["Inventory"].methods:
        request = getattr(pb, method.input_type.name)()
        for field in method.input_type.fields:
            if field.name.endswith("_ids"):
                getattr(request, field.name).append("not-a-uuid")
            elif field.name.endswith("_id"):
                setattr(request, field.name, "not-a-uuid")
        outcome = refusal(getattr(stub, method.name), request)
        assert outcome == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_UUID"), method.name


def test_refusals_travel_with_status_and_code(stub, store):
    seat, user = str(store.seat()), str(uuid4())
    unknown = pb.ReserveSeatRequest(seat_id=str(uuid4()), user_id=user, hold_id=user)
    assert refusal(stub.ReserveSeat, unknown) == (grpc.StatusCode.NOT_FOUND, "SEAT_NOT_FOUND")
    unheld = pb.ConfirmSeatRequest(
        seat_id=seat, user_id=user, hold_id=user, price_paid="1.00", qr_code_hash=HASH
    )
    assert refusal(stub.ConfirmSeat, unheld) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "SEAT_NOT_HELD",
    )


@pytest.mark.parametrize("price", ["", "ten", "-1.00", "1.001", "NaN", "100000000.00", "1e400"])
def test_a_price_that_is_no_amount_of_money_is_invalid(inventory, store, price):
    arguments = store.seat(), uuid4(), uuid4(), price
    refused(ErrorCode.VALIDATION_ERROR, inventory.confirm, *arguments)


def test_a_hash_that_is_no_sha256_is_invalid(client, store):
    ids = {"seat_id": str(store.seat()), "user_id": str(uuid4()), "hold_id": str(uuid4())}
    request = pb.ConfirmSeatRequest(**ids, price_paid="1.00", qr_code_hash="AB")
    refused(ErrorCode.VALIDATION_ERROR, client.call, "ConfirmSeat", request)


def test_a_database_that_cannot_be_reached_is_unavailable(settings):
    own = settings.model_copy(update={"grpc_port": free_port(), "db_port": 1})
    server = build_server(own, build_servicer(own, Database(own)))
    server.start()
    try:
        unserved = Inventory(inventory_client(own.grpc_port))
        refused(ErrorCode.SERVICE_UNAVAILABLE, unserved.seat, uuid4())
    finally:
        server.stop(0).wait()


def test_a_connection_ends_after_a_while_and_no_call_is_lost_by_it(settings, monkeypatch):
    class PeersOnly(InventoryServicer):
        peers = set()

        def GetSeatOwner(self, request, context):
            self.peers.add(context.peer())
            return pb.Seat()

    monkeypatch.setattr(grpc_server, "_CONNECTION_MS", 100)
    own = settings.model_copy(update={"grpc_port": free_port()})
    server = build_server(own, PeersOnly())
    server.start()
    try:
        inventory, end = Inventory(inventory_client(own.grpc_port)), time.monotonic() + 1
        while time.monotonic() < end:
            inventory.seat(uuid4())
    finally:
        server.stop(0).wait()
    assert len(PeersOnly.peers) > 8  # the client has four at a time
