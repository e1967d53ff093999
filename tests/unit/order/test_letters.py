"""Mails as people read them: every kind in both languages, nothing of an order that breaks out of its place."""

import email
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import default
from itertools import product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.order.domain.intake import is_email
from services.order.domain.mails import KINDS, LANGUAGES, Kind, Language
from services.order.operations.previewing import SAMPLE_ADDRESS, sample
from services.order.views.letters import Envelope, UnusableAddress, letter_of, message_of, recipient_of

SENDER = Address("Flacon", addr_spec="orders@flacon.example")
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
NAME = "0190a000-0000-7000-8000-000000000001.shipped.2"
BAD = '"><script>alert(1)</script>\r\nBcc: all@example.org'


def _parsed(message: EmailMessage) -> EmailMessage:
    parsed = email.message_from_bytes(message.as_bytes(), policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def _sent(
    kind: Kind, recipient: str = "ann@example.org", language: Language | None = None, **facts: Any
) -> EmailMessage:
    given, address = sample(kind)
    letter = letter_of(kind, {**given, **facts}, address, language)
    return _parsed(message_of(letter, Envelope(SENDER, recipient_of(recipient), NAME, NOW)))


def _part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    text: str = found.get_content()
    return text


@pytest.mark.parametrize(("kind", "language"), list(product(KINDS, LANGUAGES)))
def test_every_kind_reads_in_every_language_as_text_and_html(kind: Kind, language: Language) -> None:
    message = _sent(kind, language=language)
    text, html = _part(message, "plain"), _part(message, "html")
    assert message["Content-Language"] == language and f'<html lang="{language}">' in html
    assert "R-1017" in message["Subject"] and "R-1017" in text and "R-1017" in html
    assert "Ann Example" in text and "Ann Example" in html
    assert "Rose 50 ml" in text and "<li>" in html and "Rose 50 ml" in html
    assert max(len(line) for line in text.splitlines()) < 200
    assert "\n\n\n" not in text and "{" not in text + html


@pytest.mark.parametrize("kind", KINDS)
def test_the_languages_differ_in_every_kind(kind: Kind) -> None:
    first, second = (letter_of(kind, *sample(kind), language) for language in LANGUAGES)
    assert first.subject != second.subject and first.text != second.text


def test_headers_are_those_of_an_automatic_mail_with_an_identity_of_its_own() -> None:
    message = _sent("shipped")
    assert message["Message-ID"] == f"<{NAME}@flacon>"
    assert (message["From"], message["To"]) == ("Flacon <orders@flacon.example>", "ann@example.org")
    assert message["Date"].datetime == NOW
    assert message["Auto-Submitted"] == "auto-generated"


def test_a_parcel_tells_its_carrier_and_number_and_links_to_it() -> None:
    message = _sent("shipped", carrier="DHL", tracking_number="1234 567890")
    link = "https://www.dhl.com/global-en/home/tracking.html?tracking-id=1234567890"
    assert link in _part(message, "plain") and f'<a href="{link}">' in _part(message, "html")
    unknown = _sent("shipped", carrier="a cart", tracking_number="7")
    assert "a cart" in _part(unknown, "plain") and "http" not in _part(unknown, "plain")
    assert "<a " not in _part(unknown, "html")
    assert "http" not in _part(_sent("shipped", carrier=None, tracking_number=None), "plain")


@pytest.mark.parametrize(
    ("language", "day"), [("en", "We expect to deliver it by 12 March 2026"), ("de", "bis 12. März 2026")]
)
def test_a_backorder_tells_its_date_and_what_it_rests_on(language: Language, day: str) -> None:
    given, address = sample("backordered")
    text = letter_of("backordered", {**given, "estimated_delivery": "2026-03-12"}, address, language).text
    assert day in text and ("production" if language == "en" else "Abfüllung") in text
    by_rule = {**given, "estimated_delivery": "2026-03-12", "estimated_basis": "lead_days"}
    text = letter_of("backordered", by_rule, address, language).text
    assert ("lead time" if language == "en" else "Lieferzeit") in text


def test_without_a_date_none_is_told() -> None:
    given, address = sample("backordered")
    lines = [{**line, "expected_date": None} for line in given["lines"]]
    text = letter_of("backordered", {**given, "lines": lines, "estimated_delivery": None}, address).text
    assert "no date yet" in text and "expect to deliver" not in text


def test_what_others_wrote_cannot_break_out_of_html_a_line_or_a_header() -> None:
    given, _ = sample("shipped")
    facts = {**given, "carrier": BAD, "tracking_number": BAD, "reference": BAD, "lines": [{"name": BAD, "units": 1}]}
    letter = letter_of("shipped", facts, {**SAMPLE_ADDRESS, "name": BAD})
    message = _parsed(message_of(letter, Envelope(SENDER, recipient_of("ann@example.org"), NAME, NOW)))
    assert set(message.keys()) == {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Content-Language",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    }
    assert "<script" not in _part(message, "html")
    assert not any(line.startswith("Bcc") for line in _part(message, "plain").splitlines())


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "ann",
        "ann@",
        "@example.org",
        "a b@example.org",
        "a..b@example.org",
        "ann@example.org\r\nBcc: x@y.z",
        "a(b@c.d",
    ],
)
def test_an_address_that_cannot_stand_in_a_header_is_refused(recipient: str) -> None:
    with pytest.raises(UnusableAddress):
        _sent("confirmed", recipient)


def test_a_domain_with_letters_of_its_own_is_written_in_ascii() -> None:
    assert recipient_of("ann@bücher.example").addr_spec == "ann@xn--bcher-kva.example"


LOCALS = st.text(max_size=40) | st.text("ab.=?!#'+-_`{|}~/*&%$^\\()[]:\u200b\u0085\xa0é", max_size=20)
DOMAINS = st.text(max_size=40) | st.text("ab.-_=?ü\u2028\u3002", max_size=20)


@given(LOCALS, DOMAINS)
@example("=?utf-8?q?ann?=", "a")
@example("a=?utf-8?b?Cg==?=", "a")
def test_whatever_intake_accepts_makes_one_recipient_or_is_unusable(local: str, domain: str) -> None:
    recipient = f"{local}@{domain}.org"
    if not is_email(recipient):
        return
    letter = letter_of("confirmed", *sample("confirmed"))
    try:
        message = _parsed(message_of(letter, Envelope(SENDER, recipient_of(recipient), NAME, NOW)))
    except UnusableAddress:
        return
    assert message["Bcc"] is None and message["Cc"] is None
    assert [one.addr_spec for one in message["To"].addresses] == [recipient_of(recipient).addr_spec]
    assert recipient_of(recipient).addr_spec.isascii()
