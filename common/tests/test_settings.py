"""Settings: read from the environment, checked at start, refused by name."""

import os

import pytest

from common.settings import (
    DatabaseSettings,
    JwtSettings,
    RabbitSettings,
    ServiceSettings,
    Url,
    load,
)

GOOD = {
    "FLASK_ENV": "production",
    "INTERNAL_API_TOKEN": "b5f1c2a4e0",
    "DB_HOST": "db",
    "DB_NAME": "things_db",
    "DB_USER": "things",
    "DB_PASS": "p@ss/word",
    "JWT_SECRET": "0123456789abcdef0123456789abcdef",
    "RABBITMQ_HOST": "mq",
    "RABBITMQ_USER": "things",
    "RABBITMQ_PASS": "b7d8",
    "ORDER_SERVICE_URL": "http://order:5001",
}


class Settings(ServiceSettings, DatabaseSettings, JwtSettings, RabbitSettings):
    order_service_url: Url


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in os.environ.keys() & {*GOOD, "DB_PORT", "DB_POOL_SIZE", "RABBITMQ_PORT"}:
        monkeypatch.delenv(name)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def refusal(caplog: pytest.LogCaptureFixture) -> str:
    """What the operator reads when the settings stop the service: a line for each."""
    caplog.clear()
    with pytest.raises(SystemExit) as stopped:
        load(Settings)
    assert stopped.value.code == 3
    return "".join(f"{record.problem}\n" for record in caplog.records)


def test_good_settings_are_read_by_name() -> None:
    settings = load(Settings)
    assert settings.internal_api_token == "b5f1c2a4e0"
    assert (settings.db_port, settings.rabbitmq_port) == (5432, 5672)
    assert settings.order_service_url == "http://order:5001"


def test_a_password_with_any_characters_reaches_the_database() -> None:
    assert load(Settings).database_url.password == "p@ss/word"


def test_everything_missing_is_named_at_once(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment.delenv("INTERNAL_API_TOKEN")
    environment.setenv("DB_HOST", "")  # empty is missing
    said = refusal(caplog)
    assert "INTERNAL_API_TOKEN is missing" in said
    assert "DB_HOST is missing" in said
    assert "DB_NAME" not in said


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("DB_PORT", "many"),
        ("DB_PORT", "70000"),
        ("DB_POOL_SIZE", "0"),
        ("RABBITMQ_PORT", "0"),
        ("FLASK_ENV", "staging"),
        ("ORDER_SERVICE_URL", "order:5001"),
        ("ORDER_SERVICE_URL", "http://order:5001/path"),
        ("JWT_SECRET", "only-31-characters-0123456789ab"),
    ],
)
def test_a_bad_value_is_named_and_not_shown(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, bad: str
) -> None:
    environment.setenv(name, bad)
    said = refusal(caplog)
    assert said.startswith(f"{name} ") and said.count("\n") == 1
    assert name != "JWT_SECRET" or bad not in said


@pytest.mark.parametrize("name", ["INTERNAL_API_TOKEN", "DB_PASS", "JWT_SECRET", "RABBITMQ_PASS"])
@pytest.mark.parametrize("value", ["change-me-to-something-random-0000", "CHANGEME" * 5])
def test_a_placeholder_is_no_secret_in_production(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str, value: str
) -> None:
    environment.setenv(name, value)
    assert f"{name} is still a placeholder" in refusal(caplog)
    environment.delenv("FLASK_ENV")  # production is what it is where nothing is said
    assert name in refusal(caplog)


def test_a_placeholder_is_enough_in_development(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("FLASK_ENV", "development")
    environment.setenv("INTERNAL_API_TOKEN", "change-me")
    assert load(Settings).internal_api_token == "change-me"


def test_a_short_jwt_secret_is_refused_in_development_too(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment.setenv("FLASK_ENV", "development")
    environment.setenv("JWT_SECRET", "short")
    assert "JWT_SECRET" in refusal(caplog)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError):
        load(Settings).db_host = "elsewhere"
