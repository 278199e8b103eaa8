"""What the order service reads from the environment."""

from common.settings import DatabaseSettings, ServiceSettings


class Settings(ServiceSettings, DatabaseSettings):
    """See contract.md, section 6."""
