"""Settings of the bottling service, from the environment."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import ServiceSettings


class BottlingSettings(ServiceSettings):
    """`BOTTLING_...`; a batch has at most `batch_quantity_max` units."""

    model_config = SettingsConfigDict(env_prefix="BOTTLING_")

    batch_quantity_max: int = Field(100_000, ge=1, le=1_000_000)
