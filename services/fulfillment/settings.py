"""Settings of the fulfillment service: environment variables with the prefix FULFILLMENT_."""

from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import ServiceSettings


class FulfillmentSettings(ServiceSettings):
    """What every service needs; fulfillment has nothing of its own."""

    model_config = SettingsConfigDict(env_prefix="FULFILLMENT_")
