"""Whose token the gateway lets through."""

import base64
import hmac
import json
import time
from collections.abc import Callable

import pytest
from conftest import SECRET, Gateway, assert_refused, bearer, token

OTHER_SECRET = "another secret that is long enough"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _without_signature(algorithm: str) -> str:
    header = {"alg": algorithm, "typ": "JWT"}
    payload = {"iss": "ticketremaster", "sub": "u", "exp": int(time.time()) + 900}
    return ".".join([_base64(json.dumps(part).encode()) for part in (header, payload)] + [""])


def _signed_with_nothing() -> str:
    unsigned = _without_signature("HS256").removesuffix(".")
    return f"{unsigned}.{_base64(hmac.digest(b'', unsigned.encode(), 'sha256'))}"


REFUSED = {
    "no token": {},
    "an empty one": {"Authorization": "Bearer"},
    "another scheme": {"Authorization": f"Basic {token()}"},
    "no JWT at all": {"Authorization": "Bearer nonsense"},
    "two parts": {"Authorization": f"Bearer {token().rpartition('.')[0]}"},
    "another secret": bearer(OTHER_SECRET),
    "a changed payload": {"Authorization": "Bearer " + token()[:60] + "A" + token()[61:]},
    "alg none": bearer(SECRET, "none"),
    "alg none, spelt otherwise": {"Authorization": f"Bearer {_without_signature('NoNe')}"},
    "HS256 without a signature": {"Authorization": f"Bearer {_without_signature('HS256')}"},
    "another algorithm": bearer(SECRET, "HS512"),
    "another issuer": bearer(iss="somebody"),
    "no issuer": bearer(iss=None),
    "no expiry": bearer(exp=None),
    "another secret, expired": bearer(OTHER_SECRET, exp=1),
    "another issuer, expired": bearer(iss="somebody", exp=1),
}


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED.keys())
def test_a_bad_token_is_unauthorized(gateway: Gateway, headers: dict[str, str]) -> None:
    reached = len(gateway.stub.requests)
    assert_refused(gateway.client.get("/api/orders", headers=headers), 401, "UNAUTHORIZED")
    assert len(gateway.stub.requests) == reached


@pytest.mark.parametrize("seconds_ago", [0, 1, 100_000])
def test_a_well_signed_token_past_its_time_is_expired(gateway: Gateway, seconds_ago: int) -> None:
    headers = bearer(exp=int(time.time()) - seconds_ago)
    assert_refused(gateway.client.get("/api/orders", headers=headers), 401, "TOKEN_EXPIRED")


def test_a_token_in_the_query_does_not_count(gateway: Gateway) -> None:
    response = gateway.client.get(f"/api/orders?jwt={token()}")
    assert_refused(response, 401, "UNAUTHORIZED")


def test_the_service_gets_the_token(gateway: Gateway) -> None:
    headers = bearer()
    gateway.client.get("/api/orders", headers=headers)
    assert gateway.stub.requests[-1].header("Authorization") == [headers["Authorization"]]


def test_a_refresh_token_is_left_to_the_service(gateway: Gateway) -> None:
    expired = bearer(type="refresh", exp=1)
    assert gateway.client.post("/api/auth/refresh", headers=expired).status_code == 200


def test_with_an_empty_secret_nobody_gets_in(start_gateway: Callable[..., Gateway]) -> None:
    locked = start_gateway(secret="")
    headers = {"Authorization": f"Bearer {_signed_with_nothing()}"}
    assert_refused(locked.client.get("/api/orders", headers=headers), 401, "UNAUTHORIZED")
