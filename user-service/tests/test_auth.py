"""Accounts and logins: registered once, guessed slowly, ended for good."""

import statistics
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
from flask import Flask

from common.auth import Role
from common.testing import JWT_SECRET, access_token, wait_for
from src.app import create_app
from src.settings import Settings

from .conftest import PASSWORD, at_once

Call = Callable[..., tuple[int, Any]]
User = dict[str, Any]


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, JWT_SECRET, algorithms=["HS256"], issuer="ticketremaster")


def refusal(answer: tuple[int, Any]) -> tuple[int, str]:
    return answer[0], answer[1]["error_code"]


def guess(call: Call, email: str, password: str = "a wrong one") -> tuple[int, Any]:
    return call("POST", "/api/auth/login", email=email, password=password)


def set_role(call: Call, user: User, role: str) -> tuple[int, Any]:
    return call("PATCH", f"/users/{user['user_id']}", role=role, acting_user_id=str(uuid4()))


def test_a_new_account_is_a_customer_without_credits(call: Call) -> None:
    email = f"Some.One+{uuid4().hex}@Example.com"
    given = {"phone": "+6591234567", "full_name": "  Some One "}
    status, account = call("POST", "/api/auth/register", email=email, password=PASSWORD, **given)
    assert (status, account["email"]) == (201, email.lower())
    profile = call("GET", f"/users/{account['user_id']}")[1]
    profile.pop("created_at")
    assert profile == {
        "user_id": account["user_id"],
        "email": email.lower(),
        "full_name": "Some One",
        "phone": "+6591234567",
        "role": "customer",
        "credit_balance": 0,
        "frozen_credits": 0,
        "is_flagged": False,
    }


def test_an_email_has_one_account_however_it_is_written(call: Call, new_user: Call) -> None:
    email = new_user()["email"]
    again = {"email": email.upper(), "password": PASSWORD}
    assert refusal(call("POST", "/api/auth/register", **again)) == (409, "EMAIL_ALREADY_EXISTS")
    assert guess(call, email.upper(), PASSWORD)[0] == 200


def test_of_ten_registrations_at_once_one_succeeds(call: Call) -> None:
    given = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    answers = at_once(*[lambda: call("POST", "/api/auth/register", **given)] * 10)
    assert sorted(status for status, _ in answers) == [201] + [409] * 9


@pytest.mark.parametrize(
    "change",
    [
        {"email": "not-an-email"},
        {"email": "Some One <some.one@example.com>"},
        {"email": None},
        {"password": "short12"},
        {"password": "é" * 37},  # 74 bytes
        {"password": "with\0nul-character"},
        {"phone": "91234567"},
        {"phone": "+65 9123 4567"},
        {"full_name": "x" * 101},
        {"role": "admin"},
        {"credit_balance": 1000},
    ],
)
def test_a_bad_registration_is_refused(call: Call, change: dict[str, Any]) -> None:
    given = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, **change}
    assert refusal(call("POST", "/api/auth/register", **given)) == (400, "VALIDATION_ERROR")


def test_a_password_too_long_for_bcrypt_is_refused_with_its_limit(call: Call) -> None:
    given = {"email": f"{uuid4().hex}@example.com", "password": "x" * 73}
    error = call("POST", "/api/auth/register", **given)[1]
    assert "at most 72 bytes" in error["details"]["fields"]["password"]


def test_a_password_counts_to_its_last_byte(call: Call, new_user: Call) -> None:
    email = new_user(password=f"  {'x' * 68} ~")["email"]
    for wrong in (f"  {'x' * 68} ~y", f"{'x' * 68} ~", f"  {'x' * 68} "):
        assert refusal(guess(call, email, wrong)) == (401, "UNAUTHORIZED")
    assert guess(call, email, f"  {'x' * 68} ~")[0] == 200


def test_a_login_answers_with_tokens_of_the_contract(
    new_user: Call, login: Callable[[User], dict[str, Any]]
) -> None:
    user = new_user(12.5)
    answer = login(user)
    tokens = {kind: claims_of(answer.pop(f"{kind}_token")) for kind in ("access", "refresh")}
    shown = {name: user[name] for name in ("user_id", "email", "role", "credit_balance")}
    assert answer == {"token_type": "Bearer", "expires_in": 900, "user": shown}
    for kind, seconds in (("access", 900), ("refresh", 7 * 86400)):
        claims = tokens[kind]
        assert (claims["sub"], claims["role"]) == (user["user_id"], "customer")
        assert claims["type"] == kind
        assert abs(claims["exp"] - claims["iat"] - seconds) < 2
        assert abs(claims["iat"] - time.time()) < 5
    assert tokens["access"]["sid"] == tokens["refresh"]["sid"]
    assert tokens["access"]["jti"] != tokens["refresh"]["jti"]
    assert UUID(tokens["access"]["sid"]) != UUID(claims_of(login(user)["access_token"])["sid"])


