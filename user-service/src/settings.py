"""What the user service reads from the environment."""

from typing import Annotated

from pydantic import Field, StringConstraints

from common.settings import DatabaseSettings, JwtSettings, ServiceSettings, Text, Url

UrlWithPath = Annotated[str, StringConstraints(pattern=r"^https?://[^/\s]\S*$")]


class Settings(ServiceSettings, DatabaseSettings, JwtSettings):
    """See contract.md, section 6."""

    bcrypt_rounds: Annotated[int, Field(ge=4, le=16)] = 12
    smu_api_url: UrlWithPath
    smu_api_key: Text
    stripe_secret_key: Text
    stripe_webhook_secret: Text
    stripe_api_base: Url | None = None  # None: Stripe itself
