"""Mails as people read them: subject, text and HTML in the customer's language, and the message that is sent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from services.order.domain.mails import Kind, Language, language_of, name_of
from shared.contracts.carriers import link_to

TEMPLATES: Final = Path(__file__).parent / "templates"
MONTHS: Final[Mapping[Language, tuple[str, ...]]] = {
    "en": (
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    "de": (
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ),
}


_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LOCAL: Final = re.compile(rf"(?=.{{1,64}}\Z){_ATOM}(\.{_ATOM})*")
DOMAIN: Final = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


class UnusableAddress(ValueError):
    """No message can be addressed to it."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What a customer reads."""

    language: Language
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom to whom, and the identity that is the same on every attempt; `name` as in `ORDER_ID.KIND.N`."""

    sender: Address
    recipient: Address
    name: str
    at: datetime

    @property
    def message_id(self) -> str:
        return f"<{self.name}@flacon>"


def letter_of(
    kind: Kind, facts: Mapping[str, Any], address: Mapping[str, Any], language: Language | None = None
) -> Letter:
    """Writes what the facts say; without a language, in the one of the address."""
    chosen = language or language_of(address)
    given = {**facts, "kind": kind, "language": chosen, "name": name_of(address), "link": _link(facts)}
    written = _written(chosen)
    words: Any = written.get_template(f"{chosen}/{kind}.txt").make_module(given)
    return Letter(
        language=chosen,
        subject=_flat(words.subject),
        text=written.get_template("mail.txt").render(given),
        html=written.get_template("mail.html").render(given),
    )


def _link(facts: Mapping[str, Any]) -> str | None:
    """Where the parcel of a mail is followed."""
    carrier, number = facts.get("carrier"), facts.get("tracking_number")
    return link_to(carrier, number) if carrier and number else None


def message_of(letter: Letter, envelope: Envelope) -> EmailMessage:
    """The letter as a message of text and HTML."""
    message = EmailMessage(policy=SMTP)
    message["From"] = envelope.sender
    message["To"] = envelope.recipient
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(envelope.at)
    message["Message-ID"] = envelope.message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    message["Content-Language"] = letter.language
    return message


def recipient_of(email: str | None) -> Address:
    """The address as it stands in a header and on an envelope, its domain in ASCII.

    Raises:
        UnusableAddress: it is none.
    """
    local, _, name = (email or "").rpartition("@")
    try:
        domain = name.encode("idna").decode()
    except UnicodeError as error:
        raise UnusableAddress("the domain of the recipient's address cannot be used") from error
    # Nothing else is given to the library: its parser of addresses fails on some that are none, in more ways than one.
    if not LOCAL.fullmatch(local) or "=?" in local or not DOMAIN.fullmatch(domain):
        raise UnusableAddress("the recipient's address cannot be used")
    return Address(username=local, domain=domain)


@cache
def _written(language: Language) -> Environment:
    """The templates of a language; what is missing in the facts is an error, what stands in HTML is escaped."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["flat"] = _flat
    environment.filters["day"] = lambda text: _day(date.fromisoformat(str(text)), language)
    environment.filters["moment"] = lambda text: _moment(datetime.fromisoformat(str(text)), language)
    return environment


def _flat(text: object) -> str:
    """One line."""
    return " ".join(str(text).split())


def _day(day: date, language: Language) -> str:
    point = "." if language == "de" else ""
    return f"{day.day}{point} {MONTHS[language][day.month - 1]} {day.year}"


def _moment(moment: datetime, language: Language) -> str:
    clock = " Uhr" if language == "de" else ""
    return f"{_day(moment.date(), language)}, {moment:%H:%M}{clock} UTC"