def test_an_unknown_email_is_answered_like_a_wrong_password(call: Call, new_user: Call) -> None:
    wrong = guess(call, new_user()["email"])
    assert refusal(wrong) == (401, "UNAUTHORIZED")
    assert guess(call, f"{uuid4().hex}@example.com") == wrong


def test_an_unknown_email_takes_as_long_as_a_wrong_password(settings: Settings) -> None:
    """Both cost one comparison of the same cost (here some 15 ms, far above the rest)."""
    client = create_app(settings.model_copy(update={"bcrypt_rounds": 8})).test_client()

    def seconds(path: str, email: str) -> float:
        started = time.perf_counter()
        client.post(f"/api/auth/{path}", json={"email": email, "password": "some password"})
        return time.perf_counter() - started

    known, unknown = (f"{uuid4().hex}@example.com" for _ in range(2))
    seconds("register", known)
    client.post("/api/auth/login", json={"email": known, "password": "warm-up"})
    times = [(seconds("login", known), seconds("login", unknown)) for _ in range(7)]
    of_known, of_unknown = (statistics.median(one) for one in zip(*times))
    assert 0.5 < of_unknown / of_known < 2


@pytest.mark.parametrize("known", [True, False])
def test_after_ten_failures_even_the_right_password_waits(
    call: Call, new_user: Call, rows: Call, known: bool
) -> None:
    email = new_user()["email"] if known else f"{uuid4().hex}@example.com"
    assert [guess(call, email.upper())[0] for _ in range(10)] == [401] * 10
    status, error = guess(call, email, PASSWORD)
    assert (status, error["error_code"]) == (429, "RATE_LIMITED")
    assert 880 < error["details"]["retry_after_seconds"] <= 900
    rows(
        "UPDATE login_attempts SET attempted_at = attempted_at - interval '898 s'"
        " WHERE email = :email",
        email=email,
    )
    assert guess(call, email, PASSWORD)[1]["details"]["retry_after_seconds"] in (1, 2)
    wait_for(
        lambda: guess(call, email, PASSWORD)[0] == (200 if known else 401), "the window to pass"
    )


def test_a_limited_account_stays_limited_after_a_restart(
    call: Call, new_user: Call, settings: Settings
) -> None:
    email = new_user()["email"]
    for _ in range(10):
        guess(call, email)
    restarted = create_app(settings).test_client()
    given = {"email": email, "password": PASSWORD}
    assert restarted.post("/api/auth/login", json=given).status_code == 429


def test_parallel_guesses_do_not_outrun_the_limit(call: Call, new_user: Call) -> None:
    email = new_user()["email"]
    answers = at_once(*[lambda: guess(call, email)] * 30)
    assert sorted(status for status, _ in answers) == [401] * 10 + [429] * 20


def test_what_succeeds_is_no_failure(call: Call, new_user: Call, rows: Call) -> None:
    email = new_user()["email"]
    for _ in range(9):
        guess(call, email)
    assert [guess(call, email, PASSWORD)[0] for _ in range(5)] == [200] * 5
    count = "SELECT count(*) FROM login_attempts WHERE email = :email"
    assert rows(count, email=email) == [(9,)]


def test_old_attempts_are_pruned_in_passing(call: Call, new_user: Call, rows: Call) -> None:
    old, email = f"{uuid4().hex}@example.com", new_user()["email"]
    rows(
        "INSERT INTO login_attempts (email, attempted_at)"
        " SELECT :email, now() - interval '16 minutes' FROM generate_series(1, 50)",
        email=old,
    )
    guess(call, email)
    assert rows("SELECT count(*) FROM login_attempts WHERE email = :email", email=old) == [(0,)]


def test_a_refresh_token_gives_a_new_access_token_of_the_same_login(
    call: Call, new_user: Call, login: Call
) -> None:
    begun = login(new_user())
    status, renewed = call("POST", "/api/auth/refresh", token=begun["refresh_token"])
    assert (status, renewed["expires_in"]) == (200, 900)
    old, new = claims_of(begun["access_token"]), claims_of(renewed["access_token"])
    assert new["type"] == "access" and new["sid"] == old["sid"] and new["iat"] > old["iat"]


