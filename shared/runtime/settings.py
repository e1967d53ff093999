"""A service's settings: environment variables, checked once at the start, frozen afterwards."""

from typing import Any, Final, TypeVar

from pydantic import Field, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.runtime.auth import SECRET_BYTES_MIN
from shared.runtime.outbox import SHARDS_MAX
from shared.runtime.rate_limit import DEFAULT as RATE_LIMIT
from shared.runtime.rate_limit import parse_rate

LOG_LEVELS: Final = ("debug", "info", "warning", "error")

S = TypeVar("S", bound="ServiceSettings")


class ServiceSettings(BaseSettings):
    """What every service needs; a service subclasses it with `env_prefix="ORDER_"` and adds its own.

    `TOPIC_PREFIX`, `TOPIC_PARTITIONS` and `CURRENCY` belong to the whole installation and have no prefix.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", populate_by_name=True, hide_input_in_errors=True, env_ignore_empty=True
    )

    postgres_dsn: str = Field(repr=False, pattern=r"^postgres(ql)?://")
    kafka: str = Field(min_length=1)
    jwt_secret: str = Field(repr=False)
    topic_prefix: str = Field("", validation_alias="TOPIC_PREFIX", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    topic_partitions: int = Field(4, validation_alias="TOPIC_PARTITIONS", ge=1, le=1000)
    currency: str = Field("EUR", validation_alias="CURRENCY", pattern=r"^[A-Z]{3}$")
    host: str = "127.0.0.1"
    port: int = Field(0, ge=0, le=65535)
    require_idempotency_key: bool = False
    outbox_shards: int = Field(1, ge=1, le=SHARDS_MAX)
    pool_size: int = Field(10, ge=2, le=200)
    rate_limit: str = RATE_LIMIT
    log_level: str = "info"
    otlp_endpoint: str | None = None

    @field_validator("jwt_secret")
    @classmethod
    def _is_long_enough(cls, secret: str) -> str:
        if len(secret.encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"must have {SECRET_BYTES_MIN} bytes or more")
        return secret

    @field_validator("rate_limit")
    @classmethod
    def _is_a_rate(cls, rate: str) -> str:
        parse_rate(rate)
        return rate

    @field_validator("log_level")
    @classmethod
    def _is_a_level(cls, level: str) -> str:
        if level.lower() not in LOG_LEVELS:
            raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
        return level.lower()


class SettingsError(Exception):
    """One line that names every variable that is missing or wrong, never its value."""


def load_settings(kind: type[S], **given: Any) -> S:
    """The settings of the environment; `given` (a port of the command line) stands above it.

    Raises:
        SettingsError: a variable is missing or wrong.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        raise SettingsError(_told(kind, error)) from None


def variables(kind: type[ServiceSettings]) -> dict[str, str]:
    """The environment variable of each field."""
    return {name: _variable(kind, name, field) for name, field in kind.model_fields.items()}


def _variable(kind: type[ServiceSettings], name: str, field: FieldInfo) -> str:
    if isinstance(field.validation_alias, str):
        return field.validation_alias
    return (str(kind.model_config.get("env_prefix", "")) + name).upper()


def _told(kind: type[ServiceSettings], error: ValidationError) -> str:
    names = variables(kind)
    wrong = []
    for found in error.errors(include_url=False, include_input=False):
        field = str(found["loc"][0]) if found["loc"] else "settings"
        what = "is missing" if found["type"] == "missing" else found["msg"].removeprefix("Value error, ")
        wrong.append(f"{names.get(field, field)}: {what}")
    return "; ".join(wrong)
