"""The sidecar of a process without a REST API."""

import httpx

from common.errors import Unreachable
from common.sidecar import create_sidecar, serve_sidecar
from common.testing import INTERNAL_TOKEN
from doubles import free_port


def away() -> None:
    raise Unreachable("somebody")


def test_it_serves_health_and_metrics() -> None:
    port = free_port()
    serve_sidecar("worker", INTERNAL_TOKEN, {"part": lambda: None}, "127.0.0.1", port)
    health = httpx.get(f"http://127.0.0.1:{port}/health")
    assert (health.status_code, health.json()["checks"]) == (200, {"part": "connected"})
    assert "http_request_seconds" in httpx.get(f"http://127.0.0.1:{port}/metrics").text


def test_it_is_unhealthy_while_a_part_is_away() -> None:
    health = create_sidecar("worker", INTERNAL_TOKEN, {"part": away}).test_client().get("/health")
    assert (health.status_code, health.get_json()["checks"]) == (503, {"part": "disconnected"})
