"""For the services' tests: a real database from init.sql, what is compared with it, waiting."""

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import jwt
import psycopg2
from flask import Flask
from sqlalchemy import MetaData, inspect
from sqlalchemy.engine import Engine, make_url

from common.auth import ISSUER, Revocations, Role
from common.settings import DatabaseSettings

T = TypeVar("T")
JWT_SECRET = "a-secret-of-the-tests-and-nothing-else"  # nosec B105 # of tests
INTERNAL_TOKEN = "internal-token-of-the-tests"  # nosec B105 # of tests
_PARAMETER = re.compile(r"<(?:[^<>:]*:)?([^<>]*)>")


@contextmanager
def database_from(*scripts: Path) -> Iterator[DatabaseSettings]:
    """A database of its own, on the server TEST_POSTGRES_URL names: made by `scripts`, dropped."""
    server = make_url(os.environ["TEST_POSTGRES_URL"])
    name = f"test_{uuid4().hex}"
    _run(server.render_as_string(hide_password=False), f"CREATE DATABASE {name}")
    try:
        own = server.set(database=name).render_as_string(hide_password=False)
        for script in scripts:
            _run(own, script.read_text())
        yield DatabaseSettings(
            db_host=server.host,
            db_port=server.port,
            db_name=name,
            db_user=server.username,
            db_pass=server.password or "none",
        )
    finally:
        _run(server.render_as_string(hide_password=False), f"DROP DATABASE {name} WITH (FORCE)")


def schema_differences(metadata: MetaData, engine: Engine) -> list[str]:
    """What differs between models and tables: names, types, nullability, primary keys."""
    database, differences = inspect(engine), []
    names = set(database.get_table_names())
    if names != set(metadata.tables):
        differences.append(f"tables {sorted(names)} against {sorted(metadata.tables)}")
    for table in (one for one in metadata.tables.values() if one.name in names):
        real = {
            column["name"]: (_type_name(column["type"], engine), column["nullable"])
            for column in database.get_columns(table.name)
        }
        model = {
            column.name: (_type_name(column.type, engine), column.nullable)
            for column in table.columns
        }
        differences += [
            f"{table.name}.{name}: database {real.get(name)}, model {model.get(name)}"
            for name in sorted(real.keys() | model.keys())
            if real.get(name) != model.get(name)
        ]
        real_key = database.get_pk_constraint(table.name)["constrained_columns"]
        if real_key != [column.name for column in table.primary_key]:
            differences.append(f"{table.name}: primary key {real_key}")
    return differences


def undocumented(app: Flask, *pages: str) -> list[str]:
    """What the specification of `app` leaves unsaid of its routes.

    Of every route but the documentation's own and those of the blueprints named in `pages`.
    """
    paths = app.test_client().get("/apispec.json").get_json()["paths"]
    own = ("static", "flasgger.", *(f"{page}." for page in pages))
    return [
        f"{method} {rule.rule}: {missing}"
        for rule in app.url_map.iter_rules()
        if not rule.endpoint.startswith(own)
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"})
        for missing in _missing(paths.get(_PARAMETER.sub(r"{\1}", rule.rule), {}), method.lower())
    ]


def access_token(
    user_id: UUID,
    role: Role = Role.CUSTOMER,
    secret: str = JWT_SECRET,
    lifetime_seconds: float = 900,
    **claims: object,
) -> str:
    """A token as the user service issues it; `claims` replace its own, None leaves one out."""
    now = time.time()
    payload = {
        "sub": str(user_id),
        "iss": ISSUER,
        "role": role.value,
        "type": "access",
        "sid": str(uuid4()),
        "iat": now,
        "exp": now + lifetime_seconds,
        "jti": str(uuid4()),
        **claims,
    }
    given = {name: value for name, value in payload.items() if value is not None}
    return jwt.encode(given, secret, algorithm="HS256")


def no_revocations() -> Revocations:
    """A loaded, empty list of revoked tokens."""
    revocations = Revocations(lambda since: ([], "now"))
    revocations.refresh()
    return revocations


def wait_for(condition: Callable[[], T], what: str, seconds: float = 10) -> T:
    """The first true value of `condition`, asked over and over; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)
    return value


def _missing(path: dict[str, Any], method: str) -> Iterator[str]:
    """What is not said of one operation."""
    operation = path.get(method, {})
    answers = operation.get("responses", {})
    if not operation.get("summary"):
        yield "a summary"
    if "security" not in operation:
        yield "who may call it"
    if not any(status.startswith("2") for status in answers):
        yield "what it answers"
    for status, answer in answers.items():
        if not answer.get("description"):
            yield f"what {status} means"
        forms = answer.get("content", {}).values()
        if status != "304" and not (forms and all("schema" in form for form in forms)):
            yield f"the form of {status}"
    for parameter in operation.get("parameters", ()):
        if parameter["required"] and "example" not in parameter["schema"]:
            yield f"an example of {parameter['name']}"
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        if "example" not in body:
            yield f"an example of a body of {kind}"


def _run(url: str, sql: str) -> None:
    connection = psycopg2.connect(url.replace("postgresql+psycopg2", "postgresql"))
    connection.autocommit = True
    try:
        connection.cursor().execute(sql)
    finally:
        connection.close()


def _type_name(kind: object, engine: Engine) -> str:
    name = kind.compile(engine.dialect)
    return getattr(kind, "name", None) or name
