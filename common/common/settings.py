"""Settings: the environment, read once at start, by name; a missing or bad value stops us."""

import logging
import re
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, StringConstraints, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL

log = logging.getLogger(__name__)

Text = Annotated[str, StringConstraints(min_length=1)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]+$")]
Port = Annotated[int, Field(ge=1, le=65535)]
HoldTtl = Annotated[int, Field(ge=1, le=300)]

_PLACEHOLDER = re.compile(r"change.?me|placeholder|example|your[-_]", re.IGNORECASE)
_SECRETS = (
    "internal_api_token",
    "jwt_secret",
    "qr_encryption_key",
    "db_pass",
    "rabbitmq_pass",
)


class _Settings(BaseSettings):
    """Read from the environment only; an empty variable counts as missing."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)


class ServiceSettings(_Settings):
    """What every service reads."""

    flask_env: Literal["development", "production"] = "production"
    internal_api_token: Text

    @model_validator(mode="after")
    def _no_placeholder_secrets_in_production(self) -> "ServiceSettings":
        if self.flask_env == "development":
            return self
        for name in _SECRETS:
            if _PLACEHOLDER.search(getattr(self, name, None) or ""):
                raise ValueError(
                    f"{name.upper()} is still a placeholder: set a secret of your own,"
                    " or FLASK_ENV=development"
                )
        return self


class DatabaseSettings(_Settings):
    """Where a service's own PostgreSQL database is, and how many connections a process may hold."""

    db_host: Text
    db_port: Port = 5432
    db_name: Text
    db_user: Text
    db_pass: Text
    db_pool_size: Annotated[int, Field(ge=1, le=100)] = 32  # one for each thread of a worker

    @property
    def database_url(self) -> URL:
        return URL.create(
            "postgresql+psycopg2",
            self.db_user,
            self.db_pass,
            self.db_host,
            self.db_port,
            self.db_name,
        )


class JwtSettings(_Settings):
    """The secret that access and refresh tokens are signed with (HS256)."""

    jwt_secret: Annotated[str, StringConstraints(min_length=32)]


class RabbitSettings(_Settings):
    """Where RabbitMQ is."""

    rabbitmq_host: Text
    rabbitmq_port: Port = 5672
    rabbitmq_user: Text
    rabbitmq_pass: Text


S = TypeVar("S", bound=ServiceSettings)

# gunicorn's Arbiter.WORKER_BOOT_ERROR: on this one it ends, on any other it starts its worker again
_CANNOT_START = 3


def load(settings: type[S], **overrides: Any) -> S:
    """`settings` from the environment; ends the process where one is missing or wrong.

    Each is named by a line of the log, which has to be configured.
    """
    try:
        return settings(**overrides)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_input=False):
            name = ".".join(str(part) for part in problem["loc"]).upper()
            missing = problem["type"] == "missing"
            what = "is missing" if missing else problem["msg"].removeprefix("Value error, ")
            log.critical("a setting stops the start", extra={"problem": f"{name} {what}".strip()})
        raise SystemExit(_CANNOT_START) from None
