"""What the user service reads from the environment."""

from typing import Annotated

from pydantic import Field

from common.settings import DatabaseSettings, JwtSettings, ServiceSettings


class Settings(ServiceSettings, DatabaseSettings, JwtSettings):
    """See contract.md, section 6."""

    bcrypt_rounds: Annotated[int, Field(ge=4, le=16)] = 12
