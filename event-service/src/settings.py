"""What the event service reads from the environment."""

from common.settings import DatabaseSettings, ServiceSettings, Text


class Settings(ServiceSettings, DatabaseSettings):
    """See contract.md, section 6."""

    inventory_service_url: Text  # host:port of its gRPC server