def test_only_a_live_refresh_token_refreshes(call: Call, new_user: Call, login: Call) -> None:
    user = new_user()
    user_id, begun = UUID(user["user_id"]), login(user)
    made = {"type": "refresh"}
    for token, code in (
        (begun["access_token"], "UNAUTHORIZED"),
        ("nonsense", "UNAUTHORIZED"),
        (access_token(user_id, secret="another-secret-of-32-characters-", **made), "UNAUTHORIZED"),
        (access_token(user_id, iss="somebody", **made), "UNAUTHORIZED"),
        (access_token(user_id, lifetime_seconds=-5, **made), "TOKEN_EXPIRED"),
        (access_token(uuid4(), **made), "UNAUTHORIZED"),
    ):
        assert refusal(call("POST", "/api/auth/refresh", token=token)) == (401, code)
    assert refusal(call("POST", "/api/auth/refresh")) == (401, "UNAUTHORIZED")


def test_a_refresh_token_is_no_access_token(call: Call, new_user: Call, login: Call) -> None:
    token = login(new_user())["refresh_token"]
    assert refusal(call("POST", "/api/auth/logout", token=token)) == (401, "UNAUTHORIZED")


def test_logout_ends_this_login_and_no_other(call: Call, new_user: Call, login: Call) -> None:
    user = new_user()
    ended, other = login(user), login(user)
    assert call("POST", "/api/auth/logout", token=ended["access_token"])[0] == 200
    refreshed = call("POST", "/api/auth/refresh", token=ended["refresh_token"])
    assert refusal(refreshed) == (401, "UNAUTHORIZED")
    wait_for(
        lambda: call("POST", "/api/auth/logout", token=ended["access_token"])[0] == 401,
        "the ended access token to be refused",
        seconds=2,
    )
    assert call("POST", "/api/auth/refresh", token=other["refresh_token"])[0] == 200
    assert call("POST", "/api/auth/logout", token=other["access_token"])[0] == 200


def test_a_logout_holds_after_a_restart(
    call: Call, new_user: Call, login: Call, settings: Settings
) -> None:
    begun = login(new_user())
    call("POST", "/api/auth/logout", token=begun["access_token"])
    restarted: Flask = create_app(settings)
    headers = {"Authorization": f"Bearer {begun['access_token']}"}

    def answer() -> int:
        return restarted.test_client().post("/api/auth/logout", headers=headers).status_code

    wait_for(lambda: answer() != 503, "the first list")
    assert answer() == 401


def test_a_new_role_ends_what_was_issued_before(call: Call, new_user: Call, login: Call) -> None:
    user = new_user()
    before = login(user)
    assert set_role(call, user, "staff")[1]["role"] == "staff"
    refreshed = call("POST", "/api/auth/refresh", token=before["refresh_token"])
    assert refusal(refreshed) == (401, "UNAUTHORIZED")
    after = login(user)
    assert claims_of(after["access_token"])["role"] == "staff"
    wait_for(
        lambda: call("POST", "/api/auth/logout", token=before["access_token"])[0] == 401,
        "the old access token to be refused",
        seconds=2,
    )
    assert call("POST", "/api/auth/refresh", token=after["refresh_token"])[0] == 200
    assert call("POST", "/api/auth/logout", token=after["access_token"])[0] == 200


def test_the_same_role_again_ends_nothing(call: Call, new_user: Call, login: Call) -> None:
    user = new_user()
    begun = login(user)
    assert set_role(call, user, "customer")[0] == 200
    assert call("POST", "/api/auth/refresh", token=begun["refresh_token"])[0] == 200


def test_no_token_with_an_old_role_outlives_a_racing_role_change(
    call: Call, new_user: Call, login: Call, rows: Call
) -> None:
    """Whichever comes first: a token carries the new role, or was issued before the revocation."""
    user = new_user()
    for role in (Role.STAFF, Role.CUSTOMER, Role.ADMIN, Role.STAFF, Role.CUSTOMER):
        token = login(user)["refresh_token"]
        answers = at_once(
            *[lambda: login(user)] * 4,
            lambda: set_role(call, user, role),
            *[lambda: call("POST", "/api/auth/refresh", token=token)[1]] * 4,
        )
        revoked = rows(
            "SELECT max(extract(epoch FROM issued_until))::float8 FROM revocations"
            " WHERE user_id = :user_id",
            user_id=user["user_id"],
        )[0][0]
        tokens = [one["access_token"] for one in answers if "access_token" in one]
        for claims in map(claims_of, tokens):
            assert (claims["role"] == role) == (claims["iat"] > revoked)


