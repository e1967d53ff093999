"""Sends the mails that are due: one connection a round, each mail claimed, sent and settled by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Final, Protocol

import structlog
from prometheus_client import Counter, Gauge

from services.order.domain.mails import Answer, Patience
from services.order.jobs.smtp import MAIL_SECONDS_MAX
from services.order.operations.mailing import settle, take_mail
from services.order.store.mails import Mail
from services.order.views.letters import Envelope, UnusableAddress, letter_of, message_of, recipient_of
from services.order.views.mails import count_mails, is_any_due
from shared.runtime.database import Database
from shared.runtime.jobs import Errand, Job
from shared.runtime.transaction import Transaction

LEASE_SECONDS: Final = 3 * MAIL_SECONDS_MAX
"""For how long a mail is in one instance's hands: longer than sending it and writing that down can take."""
COUNT_EVERY_SECONDS: Final = 5.0

_attempts = Counter("flacon_mail_attempts_total", "Attempts to send a mail, by outcome", ["kind", "outcome"])
_mails = Gauge("flacon_mails", "Mails that were not sent, by state", ["state"])
_oldest = Gauge("flacon_mails_oldest_seconds", "Age of the oldest mail that waits")
_log = structlog.get_logger()


class Connection(Protocol):
    """Something that takes mails for as long as it is `usable`."""

    usable: bool

    async def send(self, message: EmailMessage, sender: str, recipient: str) -> Answer:
        """What became of the message."""


class Post(Protocol):
    """Where mails go."""

    def opened(self) -> AbstractAsyncContextManager[Connection]:
        """A connection for one round."""


class LogInstead:
    """In place of a mail server, while none is set: a line without the address's local part."""

    usable = True

    @asynccontextmanager
    async def opened(self) -> AsyncIterator["LogInstead"]:
        yield self

    async def send(self, message: EmailMessage, sender: str, recipient: str) -> Answer:
        to = f"***@{recipient.rpartition('@')[2]}"
        _log.info("mail", message_id=message["Message-ID"], to=to, subject=message["Subject"])
        return Answer("sent")


@dataclass(frozen=True, slots=True)
class Mailroom:
    """How mails leave: where to, in whose name, with how much patience, and how many in a round."""

    post: Post
    sender: Address
    patience: Patience
    round_max: int = 50


async def post_mails(database: Database, room: Mailroom, stop: asyncio.Event) -> int:
    """Sends mails that are due until none is, or the round is full, or the connection is lost; returns how many.

    Raises:
        OSError: the mail server cannot be used; no mail was touched.
    """
    async with database.reading() as connection:
        if not await is_any_due(connection):
            return 0
    count = 0
    async with room.post.opened() as post:
        while count < room.round_max and post.usable and not stop.is_set():
            mail = await _take(database)
            if mail is None:
                break
            await _settle(database, mail, await _send(post, mail, room), room.patience)
            count += 1
    return count


async def _take(database: Database) -> Mail | None:
    async with database.transaction() as tx:
        tx.quiet = True
        return await take_mail(tx, LEASE_SECONDS)


async def _send(post: Connection, mail: Mail, room: Mailroom) -> Answer:
    try:
        recipient = recipient_of(mail.email)
        letter = letter_of(mail.kind, mail.facts, mail.address)
        message = message_of(letter, Envelope(room.sender, recipient, mail.name, mail.at))
    except UnusableAddress as error:
        return Answer("unusable", str(error))
    except Exception as error:
        # Poison: it would fail the same way for ever and must not keep its neighbours.
        _log.exception("mail cannot be written", mail=mail.name)
        return Answer("unusable", f"cannot be written: {type(error).__name__}")
    return await post.send(message, room.sender.addr_spec, recipient.addr_spec)


async def _settle(database: Database, mail: Mail, answer: Answer, patience: Patience) -> None:
    async with database.transaction() as tx:
        state = await settle(tx, mail, answer, patience)
    _attempts.labels(mail.kind, answer.outcome).inc()
    if answer.outcome != "sent":
        _log.warning("mail not sent", mail=mail.name, outcome=answer.outcome, attempts=mail.attempts, state=state)


def post_errand(room: Mailroom, every_seconds: float) -> Errand:
    """Sends mails; several instances never the same at once."""

    async def go(database: Database, stop: asyncio.Event) -> int:
        return await post_mails(database, room, stop)

    return Errand("post_mails", every_seconds=every_seconds, go=go, batch=room.round_max)


def count_job() -> Job:
    """Every instance counts for itself, so that each shows the same numbers."""

    async def show(tx: Transaction) -> int:
        waiting, dead, oldest_seconds = await count_mails(tx.connection)
        _mails.labels("waiting").set(waiting)
        _mails.labels("dead").set(dead)
        _oldest.set(oldest_seconds)
        return 0

    return Job("count_mails", every_seconds=COUNT_EVERY_SECONDS, tick=show, alone=False)
