"""For the services' tests: a real database made from init.sql, models compared with it, waiting."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar
from uuid import UUID, uuid4

import jwt
import psycopg2
from sqlalchemy import MetaData, inspect
from sqlalchemy.engine import Engine, make_url

from common.auth import ISSUER, Revocations, Role
from common.settings import DatabaseSettings

T = TypeVar("T")
JWT_SECRET = "a-secret-of-the-tests-and-nothing-else"
INTERNAL_TOKEN = "internal-token-of-the-tests"


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
