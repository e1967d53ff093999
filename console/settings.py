"""The console's settings: environment variables with the prefix CONSOLE_."""

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.runtime.auth import SECRET_BYTES_MIN
from shared.runtime.settings import LOG_LEVELS

URL = r"^https?://[^/]+$"


class ConsoleSettings(BaseSettings):
    """Where the services are, and how people get in."""

    model_config = SettingsConfigDict(
        env_prefix="CONSOLE_",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
        env_ignore_empty=True,
    )

    order_url: str = Field(pattern=URL)
    inventory_url: str = Field(pattern=URL)
    bottling_url: str = Field(pattern=URL)
    fulfillment_url: str = Field(pattern=URL)
    kafka: str = Field(min_length=1)
    jwt_secret: str = Field(repr=False)
    topic_prefix: str = Field("", validation_alias="TOPIC_PREFIX", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    currency: str = Field("EUR", validation_alias="CURRENCY", pattern=r"^[A-Z]{3}$")
    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, le=65535)
    log_level: str = "info"
    dev_sign_in: bool = False
    """Lets anybody in by a name and a role: for development only."""
    secure_cookies: bool = False
    """Cookies over TLS only; set it wherever the console is reached by https."""

    @field_validator("jwt_secret")
    @classmethod
    def _is_long_enough(cls, secret: str) -> str:
        if len(secret.encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"must have {SECRET_BYTES_MIN} bytes or more")
        return secret

    @field_validator("log_level")
    @classmethod
    def _is_a_level(cls, level: str) -> str:
        if level.lower() not in LOG_LEVELS:
            raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
        return level.lower()

    def addresses(self) -> dict[str, str]:
        """The services by name."""
        return {
            "order": self.order_url,
            "inventory": self.inventory_url,
            "bottling": self.bottling_url,
            "fulfillment": self.fulfillment_url,
        }
