"""What keeps the orchestrator from starting."""

import pytest
from pydantic import ValidationError

from src.settings import Settings

GOOD = {
    "flask_env": "production",
    "internal_api_token": "i" * 32,
    "jwt_secret": "j" * 32,
    "qr_encryption_key": "q" * 32,
    "inventory_service_url": "inventory-service:50051",
    "user_service_url": "http://user-service:5000",
    "order_service_url": "http://order-service:5001",
    "event_service_url": "http://event-service:5002",
    "rabbitmq_host": "rabbitmq",
    "rabbitmq_user": "guest",
    "rabbitmq_pass": "guest",
}


def test_good_settings_start_it() -> None:
    assert Settings(**GOOD).hold_ttl_seconds == 300


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("qr_encryption_key", "q" * 31),
        ("qr_encryption_key", "é" * 32),
        ("qr_encryption_key", "change-me-to-32-random-bytes-abc"),
        ("qr_encryption_key_previous", "short"),
        ("jwt_secret", "j" * 31),
        ("hold_ttl_seconds", 0),
        ("hold_ttl_seconds", 301),
        ("user_service_url", "user-service:5000"),
        ("rabbitmq_port", 0),
        ("internal_api_token", ""),
    ],
)
def test_a_bad_setting_does_not_and_is_named(name: str, value: object) -> None:
    with pytest.raises(ValidationError, match=name.upper() if "change" in str(value) else name):
        Settings(**{**GOOD, name: value})


@pytest.mark.parametrize("name", [name for name in GOOD if name != "flask_env"])
def test_a_missing_setting_does_not_and_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(name.upper(), raising=False)
    with pytest.raises(ValidationError, match=name):
        Settings(**{key: value for key, value in GOOD.items() if key != name})