def test_users_are_found_by_email_whatever_its_case(call: Call, new_user: Call) -> None:
    user = new_user()
    assert call("GET", f"/users?email={user['email'].upper()}") == (200, user)
    status, error = call("GET", f"/users?email={uuid4().hex}@example.com")
    assert (status, error["error_code"]) == (404, "USER_NOT_FOUND")


def test_flagging_changes_the_risk_and_no_login(call: Call, new_user: Call, login: Call) -> None:
    user = new_user()
    path, begun = f"/users/{user['user_id']}", login(user)
    assert call("GET", f"{path}/risk") == (200, {"is_flagged": False})
    flagged = call("PATCH", path, is_flagged=True, acting_user_id=str(uuid4()))
    assert flagged == (200, {**user, "is_flagged": True})
    assert call("GET", f"{path}/risk") == (200, {"is_flagged": True})
    assert call("POST", "/api/auth/refresh", token=begun["refresh_token"])[0] == 200


@pytest.mark.parametrize("flag", [0, 1, "true", "no"])
def test_only_true_and_false_flag(call: Call, new_user: Call, flag: Any) -> None:
    user = new_user()
    refused = call(
        "PATCH", f"/users/{user['user_id']}", is_flagged=flag, acting_user_id=str(uuid4())
    )
    assert refusal(refused) == (400, "VALIDATION_ERROR")


def test_no_admin_takes_his_own_admin_role(call: Call, new_user: Call) -> None:
    user = new_user()
    set_role(call, user, "admin")
    path, own = f"/users/{user['user_id']}", {"acting_user_id": user["user_id"]}
    refused = call("PATCH", path, role="staff", is_flagged=True, **own)
    assert refusal(refused) == (403, "FORBIDDEN")
    kept = call("PATCH", path, role="admin", is_flagged=True, **own)[1]
    assert (kept["role"], kept["is_flagged"]) == ("admin", True)
    assert set_role(call, user, "staff")[1]["role"] == "staff"


def test_unknown_users_are_not_found(call: Call) -> None:
    path = f"/users/{uuid4()}"
    change = {"is_flagged": True, "acting_user_id": str(uuid4())}
    for answer in (call("GET", path), call("GET", f"{path}/risk"), call("PATCH", path, **change)):
        assert refusal(answer) == (404, "USER_NOT_FOUND")


def test_revocations_are_listed_from_a_moment_on(
    call: Call, new_user: Call, login: Call, rows: Call
) -> None:
    user = new_user()
    access = login(user)["access_token"]
    sid = claims_of(access)["sid"]
    call("POST", "/api/auth/logout", token=access)
    set_role(call, user, "staff")
    listed = call("GET", "/revocations")[1]
    of_login = next(one for one in listed["revocations"] if one["sid"] == sid)
    of_user = next(one for one in listed["revocations"] if one["user_id"] == user["user_id"])
    assert of_login["user_id"] is None and of_user["sid"] is None
    for one in (of_login, of_user):
        assert abs(float(one["issued_until"]) - time.time()) < 5
        assert abs(one["expires_at"] - one["issued_until"] - 7 * 86400) < 1

    def seen(since: float) -> bool:
        revoked = call("GET", f"/revocations?since={since}")[1]["revocations"]
        return of_login in revoked

    assert seen(listed["as_of"])  # what is committed late is not missed
    assert not seen(of_login["issued_until"] + 11)
    rows("UPDATE revocations SET expires_at = now() WHERE sid = :sid", sid=sid)
    assert not seen(0)


def test_a_logout_prunes_what_has_expired(
    call: Call, new_user: Call, login: Call, rows: Call
) -> None:
    sid = str(uuid4())
    rows("INSERT INTO revocations (sid, expires_at) VALUES (:sid, now())", sid=sid)
    call("POST", "/api/auth/logout", token=login(new_user())["access_token"])
    assert rows("SELECT 1 FROM revocations WHERE sid = :sid", sid=sid) == []


def test_neither_password_nor_token_is_logged(
    call: Call, new_user: Call, login: Call, capfd: pytest.CaptureFixture[str]
) -> None:
    user = new_user()
    tokens = login(user)
    guess(call, user["email"], "a wrong password")
    call("POST", "/api/auth/register", email=user["email"], password=PASSWORD)
    call("POST", "/api/auth/register", email="no", password=PASSWORD)
    call("POST", "/api/auth/refresh", token=tokens["refresh_token"])
    logged = "".join(capfd.readouterr())
    for secret in (PASSWORD, "a wrong password", tokens["access_token"], tokens["refresh_token"]):
        assert secret not in logged
    assert "$2b$" not in logged
