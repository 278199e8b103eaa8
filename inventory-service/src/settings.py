"""What the inventory service reads from the environment."""

from typing import Annotated

from pydantic import Field

from common.settings import (
    DatabaseSettings,
    HoldTtl,
    Port,
    RabbitSettings,
    ServiceSettings,
    Text,
    Url,
)

SERVICE = "inventory-service"
RPC_THREADS = 16


class Settings(ServiceSettings, DatabaseSettings, RabbitSettings):
    """See contract.md, section 6."""

    bind_host: Text = "0.0.0.0"  # nosec B104 # its container's; the host's ports are on 127.0.0.1
    grpc_port: Port = 50051
    health_port: Port = 8080
    grpc_workers: Annotated[int, Field(ge=1, le=32)] = 2
    order_service_url: Url
    hold_ttl_seconds: HoldTtl = 300
    max_holds_per_user: Annotated[int, Field(ge=1)] = 10
    # a connection for every thread that answers calls
    db_pool_size: Annotated[int, Field(ge=1, le=100)] = RPC_THREADS
