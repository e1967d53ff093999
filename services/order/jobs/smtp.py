"""A mail server as the order service talks to it: one connection for several mails, every fault with its meaning."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Final, Literal

import aiosmtplib

from services.order.domain.mails import Answer

Tls = Literal["none", "starttls", "tls"]
PORTS: Final[dict[Tls, int]] = {"none": 25, "starttls": 587, "tls": 465}
MAIL_SECONDS_MAX: Final = 60.0
"""Within which a mail is accepted or has failed, whatever the server does."""
CLOSING: Final = 421
TOO_LARGE: Final = 552


class Unreachable(OSError):
    """The server cannot be used now, whichever the mail."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mails go; `seconds` bound each step of the conversation, `ca_file` names whom to trust alone."""

    host: str
    port: int
    tls: Tls
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    seconds: float = 10.0
    ca_file: str | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["SmtpConnection"]:
        """A connection on which mails can be sent.

        Raises:
            Unreachable: no connection, no TLS or no login.
        """
        smtp = aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            timeout=self.seconds,
            use_tls=self.tls == "tls",
            start_tls=self.tls == "starttls",
            tls_context=None if self.tls == "none" else ssl.create_default_context(cafile=self.ca_file),
        )
        try:
            await self._enter(smtp)
            connection = SmtpConnection(smtp)
            yield connection
            if connection.usable:
                with suppress(aiosmtplib.SMTPException, OSError, EOFError):
                    await smtp.quit()
        finally:
            smtp.close()

    async def _enter(self, smtp: aiosmtplib.SMTP) -> None:
        try:
            await smtp.connect()
            if self.username is not None:
                await smtp.login(self.username, self.password or "")
        except (aiosmtplib.SMTPException, OSError, EOFError) as error:
            raise Unreachable(f"mail server {self.host}:{self.port}: {_told(error)}") from error


class SmtpConnection:
    """An open connection; once it is not `usable` any more, no further mail is given to it."""

    def __init__(self, smtp: aiosmtplib.SMTP) -> None:
        self._smtp = smtp
        self.usable = True

    async def send(self, message: EmailMessage, sender: str, recipient: str) -> Answer:
        """Hands a message over; what the server says of it is a value, never an exception."""
        try:
            async with asyncio.timeout(MAIL_SECONDS_MAX):
                await self._smtp.send_message(message, sender=sender, recipients=[recipient])
        except (aiosmtplib.SMTPException, OSError, EOFError, ValueError) as error:
            return self._answer(error)
        return Answer("sent")

    def _answer(self, error: Exception) -> Answer:
        if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
            error = error.recipients[0]
        if isinstance(error, aiosmtplib.SMTPSenderRefused) and error.code != TOO_LARGE:
            # It is the installation that is refused: no mail is given up for that.
            self.usable = False
            return Answer("failed", _told(error))
        if isinstance(error, aiosmtplib.SMTPResponseException):
            self.usable = error.code != CLOSING
            return Answer("refused" if 500 <= error.code < 600 else "failed", _told(error))
        if isinstance(error, aiosmtplib.SMTPNotSupported | ValueError):
            return Answer("unusable", _told(error))
        self.usable = False
        return Answer("failed", _told(error))


def _told(error: BaseException) -> str:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return f"{error.code} {error.message}"
    return f"{type(error).__name__}: {error}".removesuffix(": ")
