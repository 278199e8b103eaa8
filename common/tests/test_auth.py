"""Who may call: tokens, roles, revocation, the internal token."""

import base64
import json
import time
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from conftest import RevocationList

from common.auth import Revocation, Revocations, Role, install_tokens
from common.errors import AppError, ErrorCode
from common.settings import JwtSettings
from common.testing import INTERNAL_TOKEN, JWT_SECRET, access_token, wait_for

USER = uuid4()


class UnknownRole(StrEnum):
    GOD = "god"


def ask(client: FlaskClient, token: str, path: str = "/for/customer") -> tuple[int, Any]:
    answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
    body = answer.get_json()
    return answer.status_code, body["data"] if body["success"] else body["error_code"]


def revocation(**given: Any) -> Revocation:
    now = time.time()
    return Revocation(
        **{"sid": None, "user_id": None, "issued_until": now, "expires_at": now + 900, **given}
    )


def test_a_good_token_says_who_calls(client: FlaskClient) -> None:
    token = access_token(USER, sid="login-1")
    expected = {"user_id": str(USER), "role": "customer", "sid": "login-1"}
    assert ask(client, token) == (200, expected)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer a.b.c"},
        {"Authorization": "Bearer a b"},
        {"Authorization": "Bearer \xff\xfe.a.b"},
        {"X-Internal-Token": INTERNAL_TOKEN},
    ],
)
def test_no_token_is_unauthorized(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.get("/for/customer", headers=headers)
    assert (answer.status_code, answer.get_json()["error_code"]) == (401, "UNAUTHORIZED")


def unsigned(claims: dict[str, Any]) -> str:
    """A token of the algorithm "none"."""
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    coded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in parts]
    return b".".join([*coded, b""]).decode()


@pytest.mark.parametrize(
    "token",
    [
        access_token(USER, secret="another-secret-of-at-least-32-chars"),
        access_token(USER)[:-4] + "AAAA",
        unsigned({"sub": str(USER), "iss": "ticketremaster", "role": "admin", "exp": 2**40}),
        access_token(USER, iss="somebody-else"),
        access_token(USER, iss=None),
        access_token(USER, exp=None),
        access_token(USER, sub=None),
        access_token(USER, sub="not-a-uuid"),
        access_token(USER, UnknownRole.GOD),
        access_token(USER, sid=None),
        access_token(USER, iat=None),
        access_token(USER, type="refresh"),
        access_token(USER, type="master"),
    ],
)
def test_a_token_that_is_not_ours_is_unauthorized(client: FlaskClient, token: str) -> None:
    assert ask(client, token) == (401, "UNAUTHORIZED")


def test_an_expired_token_says_so(client: FlaskClient) -> None:
    assert ask(client, access_token(USER, lifetime_seconds=-5)) == (401, "TOKEN_EXPIRED")


