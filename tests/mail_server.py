"""A real SMTP server on loopback that counts what it was given, and misbehaves as it is told."""

import asyncio
import datetime
import email
import ipaddress
import ssl
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, Literal

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "127.0.0.1"
Whim = Literal["greylist", "refuse", "refuse_content", "refuse_sender", "drop", "close", "hang"]
"""What it does to a mail: answers 451 or 550 to the recipient, 554 to the content, 553 to the sender, 421, drops the
connection once it has the mail without saying so, or says nothing until it is released."""


@dataclass
class MailServer:
    """`got` is every message it took, accepted or not; `whims` are used up one a mail, then it accepts."""

    port: int = 0
    got: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    whims: deque[Whim] = field(default_factory=deque)
    refused: set[str] = field(default_factory=set)
    connections: int = 0
    encrypted: list[bool] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)
    _whim: Whim | None = None

    def counted(self) -> Counter[str]:
        """How often each Message-ID came, without its brackets and domain."""
        return Counter(str(message["Message-ID"]).removeprefix("<").removesuffix("@flacon>") for message in self.got)

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        self._whim = self.whims.popleft() if self.whims else None
        if self._whim == "refuse_sender":
            return "553 5.7.1 this sender is not ours"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        if self._whim == "greylist":
            return "451 4.7.1 come back later"
        if self._whim == "close":
            return "421 4.3.2 closing"
        if self._whim == "refuse" or address in self.refused:
            return "550 5.1.1 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        message = email.message_from_bytes(envelope.content or b"", policy=default)  # type: ignore[arg-type]
        assert isinstance(message, EmailMessage)
        self.got.append(message)
        self.recipients += envelope.rcpt_tos
        assert server.transport is not None
        self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        if self._whim == "refuse_content":
            return "554 5.6.0 not this"
        if self._whim == "drop":
            server.transport.abort()  # type: ignore[attr-defined]
        if self._whim == "hang":
            self.hanging.set()
            await self.released.wait()
        return "250 2.0.0 taken"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"flacon", b"a secret")
        if known:
            self.users.append(data.login.decode())
        return AuthResult(success=known, handled=False)


@asynccontextmanager
async def mail_server(
    *, certificate: Path | None = None, implicit: bool = False, login: bool = False
) -> AsyncIterator[MailServer]:
    """A server that listens; with a certificate it wants TLS, from the first byte if `implicit`."""
    server = MailServer()
    context = None
    if certificate is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)

    def connect() -> SMTP:
        server.connections += 1
        starttls = None if implicit else context
        return SMTP(
            server,
            hostname="mail.example",
            tls_context=starttls,
            require_starttls=starttls is not None,
            authenticator=server.authenticate if login else None,
            auth_required=login,
            auth_require_tls=not implicit,
        )

    listening = await asyncio.get_running_loop().create_server(connect, HOST, 0, ssl=context if implicit else None)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        server.released.set()
        listening.close()


def make_certificate(file: Path) -> Path:
    """Writes a certificate of this host with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return file


def mail_settings(server: MailServer, **more: str) -> dict[str, str]:
    """Settings of order with which it sends its mails there, at once."""
    return {
        "ORDER_SMTP_HOST": HOST,
        "ORDER_SMTP_PORT": str(server.port),
        "ORDER_SMTP_TLS": "none",
        "ORDER_SMTP_EVERY_SECONDS": "0.1",
        "ORDER_SMTP_RETRY_SECONDS": "[0.1]",
        **more,
    }
