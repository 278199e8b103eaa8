"""A service as it runs: gunicorn, several worker processes, one /metrics over all of them."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import httpx
import pytest
from doubles import free_port

from common.testing import wait_for

SERVICE = """
import os
from flask import Flask, Response, request, send_file
from common import flask_defaults
app = Flask("things")
flask_defaults.install(app, service="things", internal_token="t", checks={})
app.add_url_rule("/worker", view_func=lambda: str(os.getpid()), endpoint="worker")
app.add_url_rule("/file", view_func=lambda: send_file("file.bin"), endpoint="file")
app.add_url_rule("/none", view_func=lambda: ("", 204), endpoint="none")
app.add_url_rule("/stream", view_func=lambda: Response(iter(["abc", "def"])), endpoint="stream")
app.add_url_rule("/empty", view_func=lambda: Response(iter([])), endpoint="empty")
app.add_url_rule("/read", view_func=lambda: request.get_data(), endpoint="read", methods=["POST"])
"""
NO_REQUESTS = {
    "no HTTP": b"nonsense\r\n\r\n",
    "a long address": b"GET /?" + b"a" * 5000 + b" HTTP/1.1\r\nHost: g\r\n\r\n",
    "a long header": b"GET / HTTP/1.1\r\nHost: g\r\nX-A: " + b"a" * 9000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\nHost: g\r\n" + b"X-A: 1\r\n" * 120 + b"\r\n",
    "a NUL": b"GET / HTTP/1.1\r\nHost: g\r\nX-A: \0\r\n\r\n",
    "an expectation": b"GET / HTTP/1.1\r\nHost: g\r\nExpect: the best\r\n\r\n",
    "an unknown coding": b"POST /read HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: x\r\n\r\n",
}
# what is found out only while the view reads the body
NO_REQUESTS |= {
    f"a chunk of {size}": b"POST /read HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
    + f"{size}\r\n{{}}\r\n0\r\n\r\n".encode()
    for size in ("zz", "-2", "0x2", "1")
}


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "service.py").write_text(SERVICE)
    (tmp_path / "file.bin").write_bytes(b"x" * 100_000)
    (tmp_path / "metrics").mkdir()
    url = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "-c", "python:common.gunicorn_conf"]
        + ["--bind", url, "service:app"],
        cwd=tmp_path,
        env={
            **os.environ,
            "WEB_CONCURRENCY": "2",
            "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "metrics"),
        },
        stdout=(tmp_path / "log").open("w"),
    )
    wait_for(lambda: healthy(url), "the service to be healthy", 20)
    yield f"http://{url}"
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0


def healthy(url: str) -> bool:
    try:
        return httpx.get(f"http://{url}/health").status_code == 200
    except httpx.TransportError:
        return False


def test_metrics_are_those_of_all_workers(url: str) -> None:
    workers: set[str] = set()
    asked = 0

    def both_have_answered() -> bool:
        nonlocal asked
        asked += 1
        workers.add(httpx.get(f"{url}/worker").text)  # a new connection each
        return len(workers) == 2

    wait_for(both_have_answered, "both workers to answer")
    label = '{method="GET",route="/worker",status="200"}'
    for _ in range(4):  # whichever worker answers
        assert f"http_request_seconds_count{label} {asked}.0" in httpx.get(f"{url}/metrics").text


def test_what_is_no_request_is_refused_in_the_envelope(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    for wrong, sent in NO_REQUESTS.items():
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(sent)
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, body = answer.decode().partition("\r\n\r\n")
        assert head.startswith("HTTP/1.1 400 ") and "HTTP/1.1" not in body, wrong
        assert len(re.findall(r"X-Correlation-ID: [0-9a-f-]{36}", head)) == 1, wrong
        assert json.loads(body)["error_code"] == "VALIDATION_ERROR", wrong


def test_the_id_of_what_is_no_request_leads_to_its_line_in_the_log(
    url: str, tmp_path: Path
) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET /worker HTTP/1.1\r\nHost: g\r\n\r\n")
        assert connection.recv(65536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(NO_REQUESTS["no HTTP"])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    (given,) = re.findall(r"X-Correlation-ID: ([0-9a-f-]{36})", answer.decode())
    written = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    (told,) = [line for line in written if line["correlation_id"] == given]
    assert told["message"].startswith("no request: ")


@pytest.mark.parametrize("path", ["/nowhere", "/read"])
@pytest.mark.parametrize("body", ["zz\r\n{}\r\n0\r\n\r\n", "0\r\nContent-Length: 5\r\n\r\n"])
def test_a_chunked_request_has_one_answer_that_ends_the_connection(
    url: str, path: str, body: str
) -> None:
    """A gateway would reuse the connection otherwise, for somebody who would get no answer."""
    host, port = url.removeprefix("http://").split(":")
    head = f"POST {path} HTTP/1.1\r\nHost: g\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall((head + body).encode())
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert re.match(rb"HTTP/1\.1 4\d\d ", answer) and answer.count(b"HTTP/1.1 ") == 1
    assert b"\r\nConnection: close\r\n" in answer


def test_with_a_setting_missing_it_ends_and_says_which(tmp_path: Path) -> None:
    service = "from common import settings\nsettings.load(settings.ServiceSettings)\n"
    (tmp_path / "service.py").write_text(service)
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "python:common.gunicorn_conf"]
        + ["--bind", f"127.0.0.1:{free_port()}", "service:app"],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if name != "INTERNAL_API_TOKEN"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ended.returncode == 3
    lines = [json.loads(line) for line in ended.stdout.splitlines()]
    assert "INTERNAL_API_TOKEN is missing" in [line.get("problem") for line in lines]
    assert ended.stderr == ""


def test_more_kept_connections_than_threads_are_all_answered(url: str) -> None:
    """Some are lingered on by a thread, the others wait where gunicorn has its idle ones."""
    address = url.removeprefix("http://")
    connections = [HTTPConnection(address, timeout=10) for _ in range(150)]
    for _ in range(3):
        for connection in connections:
            connection.request("GET", "/worker")
        for connection in connections:
            answer = connection.getresponse()
            assert answer.status == 200 and answer.read()
    for connection in connections:
        connection.close()


def test_two_requests_sent_at_once_have_two_answers(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    answers = b""
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"GET /worker HTTP/1.1\r\nHost: g\r\n\r\n" * 2)
        while answers.count(b"HTTP/1.1 200 ") < 2:
            assert (more := connection.recv(65536))
            answers += more


def test_an_answer_leaves_in_one_piece(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        for _ in range(20):
            connection.sendall(b"GET /worker HTTP/1.1\r\nHost: g\r\n\r\n")
            head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
            assert b"\r\nContent-Length: %d\r\n" % len(body) in head


@pytest.mark.parametrize(
    ("method", "path", "status", "length"),
    [("HEAD", "/file", 200, 0), ("GET", "/file", 200, 100_000), ("GET", "/none", 204, 0)]
    + [("GET", "/stream", 200, 6), ("GET", "/empty", 200, 0)],
)
def test_answers_of_every_kind_are_whole_and_the_connection_goes_on(
    url: str, method: str, path: str, status: int, length: int
) -> None:
    connection = HTTPConnection(url.removeprefix("http://"), timeout=10)
    for _ in range(3):
        connection.request(method, path)
        answer = connection.getresponse()
        assert (answer.status, len(answer.read())) == (status, length)
    connection.close()
