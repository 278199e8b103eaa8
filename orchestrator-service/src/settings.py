"""What the orchestrator and its recovery process read from the environment."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

from common.settings import (
    HoldTtl,
    JwtSettings,
    Port,
    RabbitSettings,
    ServiceSettings,
    Text,
    Url,
)


class Settings(ServiceSettings, JwtSettings, RabbitSettings):
    """See contract.md, section 6."""

    qr_encryption_key: Text
    qr_encryption_key_previous: str | None = None
    inventory_service_url: Text  # host:port of its gRPC server
    user_service_url: Url
    order_service_url: Url
    event_service_url: Url
    hold_ttl_seconds: HoldTtl = 300
    recovery_interval_seconds: Annotated[float, Field(gt=0, le=60)] = 5
    # of the recovery process's /health and /metrics
    bind_host: Text = "0.0.0.0"  # nosec B104 # its container's
    health_port: Port = 8081
    scanner_app: Path = Path("../scanner-app/app")  # what is served at /scanner/
    saga_stale_seconds: Annotated[float, Field(ge=1, le=600)] = 30

    @field_validator("qr_encryption_key", "qr_encryption_key_previous")
    @classmethod
    def _exactly_32_bytes(cls, key: str | None) -> str | None:
        if key is not None and len(key.encode()) != 32:
            raise ValueError(f"must be exactly 32 bytes, this has {len(key.encode())}")
        return key
