"""The order service's settings: environment variables with the prefix ORDER_."""

from typing import Annotated

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.order.domain.order import Policy
from shared.runtime.settings import ServiceSettings


class OrderSettings(ServiceSettings):
    """What an installation decides about its orders."""

    model_config = SettingsConfigDict(env_prefix="ORDER_")

    shipping_lead_days: int = Field(2, ge=0, le=365)
    late_confirm_seconds: int = Field(86_400, ge=0, le=31_536_000)
    ask_again_every_seconds: float = Field(1.0, gt=0, le=60)
    promises_every_seconds: float = Field(60.0, gt=0, le=3600)
    """How often orders are looked for whose promised day has passed."""
    ask_again_seconds: tuple[Annotated[float, Field(gt=0, le=86_400)], ...] = Field(
        (10, 60, 300, 900), min_length=1, max_length=20
    )
    """Waits before a question without an answer is asked again, a JSON list; the last one is repeated for ever."""

    def policy(self) -> Policy:
        """The part that decisions need."""
        return Policy(self.currency, self.shipping_lead_days, self.late_confirm_seconds, self.ask_again_seconds)
