"""The console's settings: environment variables with the prefix CONSOLE_."""

from typing import Final, Self

from pydantic import Field, model_validator
from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import ProcessSettings

URL: Final = r"^https?://[^/]+$"


class ConsoleSettings(ProcessSettings):
    """Where the services are, and how people get in."""

    model_config = SettingsConfigDict(env_prefix="CONSOLE_")

    order_url: str = Field(pattern=URL)
    """Where the order service is, `http://host:port`."""
    inventory_url: str = Field(pattern=URL)
    """The same for inventory."""
    bottling_url: str = Field(pattern=URL)
    """The same for bottling."""
    fulfillment_url: str = Field(pattern=URL)
    """The same for fulfillment."""
    dev_sign_in: bool = False
    """Lets anybody in by a name and a role: for development only; needs the secret."""
    secure_cookies: bool = False
    """Cookies over TLS only; set it wherever the console is reached by https."""

    @model_validator(mode="after")
    def _makes_tokens_by_a_secret_only(self) -> Self:
        if self.dev_sign_in and self.jwt_secret is None:
            raise ValueError("CONSOLE_DEV_SIGN_IN needs CONSOLE_JWT_SECRET")
        return self

    def addresses(self) -> dict[str, str]:
        """The services by name."""
        return {
            "order": self.order_url,
            "inventory": self.inventory_url,
            "bottling": self.bottling_url,
            "fulfillment": self.fulfillment_url,
        }
