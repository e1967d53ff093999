"""Settings of the fulfillment service: environment variables with the prefix FULFILLMENT_."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import ServiceSettings


class FulfillmentSettings(ServiceSettings):
    """What every service needs, and how long a picking list of many orders is its picker's."""

    model_config = SettingsConfigDict(env_prefix="FULFILLMENT_")

    wave_seconds: float = Field(default=14_400.0, gt=0)
    """Orders on a list that are not picked by then may go on another."""
