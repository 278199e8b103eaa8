"""HttpClient: refusals raised as they were meant, everything else SERVICE_UNAVAILABLE."""

import socket
import threading
from collections.abc import Iterator
from decimal import Decimal
from uuid import UUID

import pytest
from doubles import Cut, ScriptedServer, answer, free_port
from flask import Flask
from werkzeug.serving import make_server

from common import correlation, deadline
from common.clients import HttpClient
from common.errors import AppError, ErrorCode, OutOfTime, Unreachable
from common.testing import INTERNAL_TOKEN

OK = answer(200, '{"success":true,"data":{"price":350.00}}')


@pytest.fixture
def served(app: Flask) -> Iterator[HttpClient]:
    """A client of the real application, over a real socket."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield HttpClient("things", f"http://127.0.0.1:{server.port}", INTERNAL_TOKEN)
    server.shutdown()
    thread.join()


def client_of(server: ScriptedServer, timeout_seconds: float = 2.0) -> HttpClient:
    return HttpClient("things", server.url, INTERNAL_TOKEN, timeout_seconds)


def failure(client: HttpClient, method: str = "get") -> AppError:
    with pytest.raises(AppError) as raised:
        getattr(client, method)("/things")
    return raised.value


def test_an_answer_is_its_data(served: HttpClient) -> None:
    assert served.get("/named/a")["price"] == Decimal("350.00")
    owner = UUID(int=7)
    made = served.post("/things", owner_id=owner, price=Decimal("1.50"), name=None)
    assert made == {"owner_id": str(owner), "price": Decimal("1.50"), "name": None}


def test_a_page_comes_whole_and_none_is_left_out(served: HttpClient) -> None:
    page = served.get_envelope("/things", per_page=2, owner_id=None)
    assert (len(page["data"]), page["pagination"]["total"]) == (2, 45)


def test_a_refusal_is_raised_again_as_it_was(served: HttpClient) -> None:
    with pytest.raises(AppError) as refused:
        served.get(f"/things/{UUID(int=9)}")
    assert refused.value.code is ErrorCode.SEAT_NOT_FOUND
    assert refused.value.message == "No such thing."
    assert refused.value.details == {"thing_id": str(UUID(int=9))}
    assert refused.value.had_no_effect


def test_a_failure_over_there_is_not_known_to_have_had_no_effect(served: HttpClient) -> None:
    with pytest.raises(AppError) as failed:
        served.post("/bug")
    assert failed.value.code is ErrorCode.INTERNAL_ERROR
    assert not failed.value.had_no_effect


def test_the_correlation_id_is_passed_on(served: HttpClient) -> None:
    correlation.adopt("given-by-the-caller")
    assert served.get("/named/a")["correlation_id"] == "given-by-the-caller"


def test_internal_endpoints_are_open_to_it(served: HttpClient) -> None:
    assert served.get("/for/internal") == {}


def test_a_refused_internal_token_is_our_own_fault(served: HttpClient) -> None:
    wrong = HttpClient("things", served._base_url, "wrong")
    with pytest.raises(AppError) as failed:
        wrong.get("/for/internal")
    assert failed.value.code is ErrorCode.SERVICE_UNAVAILABLE


def test_a_refused_connection_is_unreachable_and_nothing_happened() -> None:
    client = HttpClient("things", f"http://127.0.0.1:{free_port()}", INTERNAL_TOKEN)
    error = failure(client)
    assert isinstance(error, Unreachable) and error.had_no_effect
    assert error.code is ErrorCode.SERVICE_UNAVAILABLE


def test_after_a_time_out_nobody_knows_and_nothing_is_sent_again() -> None:
    server = ScriptedServer(hangs=True)
    error = failure(client_of(server, timeout_seconds=0.2), "post")
    assert error.code is ErrorCode.SERVICE_UNAVAILABLE and not error.had_no_effect
    assert len(server.requests) == 1
    server.close()


def test_a_call_ends_with_the_request_that_it_is_made_for() -> None:
    server = ScriptedServer(hangs=True)
    with deadline.within(0.2):
        error = failure(client_of(server, timeout_seconds=60), "post")
    assert error.code is ErrorCode.SERVICE_UNAVAILABLE and not error.had_no_effect
    server.close()


def test_where_no_time_is_left_nothing_is_sent() -> None:
    server = ScriptedServer(OK)
    with deadline.within(0):
        error = failure(client_of(server), "post")
    assert isinstance(error, OutOfTime) and error.had_no_effect
    assert server.requests == []
    server.close()


def test_a_call_whose_connection_broke_is_sent_once_more() -> None:
    server = ScriptedServer(OK, None, OK)  # the kept-alive connection ends under the second call
    client = client_of(server)
    assert client.get("/things") == client.post("/things") == {"price": Decimal("350.00")}
    assert (len(server.requests), server.connections) == (3, 2)
    server.close()


def test_a_call_that_breaks_twice_is_not_sent_again() -> None:
    server = ScriptedServer(OK, None, None, OK)
    client = client_of(server)
    client.get("/things")
    error = failure(client, "post")
    assert error.code is ErrorCode.SERVICE_UNAVAILABLE and not error.had_no_effect
    assert len(server.requests) == 3
    server.close()


def test_a_server_that_is_gone_at_the_second_try_may_have_done_it() -> None:
    server = ScriptedServer(OK, None)
    client = client_of(server)
    client.get("/things")
    server.close()
    error = failure(client, "post")
    assert error.code is ErrorCode.SERVICE_UNAVAILABLE and not error.had_no_effect


def test_a_server_that_is_gone_since_the_last_call_is_unreachable_and_nothing_happened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = HttpClient("things", "http://127.0.0.1:%d" % listener.getsockname()[1], "t")

        def answer_once() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(OK)

        thread = threading.Thread(target=answer_once)
        thread.start()
        assert client.get("/things")
        thread.join()
    error = failure(client, "post")
    assert isinstance(error, Unreachable) and error.had_no_effect


def test_a_call_whose_kept_connection_breaks_in_the_answer_is_sent_once_more() -> None:
    server = ScriptedServer(OK, Cut(OK[:-5]), OK)
    client = client_of(server)
    client.get("/things")
    assert client.get("/things") == {"price": Decimal("350.00")}
    assert len(server.requests) == 3
    server.close()


def test_connections_are_kept_and_used_again() -> None:
    server = ScriptedServer(OK, OK, OK)
    client = client_of(server)
    for _ in range(3):
        client.get("/things")
    assert (len(server.requests), server.connections) == (3, 1)
    server.close()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, "<html>"),
        (200, "[]"),
        (200, "{}"),
        (200, b"\xff"),
        (204, ""),
        (302, ""),
        (400, "no envelope"),
        (404, '{"error_code":"NO_SUCH_CODE","message":""}'),
        (502, "<html>Bad Gateway</html>"),
        (500, "[" * 100_000),
    ],
)
def test_what_is_not_in_the_envelope_is_unavailable(status: int, body: str | bytes) -> None:
    server = ScriptedServer(answer(status, body))
    error = failure(client_of(server))
    assert error.code is ErrorCode.SERVICE_UNAVAILABLE and not error.had_no_effect
    server.close()


def test_no_proxy_stands_between_services(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    server = ScriptedServer(OK)
    assert client_of(server).get("/things") == {"price": Decimal("350.00")}
    server.close()
