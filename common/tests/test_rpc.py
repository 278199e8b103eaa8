"""gRPC with the house rules, over a real socket."""

import threading
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import grpc
import pytest
from doubles import CuttableLine, Servicer, free_port, rpc_server
from inventory_api import inventory_pb2 as pb
from inventory_api import inventory_pb2_grpc

from common import correlation, deadline, logs
from common.errors import AppError, ErrorCode, OutOfTime, RowLocked, Unreachable
from common.rpc import RpcClient
from common.testing import INTERNAL_TOKEN, wait_for


@pytest.fixture
def servicer() -> Servicer:
    return Servicer()


@pytest.fixture
def target(servicer: Servicer) -> Iterator[str]:
    with rpc_server(servicer) as (target, _):
        yield target


def client_of(target: str, token: str = INTERNAL_TOKEN, seconds: float = 2.0) -> RpcClient:
    return RpcClient("inventory", target, inventory_pb2_grpc.InventoryStub, token, seconds)


def call(client: RpcClient, seat_id: str = "1") -> Any:
    return client.call("GetSeatOwner", pb.GetSeatOwnerRequest(seat_id=seat_id))


def failure(client: RpcClient) -> AppError:
    with pytest.raises(AppError) as raised:
        call(client)
    return raised.value


def raising(error: Exception) -> Any:
    def behaviour(request: Any, context: grpc.ServicerContext) -> Any:
        raise error

    return behaviour


def raw_status(target: str, token: str | None) -> grpc.RpcError:
    """The failure as any other gRPC client sees it."""
    stub = inventory_pb2_grpc.InventoryStub(grpc.insecure_channel(target))
    metadata = () if token is None else (("internal-token", token),)
    with pytest.raises(grpc.RpcError) as raised:
        stub.GetSeatOwner(pb.GetSeatOwnerRequest(), timeout=2, metadata=metadata)
    return raised.value


def test_an_answer_comes_back(target: str) -> None:
    assert call(client_of(target), "42").seat_id == "42"


def test_a_refusal_is_raised_again_as_it_was(servicer: Servicer, target: str) -> None:
    servicer.behaviour = raising(
        AppError(ErrorCode.HOLD_EXPIRED, "Die Zeit ist um – leider.", price=Decimal("350.00"))
    )
    error = failure(client_of(target))
    assert (error.code, error.message) == (ErrorCode.HOLD_EXPIRED, "Die Zeit ist um – leider.")
    assert error.details == {"price": Decimal("350.00")}
    assert isinstance(error.details["price"], Decimal)
    assert error.had_no_effect and servicer.calls == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AppError(ErrorCode.SEAT_NOT_FOUND, ""), "NOT_FOUND"),
        (AppError(ErrorCode.SEAT_UNAVAILABLE, ""), "FAILED_PRECONDITION"),
        (RowLocked(ErrorCode.SEAT_UNAVAILABLE, ""), "ABORTED"),
        (AppError(ErrorCode.INVALID_UUID, ""), "INVALID_ARGUMENT"),
        (AppError(ErrorCode.VALIDATION_ERROR, ""), "INVALID_ARGUMENT"),
        (AppError(ErrorCode.SERVICE_UNAVAILABLE, ""), "UNAVAILABLE"),
        (AppError(ErrorCode.INTERNAL_ERROR, ""), "INTERNAL"),
    ],
)
def test_each_kind_of_failure_has_its_status_and_carries_its_code(
    servicer: Servicer, target: str, error: AppError, status: str
) -> None:
    servicer.behaviour = raising(error)
    seen = raw_status(target, INTERNAL_TOKEN)
    assert seen.code().name == status
    assert dict(seen.trailing_metadata())["error-code"] == error.code


def test_a_locked_row_is_known_as_such(servicer: Servicer, target: str) -> None:
    servicer.behaviour = raising(RowLocked(ErrorCode.SEAT_UNAVAILABLE, "Locked."))
    error = failure(client_of(target))
    assert isinstance(error, RowLocked) and error.code is ErrorCode.SEAT_UNAVAILABLE


def test_a_bug_says_nothing_of_the_inside(
    servicer: Servicer, target: str, caplog: pytest.LogCaptureFixture
) -> None:
    servicer.behaviour = raising(RuntimeError("the secret is 12345"))
    error = failure(client_of(target))
    assert error.code is ErrorCode.INTERNAL_ERROR and "12345" not in error.message
    assert "the secret is 12345" in caplog.text
    assert not error.had_no_effect


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_a_call_without_the_internal_token_is_refused(
    servicer: Servicer, target: str, token: str | None
) -> None:
    seen = raw_status(target, token)
    assert seen.code() is grpc.StatusCode.UNAUTHENTICATED
    assert dict(seen.trailing_metadata())["error-code"] == "UNAUTHORIZED"
    assert servicer.calls == 0


def test_a_refused_internal_token_is_our_own_fault(servicer: Servicer, target: str) -> None:
    assert failure(client_of(target, "wrong")).code is ErrorCode.SERVICE_UNAVAILABLE
    assert servicer.calls == 0


