"""The order service's settings: environment variables with the prefix ORDER_."""

from email.errors import MessageError
from email.headerregistry import Address
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from services.order.domain.mails import Patience
from services.order.domain.order import Policy
from shared.runtime.settings import ServiceSettings


class OrderSettings(ServiceSettings):
    """What an installation decides about its orders."""

    model_config = SettingsConfigDict(env_prefix="ORDER_")

    shipping_lead_days: int = Field(2, ge=0, le=365)
    """Days from stock to the customer's door, for the estimated delivery."""
    late_confirm_seconds: int = Field(86_400, ge=0, le=31_536_000)
    """After its expiry an order may be confirmed so long; inventory has the same setting."""
    ask_again_every_seconds: float = Field(1.0, gt=0, le=60)
    """How often questions without an answer are looked for."""
    promises_every_seconds: float = Field(60.0, gt=0, le=3600)
    """How often orders are looked for whose promised day has passed."""
    ask_again_seconds: tuple[Annotated[float, Field(gt=0, le=86_400)], ...] = Field(
        (10, 60, 300, 900), min_length=1, max_length=20
    )
    """Waits before a question without an answer is asked again, a JSON list; the last one is repeated for ever."""

    smtp_host: str | None = None
    """The mail server; without one, mails are lines of the log."""
    smtp_port: int = Field(0, ge=0, le=65535)
    """0 = 25, 587 or 465, as `smtp_tls` is none, starttls or tls."""
    smtp_tls: Literal["none", "starttls", "tls"] = "starttls"
    """How the connection to the mail server is kept secret."""
    smtp_ca_file: str | None = None
    """Certificates (PEM) that are trusted instead of the system's."""
    smtp_username: str | None = None
    """The login at the mail server, together with the password."""
    smtp_password: str | None = Field(None, repr=False)
    """Needs `smtp_tls` starttls or tls."""
    smtp_from: str = "Flacon <flacon@localhost>"
    """The sender of mails to customers."""
    smtp_timeout_seconds: float = Field(10.0, gt=0, le=30)
    """How long the mail server may take for one step."""
    smtp_every_seconds: float = Field(1.0, gt=0, le=60)
    """How often mails are looked for that are due."""
    smtp_round_max: int = Field(50, ge=1, le=1000)
    """Mails on one connection."""
    smtp_retry_seconds: tuple[Annotated[float, Field(gt=0, le=86_400)], ...] = Field(
        (60, 300, 900, 3600), min_length=1, max_length=20
    )
    """Bounds of the waits before a mail is tried again, a JSON list; the last one is repeated for ever."""
    smtp_refusals_max: int = Field(3, ge=1, le=100)
    """After how many refusals (5xx) a mail is given up."""

    @field_validator("smtp_from")
    @classmethod
    def _is_a_sender(cls, text: str) -> str:
        _sender(text)
        return text

    @field_validator("smtp_ca_file")
    @classmethod
    def _is_a_file(cls, path: str | None) -> str | None:
        if path is not None and not Path(path).is_file():
            raise ValueError("is not a file")
        return path

    @model_validator(mode="after")
    def _keeps_the_password_secret(self) -> Self:
        if (self.smtp_username is None) != (self.smtp_password is None):
            raise ValueError("ORDER_SMTP_USERNAME and ORDER_SMTP_PASSWORD go together")
        if self.smtp_password is not None and self.smtp_tls == "none":
            raise ValueError("ORDER_SMTP_PASSWORD needs ORDER_SMTP_TLS starttls or tls")
        return self

    def mail_sender(self) -> Address:
        """In whose name mails are written."""
        return _sender(self.smtp_from)

    def patience(self) -> Patience:
        """How often a mail is tried."""
        return Patience(self.smtp_retry_seconds, self.smtp_refusals_max)

    def policy(self) -> Policy:
        """The part that decisions need."""
        return Policy(self.currency, self.shipping_lead_days, self.late_confirm_seconds, self.ask_again_seconds)


def _sender(text: str) -> Address:
    """Raises ValueError unless it is an address such as `Flacon <orders@example.org>`."""
    name, spec = parseaddr(text)
    try:
        sender = Address(display_name=name, addr_spec=spec)
    except (ValueError, IndexError, AttributeError, MessageError):
        sender = Address()
    if not sender.username or not sender.domain or not text.isprintable():
        raise ValueError("must be an address such as Flacon <orders@example.org>")
    return sender
