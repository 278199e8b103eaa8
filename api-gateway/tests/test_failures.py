"""What a caller gets when a service is away, slow or broken, or the request makes no sense."""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import httpx

from common import deadline
from common.testing import wait_for
from conftest import KONG_YML, SETTINGS, Gateway, Stub, assert_refused, bearer, free_port
from kong_config import load


def test_a_service_that_is_away_is_unavailable_and_back_at_once(
    start_gateway: Callable[..., Gateway],
) -> None:
    port = free_port()
    gateway = start_gateway(upstream=f"127.0.0.1:{port}")
    origin = {"Origin": "http://localhost:3000"}
    refused = gateway.client.get("/api/orders", headers=bearer() | origin)
    assert_refused(refused, 503, "SERVICE_UNAVAILABLE")
    assert refused.headers["Access-Control-Allow-Origin"] == origin["Origin"]
    Stub(port)
    wait_for(
        lambda: gateway.client.get("/api/orders", headers=bearer()).status_code == 200,
        "the service to be found again",
        seconds=1,
    )


@contextmanager
def deaf_address() -> Iterator[str]:
    """An address where a connection is neither taken nor refused."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener, ExitStack() as waiting:
        address = listener.getsockname()
        for _ in range(3):
            connection = waiting.enter_context(socket.socket())
            connection.setblocking(False)
            connection.connect_ex(address)
        yield f"127.0.0.1:{address[1]}"


def test_who_asks_again_on_one_connection_is_told_that_a_service_cannot_be_reached(
    start_gateway: Callable[..., Gateway],
) -> None:
    with deaf_address() as address:
        gateway = start_gateway(upstream=address)
        for _ in range(3):
            refused = gateway.client.get("/api/orders", headers=bearer())
            assert_refused(refused, 503, "SERVICE_UNAVAILABLE")
            assert refused.elapsed.total_seconds() < 5


def test_whoever_sends_something_is_told_that_a_service_cannot_be_reached_however_fast_he_is(
    start_gateway: Callable[..., Gateway],
) -> None:
    """Head and body are two packets: the answer may overtake the second."""
    gateway = start_gateway(upstream=f"127.0.0.1:{free_port()}")

    def insist(_: int) -> set[int]:
        with httpx.Client(base_url=gateway.client.base_url, headers=bearer()) as client:
            asked = (client.post("/api/reserve", json={"seat_id": "x" * 200}) for _ in range(400))
            return {answer.status_code for answer in asked}

    with ThreadPoolExecutor(8) as pool:
        assert set().union(*pool.map(insist, range(8))) == {503}


def test_a_service_has_the_time_to_answer_and_a_caller_his_answer_within_10_seconds() -> None:
    for service in load(KONG_YML.read_text(), SETTINGS).services:
        tries = service.retries + 1
        assert deadline.REQUEST_SECONDS * 1000 < service.read_timeout * tries < 10_000


def test_a_service_that_is_too_slow_is_unavailable(start_gateway: Callable[..., Gateway]) -> None:
    text = KONG_YML.read_text().replace("_timeout: 9000", "_timeout: 300")
    gateway = start_gateway(text)
    headers = bearer() | {"X-Stub-Delay": "1", "X-Correlation-ID": "slow-service"}
    refused = gateway.client.post("/api/pay", headers=headers)
    assert_refused(refused, 503, "SERVICE_UNAVAILABLE")
    assert refused.headers["X-Correlation-ID"] == "slow-service"
    assert len(gateway.stub.requests) == 1


def test_a_service_that_hangs_up_is_unavailable_and_not_asked_again(gateway: Gateway) -> None:
    before = len(gateway.stub.requests)
    refused = gateway.client.post("/api/pay", headers=bearer() | {"X-Stub-Hang-Up": "1"})
    assert_refused(refused, 503, "SERVICE_UNAVAILABLE")
    assert len(gateway.stub.requests) == before + 1


def test_who_asks_again_on_one_connection_is_told_that_a_service_hung_up(
    start_gateway: Callable[..., Gateway],
) -> None:
    """HAProxy would rather hang up too, and leave it to the caller to try again."""
    gateway = start_gateway()
    for hangs_up in (False, True, True, False, True):
        headers = bearer() | ({"X-Stub-Hang-Up": "1"} if hangs_up else {})
        answer = gateway.client.post("/api/pay", headers=headers)
        if hangs_up:
            assert_refused(answer, 503, "SERVICE_UNAVAILABLE")
        else:
            assert answer.status_code == 200
    assert len(gateway.stub.requests) == 5


def test_what_a_service_answers_is_left_alone(gateway: Gateway) -> None:
    for status in (400, 404, 409, 428, 500, 502, 503):
        response = gateway.client.get("/api/events", headers={"X-Stub-Status": str(status)})
        assert (response.status_code, response.json()["path"]) == (status, "/events")


def test_what_is_no_http_reaches_nobody(gateway: Gateway) -> None:
    reached = len(gateway.stub.requests)
    head = b"POST /api/auth/login HTTP/1.1\r\nHost: g\r\n"
    for request in (
        b"nonsense\r\n\r\n",
        head + b"bad header\r\n\r\n",
        head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        head + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nno-size\r\n",
    ):
        assert gateway.raw(request).startswith(b"HTTP/1.1 400")
    assert len(gateway.stub.requests) == reached


def test_one_connection_serves_many_requests(gateway: Gateway) -> None:
    for path in ("/api/events", "/api/orders", "/api/nothing", "/health"):
        assert gateway.client.get(path).headers.get("Connection") != "close"
