"""A service as it runs: gunicorn, several worker processes, one /metrics over all of them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from doubles import free_port

from common.testing import wait_for

SERVICE = """
import os
from flask import Flask
from common import flask_defaults
app = Flask("things")
flask_defaults.install(app, service="things", internal_token="t", checks={})
app.add_url_rule("/worker", view_func=lambda: str(os.getpid()), endpoint="worker")
"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "service.py").write_text(SERVICE)
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
        stdout=subprocess.DEVNULL,
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