def test_the_correlation_id_is_passed_on(servicer: Servicer, target: str) -> None:
    servicer.behaviour = lambda request, context: pb.Seat(seat_id=correlation.current())
    correlation.adopt("given-by-the-caller")
    assert call(client_of(target)).seat_id == "given-by-the-caller"


def test_each_call_is_a_line_under_the_callers_id(
    servicer: Servicer, target: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusal = AppError(ErrorCode.SEAT_UNAVAILABLE, "")
    with caplog.at_level("INFO", "common.rpc"):
        caplog.handler.addFilter(logs.config("things")["filters"]["context"]["()"]("things"))
        for behaviour in (servicer.behaviour, raising(refusal), raising(RuntimeError())):
            correlation.adopt("given-by-the-caller")
            servicer.behaviour = behaviour
            with suppress(AppError):
                call(client_of(target))
    told = [record for record in caplog.records if record.message == "request"]
    assert [record.outcome for record in told] == ["OK", "SEAT_UNAVAILABLE", "INTERNAL_ERROR"]
    assert {record.rpc.rpartition("/")[2] for record in told} == {"GetSeatOwner"}
    assert {record.correlation_id for record in told} == {"given-by-the-caller"}
    assert all(record.milliseconds >= 0 for record in told)


def test_a_method_that_is_not_there_is_unavailable(target: str) -> None:
    with pytest.raises(AppError) as raised:
        client_of(target).call("ListSeats", pb.ListSeatsRequest())
    assert raised.value.code in (ErrorCode.SERVICE_UNAVAILABLE, ErrorCode.INTERNAL_ERROR)


def test_a_refused_connection_is_unreachable_and_nothing_happened() -> None:
    error = failure(client_of(f"127.0.0.1:{free_port()}"))
    assert isinstance(error, Unreachable) and error.had_no_effect


def test_a_server_that_comes_later_is_found(servicer: Servicer) -> None:
    port = free_port()
    client = client_of(f"127.0.0.1:{port}")
    assert isinstance(failure(client), Unreachable)

    def answered() -> bool:
        try:
            return bool(call(client).seat_id)
        except AppError:
            return False

    with rpc_server(servicer, port):
        wait_for(answered, "the client to connect", 5)


def test_after_the_deadline_nobody_knows_and_nothing_is_sent_again(
    servicer: Servicer, target: str
) -> None:
    over = threading.Event()
    servicer.behaviour = lambda request, context: over.wait(5) and pb.Seat()
    error = failure(client_of(target, seconds=0.2))
    over.set()
    assert error.code is ErrorCode.SERVICE_UNAVAILABLE and not error.had_no_effect
    assert servicer.calls == 1


def test_a_call_ends_with_the_request_that_it_is_made_for(servicer: Servicer, target: str) -> None:
    over = threading.Event()
    servicer.behaviour = lambda request, context: over.wait(10) and pb.Seat()
    with deadline.within(0.2):
        error = failure(client_of(target, seconds=60))
    over.set()
    assert error.code is ErrorCode.SERVICE_UNAVAILABLE and not error.had_no_effect


def test_every_call_has_a_deadline_also_where_its_caller_sets_none(
    servicer: Servicer, target: str
) -> None:
    seconds: list[float] = []
    servicer.behaviour = lambda request, context: seconds.append(deadline.left(60)) or pb.Seat()
    call(client_of(target, seconds=60))
    assert 0 < seconds[0] <= deadline.REQUEST_SECONDS


def test_where_no_time_is_left_nothing_is_sent(servicer: Servicer, target: str) -> None:
    client = client_of(target)
    call(client)
    with deadline.within(0):
        error = failure(client)
    assert isinstance(error, OutOfTime) and error.had_no_effect
    assert servicer.calls == 1


def test_a_call_whose_connection_broke_is_sent_once_more(servicer: Servicer, target: str) -> None:
    with CuttableLine(target) as line:

        def cut_off_at_first(request: Any, context: grpc.ServicerContext) -> Any:
            if servicer.calls == 1:
                line.cut()
            return pb.Seat(seat_id="at last")

        servicer.behaviour = cut_off_at_first
        assert call(client_of(line.target)).seat_id == "at last"
    assert servicer.calls == 2


def test_a_service_that_says_unavailable_is_not_asked_again(
    servicer: Servicer, target: str
) -> None:
    servicer.behaviour = raising(AppError(ErrorCode.SERVICE_UNAVAILABLE, "No database."))
    error = failure(client_of(target))
    assert (error.code, error.message) == (ErrorCode.SERVICE_UNAVAILABLE, "No database.")
    assert servicer.calls == 1


def test_a_call_that_was_cut_off_may_have_taken_effect(servicer: Servicer) -> None:
    begun, over = threading.Event(), threading.Event()

    def hanging(request: Any, context: grpc.ServicerContext) -> Any:
        begun.set()
        over.wait(5)
        return pb.Seat()

    servicer.behaviour = hanging
    with rpc_server(servicer) as (target, server):
        threading.Thread(target=lambda: begun.wait(5) and server.stop(None)).start()
        error = failure(client_of(target, seconds=4))
        over.set()
    assert error.code is ErrorCode.SERVICE_UNAVAILABLE and not error.had_no_effect


def test_no_proxy_stands_between_services(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    assert call(client_of(target), "42").seat_id == "42"
