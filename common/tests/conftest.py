"""A small application over `common`, as a service would write it."""

from collections.abc import Iterator
from datetime import datetime, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from flask import Blueprint, Flask
from flask.testing import FlaskClient

from common import correlation, flask_defaults
from common.auth import Access, Caller, Revocation, Revocations, install_tokens
from common.endpoint import endpoint
from common.errors import AppError, ErrorCode
from common.fields import Amount, Answer, Body, Page, PageQuery, PositiveAmount
from common.settings import DatabaseSettings, JwtSettings
from common.testing import INTERNAL_TOKEN, JWT_SECRET, database_from


class Colour(Enum):
    RED = "red"


class NewThing(Body):
    owner_id: UUID
    price: PositiveAmount
    name: str | None = None


class ThingQuery(PageQuery):
    owner_id: UUID | None = None
    colour: Colour | None = None


class Thing(Answer):
    owner_id: UUID
    price: Amount
    name: str | None = None


class BrokenCheck:
    """A health check that can be broken."""

    broken = False

    def __call__(self) -> None:
        if self.broken:
            raise AppError(ErrorCode.SERVICE_UNAVAILABLE, "Away.")


class RevocationList:
    """What the user service would answer: those given since the last time it was asked."""

    def __init__(self) -> None:
        self.fresh: list[Revocation] = []
        self.asked_since: list[str | None] = []

    def __call__(self, since: str | None) -> tuple[list[Revocation], str]:
        self.asked_since.append(since)
        given, self.fresh = self.fresh, []
        return given, f"moment {len(self.asked_since)}"


@pytest.fixture
def check() -> BrokenCheck:
    return BrokenCheck()


@pytest.fixture
def revoked() -> RevocationList:
    return RevocationList()


@pytest.fixture
def revocations(revoked: RevocationList) -> Revocations:
    """The list as a service holds it, fetched once."""
    held = Revocations(revoked)
    held.refresh()
    return held


@pytest.fixture
def app(check: BrokenCheck, revocations: Revocations) -> Flask:
    app = Flask("things")
    flask_defaults.install(
        app, service="things", internal_token=INTERNAL_TOKEN, checks={"shelf": check}
    )
    install_tokens(app, JwtSettings(jwt_secret=JWT_SECRET), revocations)
    app.register_blueprint(things_blueprint())
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def database_settings() -> Iterator[DatabaseSettings]:
    with database_from() as settings:
        yield settings


def things_blueprint() -> Blueprint:
    things = Blueprint("things", __name__)

    @things.post("/things")
    @endpoint(access=Access.PUBLIC, body=NewThing, returns=Thing, status=201, also=(202,))
    def make_thing(body: NewThing) -> Any:
        """Make a thing.

        One that is called later is made later.
        """
        return (body, 202) if body.name == "later" else body

    @things.get("/things")
    @endpoint(access=Access.PUBLIC, query=ThingQuery, returns=Page[Thing])
    def list_things(query: ThingQuery) -> Page[Thing]:
        """Things, page by page."""
        owner_id = query.owner_id or UUID(int=1)
        items = [Thing(owner_id=owner_id, price=Decimal(n)) for n in range(45)]
        return Page(items[query.offset :][: query.per_page], len(items), query)

    @things.get("/things/<thing_id>")
    @endpoint(access=Access.PUBLIC, errors=(ErrorCode.SEAT_NOT_FOUND,))
    def get_thing(thing_id: UUID) -> None:
        """Never finds one."""
        raise AppError(ErrorCode.SEAT_NOT_FOUND, "No such thing.", thing_id=str(thing_id))

    @things.get("/named/<name>")
    @endpoint(access=Access.PUBLIC)
    def named(name: str) -> dict[str, Any]:
        """All kinds of values."""
        return {
            "name": name,
            "price": Decimal("350.00"),
            "at": datetime(2031, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc),
            "owner_id": UUID(int=1),
            "colour": Colour.RED,
            "correlation_id": correlation.current(),
        }

    @things.post("/bug")
    @endpoint(access=Access.PUBLIC)
    def bug() -> None:
        """Fails in a way nobody foresaw."""
        raise RuntimeError("the secret is 12345")

    for access in (Access.INTERNAL, Access.CUSTOMER, Access.STAFF, Access.ADMIN, Access.REFRESH):
        things.add_url_rule(f"/for/{access.value}", access.value, _guarded(access))
    return things


def _guarded(access: Access) -> Any:
    @endpoint(access=access)
    def who(caller: Caller | None) -> dict[str, Any]:
        """Whose request it is."""
        return {"user_id": caller.user_id, "role": caller.role, "sid": caller.sid} if caller else {}

    return who
