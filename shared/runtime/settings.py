"""A service's settings: environment variables, checked once at the start, frozen afterwards."""

from pathlib import Path
from typing import Any, Final, Self, TypeVar

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from shared.runtime.auth import AUDIENCE, ISSUER, LEEWAY_SECONDS, SECRET_BYTES_MIN, Tokens, Trust
from shared.runtime.kafka.security import security_for
from shared.runtime.outbox import SHARDS_MAX
from shared.runtime.rate_limit import DEFAULT as RATE_LIMIT
from shared.runtime.rate_limit import parse_rate
from shared.runtime.secret_files import FILE_SUFFIX, read_secrets, with_password
from shared.runtime.signing_keys import SigningKeys, is_safe_url

LOG_LEVELS: Final = ("debug", "info", "warning", "error")

S = TypeVar("S", bound="ProcessSettings")


class ProcessSettings(BaseSettings):
    """What every process needs that hears events and believes tokens: the services, and the console.

    `TOPIC_PREFIX` and `CURRENCY` belong to the whole installation and have no prefix. A secret may stand in a file that
    `..._FILE` names. What is written below a field is its row in `docs/configuration.md`.
    """

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
        env_ignore_empty=True,
        use_attribute_docstrings=True,
    )

    kafka: str = Field(min_length=1)
    """Kafka's brokers, `host:port`, several with commas."""
    kafka_ca_file: str | None = None
    """Certificates (PEM) by which Kafka's is checked; with it, or with a username, connections are TLS."""
    kafka_username: str | None = None
    """The login at Kafka (SASL/SCRAM-SHA-512), together with the password."""
    kafka_password: str | None = Field(None, repr=False, min_length=1)
    """It is sent over TLS only."""
    jwt_secret: str | None = Field(None, repr=False)
    """The secret that signs tokens (HS256), 32 bytes or more: for development, and where no issuer is."""
    jwt_issuer: str = Field(ISSUER, min_length=1)
    """`iss` of the tokens that are believed; an address of https if keys are found by OIDC discovery."""
    jwt_audience: str = Field(AUDIENCE, min_length=1)
    """`aud` that a token must have among its own."""
    jwt_discovery: bool = False
    """Instead of a secret: the issuer's keys are found by OIDC discovery at its address."""
    jwt_jwks_url: str | None = None
    """Instead of a secret: where the issuer's keys are (JWKS over https)."""
    jwt_ca_file: str | None = None
    """Certificates (PEM) that are trusted instead of the system's when the issuer is asked."""
    jwt_leeway_seconds: int = Field(LEEWAY_SECONDS, ge=0, le=300)
    """How far the issuer's clock may be off."""
    topic_prefix: str = Field("", validation_alias="TOPIC_PREFIX", pattern=r"^[A-Za-z0-9._-]{0,100}$")
    """Stands before the name of every topic and consumer group, so that installations may share a cluster."""
    currency: str = Field("EUR", validation_alias="CURRENCY", pattern=r"^[A-Z]{3}$")
    """The one currency of all costs."""
    host: str = "127.0.0.1"
    """The address that HTTP listens on."""
    port: int = Field(0, ge=0, le=65535)
    """The port that HTTP listens on; 0 = a free one, which the log tells."""
    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is given, then the environment, then the files that the environment names."""
        return init_settings, env_settings, _SecretFiles(settings_cls)

    @field_validator("jwt_secret")
    @classmethod
    def _is_long_enough(cls, secret: str | None) -> str | None:
        if secret is not None and len(secret.encode()) < SECRET_BYTES_MIN:
            raise ValueError(f"must have {SECRET_BYTES_MIN} bytes or more")
        return secret

    @field_validator("jwt_ca_file", "kafka_ca_file")
    @classmethod
    def _is_a_file(cls, path: str | None) -> str | None:
        if path is not None and not Path(path).is_file():
            raise ValueError("is not a file")
        return path

    @model_validator(mode="after")
    def _knows_whose_tokens_to_believe(self) -> Self:
        named = variables(type(self))
        ways = {"jwt_secret": self.jwt_secret, "jwt_discovery": self.jwt_discovery, "jwt_jwks_url": self.jwt_jwks_url}
        if sum(1 for way in ways.values() if way) != 1:
            raise ValueError(f"exactly one of {', '.join(named[way] for way in ways)} must be set")
        if self.jwt_jwks_url is not None and not is_safe_url(self.jwt_jwks_url):
            raise ValueError(f"{named['jwt_jwks_url']} must be an address of https")
        if self.jwt_discovery and not is_safe_url(self.jwt_issuer):
            raise ValueError(f"{named['jwt_issuer']} must be an address of https for discovery")
        return self

    @model_validator(mode="after")
    def _logs_in_at_kafka_with_both(self) -> Self:
        named = variables(type(self))
        if (self.kafka_username is None) != (self.kafka_password is None):
            raise ValueError(f"{named['kafka_username']} and {named['kafka_password']} go together")
        return self

    def kafka_security(self) -> dict[str, Any]:
        """How Kafka's clients connect, in the client library's words."""
        return security_for(self.kafka_ca_file, self.kafka_username, self.kafka_password)

    def tokens(self) -> Tokens:
        """What verifies tokens, as these settings say."""
        trust = Trust(self.jwt_issuer, self.jwt_audience, self.jwt_leeway_seconds)
        if self.jwt_secret is not None:
            return Tokens(self.jwt_secret, trust=trust)
        keys = SigningKeys(self.jwt_issuer, self.jwt_jwks_url, ca_file=self.jwt_ca_file)
        return Tokens(keys=keys, trust=trust)

    @field_validator("log_level")
    @classmethod
    def _is_a_level(cls, level: str) -> str:
        if level.lower() not in LOG_LEVELS:
            raise ValueError(f"must be one of {', '.join(LOG_LEVELS)}")
        return level.lower()


class ServiceSettings(ProcessSettings):
    """What every service needs; a service subclasses it with `env_prefix="ORDER_"` and adds its own.

    `TOPIC_PARTITIONS` belongs to the whole installation too.
    """

    postgres_dsn: str = Field(repr=False, pattern=r"^postgres(ql)?://")
    """Where the service's own schema is, as its own role: `postgresql://order_service@host:5432/flacon`."""
    postgres_password: str | None = Field(None, repr=False, min_length=1)
    """The role's password, unless the address above has it."""
    topic_partitions: int = Field(4, validation_alias="TOPIC_PARTITIONS", ge=1, le=1000)
    """Partitions per topic, as the AsyncAPI document tells; the topics step makes as many."""
    require_idempotency_key: bool = False
    """Whether every `POST` must carry an `Idempotency-Key`."""
    outbox_shards: int = Field(1, ge=1, le=SHARDS_MAX)
    """Relays that send events side by side; the events of one key keep their order."""
    pool_size: int = Field(10, ge=2, le=200)
    """Connections to Postgres of one instance at most; three more watch, listen and relay."""
    rate_limit: str = RATE_LIMIT
    """Requests of one client to one instance, reads and writes each: `600/second`, `100 per minute`."""
    otlp_endpoint: str | None = None
    """Where traces go (OTLP over HTTP: `http://collector:4318`); without one they are passed on, not recorded."""

    @model_validator(mode="before")
    @classmethod
    def _has_its_password(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("postgres_password"), str):
            return {**given, "postgres_dsn": with_password(given.get("postgres_dsn"), given["postgres_password"])}
        return given

    @field_validator("rate_limit")
    @classmethod
    def _is_a_rate(cls, rate: str) -> str:
        parse_rate(rate)
        return rate


