"""What holds for every endpoint of the service."""

import re

import pytest
from flask.testing import FlaskClient

from common.testing import INTERNAL_TOKEN
from src.app import create_app
from src.settings import Settings


def test_every_endpoint_but_the_open_ones_needs_the_internal_token(client: FlaskClient) -> None:
    open_paths = ("/health", "/metrics", "/apidocs", "/apispec", "/flasgger", "/static", "/oauth2")
    refused = 0
    for rule in client.application.url_map.iter_rules():
        if rule.rule.startswith(open_paths):
            continue
        path = re.sub("<[a-z_]+>", "30000000-0000-4000-8000-000000000001", rule.rule)
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            for headers in ({}, {"X-Internal-Token": "wrong"}):
                response = client.open(path, method=method, headers=headers)
                assert response.status_code == 401, (method, path)
                assert response.get_json()["error_code"] == "UNAUTHORIZED"
                refused += 1
    assert refused >= 40


def test_health_tells_of_the_database(client: FlaskClient, settings: Settings) -> None:
    assert client.get("/health").get_json()["checks"] == {"database": "connected"}
    gone = create_app(settings.model_copy(update={"db_port": 1}))
    response = gone.test_client().get("/health")
    assert response.status_code == 503
    assert response.get_json()["checks"] == {"database": "disconnected"}


@pytest.mark.parametrize(
    ("path", "code"),
    [("/orders/not-a-uuid", "INVALID_UUID"), ("/orders?page=0", "VALIDATION_ERROR")],
)
def test_bad_input_is_answered_with_a_code(client: FlaskClient, path: str, code: str) -> None:
    response = client.get(path, headers={"X-Internal-Token": INTERNAL_TOKEN})
    assert (response.status_code, response.get_json()["error_code"]) == (400, code)
