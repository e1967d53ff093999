"""Settings of the inventory service: environment variables with the prefix INVENTORY_."""

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from shared.runtime.settings import ServiceSettings


class InventorySettings(ServiceSettings):
    """What every service needs, and how long holds last."""

    model_config = SettingsConfigDict(env_prefix="INVENTORY_")

    hold_seconds: int = Field(900, ge=1, le=31_536_000)
    """An unconfirmed order holds its units so long."""
    late_confirm_seconds: int = Field(86_400, ge=0, le=31_536_000)
    """After its expiry an order may be confirmed so long."""
    confirmed_seconds: int = Field(604_800, ge=1, le=31_536_000)
    """A confirmed hold that is older is overdue; it is never swept."""
    sweep_seconds: float = Field(1.0, gt=0, le=3600)
    """How often lapsed holds are looked for."""
    overdue_seconds: float = Field(60.0, gt=0, le=3600)
    """How often confirmed holds past their date are looked for."""
    needs_seconds: float = Field(5.0, gt=0, le=3600)
    """How often needs that grew, or were told a day ago, are looked for."""
    level_seconds: float = Field(0.5, gt=0, le=3600)
    """How often the levels of changed items are told."""
    audit_seconds: float = Field(3600.0, gt=0, le=86_400)
    """How often every level is compared with ledger, holds and lots, which reads the whole ledger."""
