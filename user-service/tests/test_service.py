"""What holds for the service as a whole."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from flask import Flask
from pydantic import ValidationError
from sqlalchemy import text

from common.database import Database
from common.testing import database_from, schema_differences
from src.app import create_app
from src.models.base import Base
from src.settings import Settings

from .conftest import SERVICE

Call = Callable[..., tuple[int, Any]]
_OPEN = ("/health", "/metrics", "/apidocs", "/apispec", "/flasgger", "/static", "/oauth2")
_USER_1 = "30000000-0000-4000-8000-000000000001"


def test_models_and_schema_agree(database: Database) -> None:
    assert schema_differences(Base.metadata, database.engine) == []


def test_every_internal_endpoint_needs_the_internal_token(app: Flask) -> None:
    refused = 0
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith((*_OPEN, "/api/")):
            continue
        path = rule.rule.replace("<user_id>", _USER_1)
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            for headers in ({}, {"X-Internal-Token": "wrong"}):
                response = app.test_client().open(path, method=method, headers=headers)
                assert response.status_code == 401, (method, path)
                assert response.get_json()["error_code"] == "UNAUTHORIZED"
                refused += 1
    assert refused == 2 * 20


def test_health_tells_of_the_database(app: Flask, settings: Settings) -> None:
    assert app.test_client().get("/health").get_json()["checks"] == {"database": "connected"}
    gone = create_app(settings.model_copy(update={"db_port": 1}))
    response = gone.test_client().get("/health")
    assert response.status_code == 503
    assert response.get_json()["checks"] == {"database": "disconnected"}


def test_the_seeds_can_be_run_again(
    call: Call, rows: Callable[..., list[Any]], settings: Settings
) -> None:
    """Neither a balance that has changed nor an entry comes back."""
    reference = "50000000-0000-4000-8000-000000000001"
    charge = {"user_id": _USER_1, "amount": 1, "reference_id": reference}
    assert call("POST", "/credits/deduct", **charge)[0] == 200
    before = rows("SELECT user_id, credit_balance FROM users ORDER BY user_id"), rows(
        "SELECT entry_id FROM credit_ledger ORDER BY entry_id"
    )
    url = settings.database_url.set(drivername="postgresql")
    connection = psycopg2.connect(url.render_as_string(hide_password=False))
    for script in ("init.sql", "seed.sql"):
        connection.cursor().execute((SERVICE / script).read_text())
    connection.commit()
    connection.close()
    after = rows("SELECT user_id, credit_balance FROM users ORDER BY user_id"), rows(
        "SELECT entry_id FROM credit_ledger ORDER BY entry_id"
    )
    assert after == before


@pytest.mark.parametrize("first", ["TOPUP", "FREEZE"])
def test_a_database_from_before_a_kind_of_entry_follows_at_the_next_start(
    tmp_path: Path, first: str
) -> None:
    scheme = (SERVICE / "init.sql").read_text().partition("-- Apart, for")[0]
    kinds = re.compile(rf",\s+'{first}'.*?(?=\s*\);)", re.DOTALL)
    lines = kinds.sub("", scheme, count=1).splitlines(keepends=True)
    before = tmp_path / "before.sql"
    before.write_text("".join(one for one in lines if not one.startswith("ALTER TYPE")))
    with database_from(before, SERVICE / "init.sql", SERVICE / "init.sql") as settings:
        database = Database(settings)
        assert schema_differences(Base.metadata, database.engine) == []
        with database.transaction() as session:
            kinds = session.scalar(text("SELECT enum_range(NULL::ledger_kind)::text"))
            checks = session.scalars(text("SELECT conname FROM pg_constraint WHERE contype = 'c'"))
            later = {"ledger_topups", "ledger_freezes", "user_credits_fit_a_balance"}
            assert later <= set(checks)
        assert kinds.endswith("TOPUP,TOPUP_REVERSAL,FREEZE,UNFREEZE}")
        database.engine.dispose()


def test_the_demo_users_are_as_described(call: Call) -> None:
    users = [call("GET", f"/users/{_USER_1[:-1]}{n}")[1] for n in range(1, 6)]
    assert [user["email"].partition("@")[0] for user in users] == [
        "user1",
        "user2",
        "user3",
        "staff",
        "admin",
    ]
    assert [user["role"] for user in users] == ["customer"] * 3 + ["staff", "admin"]
    assert [user["is_flagged"] for user in users] == [False, True, False, False, False]
    assert all(user["phone"] and user["full_name"] for user in users)
    for user in users:
        given = {"email": user["email"], "password": "password123"}
        assert call("POST", "/api/auth/login", **given)[0] == 200


@pytest.mark.parametrize("rounds", [3, 17])
def test_a_bcrypt_cost_out_of_bounds_is_refused(settings: Settings, rounds: int) -> None:
    values = settings.model_dump() | {"bcrypt_rounds": rounds}
    with pytest.raises(ValidationError, match="bcrypt_rounds"):
        Settings(**values)


@pytest.mark.parametrize(
    "name",
    ["smu_api_url", "smu_api_key", "stripe_secret_key", "stripe_webhook_secret"],
)
def test_the_service_does_not_start_without_its_partners(settings: Settings, name: str) -> None:
    for values in (settings.model_dump(exclude={name}), settings.model_dump() | {name: ""}):
        with pytest.raises(ValidationError, match=name):
            Settings(**values)


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("GET", "/users/not-a-uuid", {}, "INVALID_UUID"),
        ("GET", "/credits/ledger", {}, "VALIDATION_ERROR"),
        ("GET", f"/credits/ledger?user_id={_USER_1}&per_page=101", {}, "VALIDATION_ERROR"),
        ("GET", "/revocations?since=yesterday", {}, "VALIDATION_ERROR"),
        ("GET", "/revocations?since=1e300", {}, "VALIDATION_ERROR"),
        ("POST", "/credits/deduct", {"user_id": _USER_1, "amount": -1}, "VALIDATION_ERROR"),
        ("PATCH", f"/users/{_USER_1}", {"acting_user_id": _USER_1}, "VALIDATION_ERROR"),
    ],
)
def test_bad_input_is_answered_with_a_code(
    call: Call, method: str, path: str, body: dict[str, Any], code: str
) -> None:
    status, error = call(method, path, **body)
    assert (status, error["error_code"]) == (400, code)