def test_a_token_that_was_good_expires_all_the_same(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, now = access_token(USER), time.time()
    assert ask(client, token)[0] == 200
    monkeypatch.setattr("common.auth.time.time", lambda: now + 86_400)
    assert ask(client, token) == (401, "TOKEN_EXPIRED")


def test_an_expired_token_with_a_bad_signature_does_not(client: FlaskClient) -> None:
    token = access_token(USER, lifetime_seconds=-5, secret="another-secret-of-at-least-32-chars")
    assert ask(client, token) == (401, "UNAUTHORIZED")


def test_an_access_token_refreshes_nothing(client: FlaskClient) -> None:
    assert ask(client, access_token(USER), "/for/refresh") == (401, "UNAUTHORIZED")
    assert ask(client, access_token(USER, type="refresh"), "/for/refresh")[0] == 200


@pytest.mark.parametrize(
    ("role", "admitted"),
    [
        (Role.CUSTOMER, {"customer"}),
        (Role.STAFF, {"customer", "staff"}),
        (Role.ADMIN, {"customer", "staff", "admin"}),
    ],
)
def test_a_role_may_do_what_those_before_it_may(
    client: FlaskClient, role: Role, admitted: set[str]
) -> None:
    for path in ("customer", "staff", "admin"):
        expected = 200 if path in admitted else 403
        status, answer = ask(client, access_token(USER, role), f"/for/{path}")
        assert status == expected
        assert status == 200 or answer == "FORBIDDEN"


def test_a_login_that_was_ended_is_refused(
    client: FlaskClient, revocations: Revocations, revoked: RevocationList
) -> None:
    ended, other = access_token(USER, sid="ended"), access_token(USER, sid="other")
    revoked.fresh = [revocation(sid="ended")]
    revocations.refresh()
    assert ask(client, ended) == (401, "UNAUTHORIZED")
    assert ask(client, access_token(USER, sid="ended", type="refresh"), "/for/refresh")[0] == 401
    assert ask(client, other)[0] == 200


def test_everything_issued_to_a_user_until_then_is_refused(
    client: FlaskClient, revocations: Revocations, revoked: RevocationList
) -> None:
    now = time.time()
    revoked.fresh = [revocation(user_id=str(USER), issued_until=now - 10)]
    revocations.refresh()
    assert ask(client, access_token(USER, iat=now - 11)) == (401, "UNAUTHORIZED")
    assert ask(client, access_token(USER, iat=now - 10)) == (401, "UNAUTHORIZED")
    assert ask(client, access_token(USER, iat=now - 9))[0] == 200
    assert ask(client, access_token(uuid4(), iat=now - 11))[0] == 200


def test_an_earlier_revocation_of_a_user_does_not_undo_a_later_one(
    client: FlaskClient, revocations: Revocations, revoked: RevocationList
) -> None:
    now = time.time()
    for until in (now - 10, now - 20):
        revoked.fresh = [revocation(user_id=str(USER), issued_until=until)]
        revocations.refresh()
    assert ask(client, access_token(USER, iat=now - 15)) == (401, "UNAUTHORIZED")


def test_only_what_is_new_is_asked_for(revocations: Revocations, revoked: RevocationList) -> None:
    revocations.refresh()
    assert revoked.asked_since == [None, "moment 1"]


def test_what_has_expired_is_forgotten(revocations: Revocations, revoked: RevocationList) -> None:
    past = time.time() - 1
    revoked.fresh = [
        revocation(sid="old", expires_at=past),
        revocation(user_id=str(USER), expires_at=past),
    ]
    revocations.refresh()
    assert not revocations._sids and not revocations._users


def test_nobody_is_let_in_before_the_first_list(app: Flask, client: FlaskClient) -> None:
    install_tokens(app, JwtSettings(jwt_secret=JWT_SECRET), Revocations(RevocationList()))
    assert ask(client, access_token(USER)) == (503, "SERVICE_UNAVAILABLE")
    assert ask(client, "a.b.c") == (401, "UNAUTHORIZED")


class FailingList(RevocationList):
    """The user service goes away after its first answer."""

    def __call__(self, since: str | None) -> tuple[list[Revocation], str]:
        if self.asked_since:
            raise AppError(ErrorCode.SERVICE_UNAVAILABLE, "Away.")
        return super().__call__(since)


def test_the_last_list_stays_in_force_while_the_user_service_is_away(
    app: Flask, client: FlaskClient
) -> None:
    source = FailingList()
    source.fresh = [revocation(sid="ended")]
    held = Revocations(source)
    install_tokens(app, JwtSettings(jwt_secret=JWT_SECRET), held)
    held.refresh()
    with pytest.raises(AppError):
        held.refresh()
    assert ask(client, access_token(USER, sid="ended"))[0] == 401
    assert ask(client, access_token(USER))[0] == 200


def test_a_list_that_was_half_taken_in_is_asked_for_again() -> None:
    asked: list[str | None] = []

    def fetch(since: str | None) -> tuple[list[Any], str]:
        asked.append(since)
        return ([None] if len(asked) == 1 else []), "later"  # None breaks the first one

    held = Revocations(fetch)
    with pytest.raises(AttributeError):
        held.refresh()
    held.refresh()
    assert asked == [None, None]


def test_the_list_is_refreshed_in_the_background(
    app: Flask, client: FlaskClient, revoked: RevocationList
) -> None:
    held = Revocations(revoked)
    held.REFRESH_SECONDS = 0.05
    install_tokens(app, JwtSettings(jwt_secret=JWT_SECRET), held)
    held.start()
    token = access_token(USER, sid="ended")
    wait_for(lambda: ask(client, token)[0] == 200, "the first list")
    revoked.fresh = [revocation(sid="ended")]
    wait_for(lambda: ask(client, token)[0] == 401, "the revocation to be in force", 2)


@pytest.mark.parametrize("presented", [None, "", "wrong", INTERNAL_TOKEN + "x", "\xff"])
def test_an_internal_endpoint_needs_the_internal_token(
    client: FlaskClient, presented: str | None
) -> None:
    headers = {} if presented is None else {"X-Internal-Token": presented}
    headers["Authorization"] = f"Bearer {access_token(UUID(int=1), Role.ADMIN)}"
    answer = client.get("/for/internal", headers=headers)
    assert (answer.status_code, answer.get_json()["error_code"]) == (401, "UNAUTHORIZED")


def test_the_internal_token_opens_it(client: FlaskClient) -> None:
    assert (
        client.get("/for/internal", headers={"X-Internal-Token": INTERNAL_TOKEN}).status_code == 200
    )


def test_a_token_of_an_issuer_whose_clock_is_a_second_ahead_is_good(client: FlaskClient) -> None:
    assert ask(client, access_token(USER, iat=time.time() + 1.5))[0] == 200
