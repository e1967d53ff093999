"""Settings of the bottling service, from the environment."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.bottling.domain.questions import Delays
from shared.runtime.settings import ServiceSettings


class BottlingSettings(ServiceSettings):
    """`BOTTLING_...`; a batch has at most `batch_quantity_max` units."""

    model_config = SettingsConfigDict(env_prefix="BOTTLING_")

    batch_quantity_max: int = Field(100_000, ge=1, le=1_000_000)
    """Units of one batch at most."""
    quality_percent_min: int = Field(95, ge=0, le=100)
    """So many of the units produced are expected to be good; fewer are an alert."""
    late_seconds: float = Field(60.0, gt=0, le=3600)
    """How often batches past their time are looked for."""
    replenish_seconds: float = Field(1.0, gt=0, le=3600)
    """How often needs that no batch is to meet are looked for."""
    ask_again_every_seconds: float = Field(1.0, gt=0, le=60)
    """How often questions without an answer are looked for."""
    ask_again_seconds: tuple[Annotated[float, Field(gt=0, le=86_400)], ...] = Field(
        (10, 60, 300, 900), min_length=1, max_length=20
    )
    """Waits before a question without an answer is told again, a JSON list; the last one is repeated for ever."""

    def delays(self) -> Delays:
        """The same as decisions need them."""
        return tuple(timedelta(seconds=seconds) for seconds in self.ask_again_seconds)