class SettingsError(Exception):
    """One line that names every variable that is missing or wrong, never its value."""


class _SecretFiles(PydanticBaseSettingsSource):
    """The secrets whose files the environment names."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        kind = self.settings_cls
        assert issubclass(kind, ProcessSettings)
        try:
            return read_secrets({field: variables(kind)[field] for field in secrets_of(kind)})
        except ValueError as error:
            raise SettingsError(str(error)) from None


def load_settings(kind: type[S], **given: Any) -> S:
    """The settings of the environment; `given` (a port of the command line) stands above it.

    Raises:
        SettingsError: a variable is missing or wrong.
    """
    try:
        return kind(**given)
    except ValidationError as error:
        raise SettingsError(_told(kind, error)) from None


def variables(kind: type[ProcessSettings]) -> dict[str, str]:
    """The environment variable of each field."""
    return {name: _variable(kind, name, field) for name, field in kind.model_fields.items()}


def secrets_of(kind: type[ProcessSettings]) -> list[str]:
    """The fields that may stand in a file: those that are never shown."""
    return [name for name, field in kind.model_fields.items() if not field.repr]


def every_variable(kind: type[ProcessSettings]) -> set[str]:
    """The names of all that the environment may tell this service."""
    named = variables(kind)
    return {*named.values(), *(named[field] + FILE_SUFFIX for field in secrets_of(kind))}


def _variable(kind: type[ProcessSettings], name: str, field: FieldInfo) -> str:
    if isinstance(field.validation_alias, str):
        return field.validation_alias
    return (str(kind.model_config.get("env_prefix", "")) + name).upper()


def _told(kind: type[ProcessSettings], error: ValidationError) -> str:
    names = variables(kind)
    wrong = []
    for found in error.errors(include_url=False, include_input=False):
        field = str(found["loc"][0]) if found["loc"] else "settings"
        what = "is missing" if found["type"] == "missing" else found["msg"].removeprefix("Value error, ")
        wrong.append(f"{names.get(field, field)}: {what}")
    return "; ".join(wrong)
