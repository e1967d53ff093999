"""Settings of mail: what does not fit is told by its variable, and the password by nobody."""

from typing import Any

import pytest

from services.order.app import build, mailroom
from services.order.jobs.posting import LogInstead
from services.order.jobs.smtp import MailServer
from services.order.settings import OrderSettings
from shared.runtime.settings import SettingsError, load_settings

NEEDED = {"postgres_dsn": "postgresql://x", "kafka": "x:1", "jwt_secret": "0" * 32}
PASSWORD = "a-password-nobody-tells"


def _settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> OrderSettings:
    for name, text in variables.items():
        monkeypatch.setenv(f"ORDER_SMTP_{name}", text)
    return load_settings(OrderSettings, **NEEDED)


def test_without_a_host_mails_go_to_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    room = mailroom(_settings(monkeypatch, HOST="", PASSWORD=""))
    assert isinstance(room.post, LogInstead)
    assert (str(room.sender), room.round_max, room.patience.refusals_max) == ("Flacon <flacon@localhost>", 50, 3)


@pytest.mark.parametrize(("tls", "port"), [("none", 25), ("starttls", 587), ("tls", 465)])
def test_the_port_follows_the_way_of_encryption_unless_it_is_told(
    monkeypatch: pytest.MonkeyPatch, tls: str, port: int
) -> None:
    assert _server(_settings(monkeypatch, HOST="mail", TLS=tls)).port == port
    assert _server(_settings(monkeypatch, HOST="mail", TLS=tls, PORT="2525")).port == 2525


def _server(settings: OrderSettings) -> MailServer:
    post: Any = mailroom(settings).post
    assert isinstance(post, MailServer)
    return post


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"TLS": "maybe"}, "ORDER_SMTP_TLS"),
        ({"FROM": "nobody"}, "ORDER_SMTP_FROM: must be an address"),
        ({"FROM": "Flacon <a@b.c>\nBcc: <d@e.f>"}, "ORDER_SMTP_FROM: must be an address"),
        ({"CA_FILE": "no-such-file.pem"}, "ORDER_SMTP_CA_FILE: is not a file"),
        ({"ROUND_MAX": "0"}, "ORDER_SMTP_ROUND_MAX"),
        ({"RETRY_SECONDS": "[]"}, "ORDER_SMTP_RETRY_SECONDS"),
        ({"TIMEOUT_SECONDS": "31"}, "ORDER_SMTP_TIMEOUT_SECONDS"),
        ({"USERNAME": "x"}, "ORDER_SMTP_USERNAME and ORDER_SMTP_PASSWORD go together"),
        ({"PASSWORD": PASSWORD}, "ORDER_SMTP_USERNAME and ORDER_SMTP_PASSWORD go together"),
        ({"USERNAME": "x", "PASSWORD": PASSWORD, "TLS": "none"}, "ORDER_SMTP_PASSWORD needs ORDER_SMTP_TLS"),
    ],
)
def test_what_does_not_fit_is_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        _settings(monkeypatch, **variables)
    assert told in str(refused.value) and "\n" not in str(refused.value)
    assert PASSWORD not in str(refused.value)


def test_the_password_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings(monkeypatch, HOST="mail", USERNAME="flacon", PASSWORD=PASSWORD)
    assert _server(settings).password == PASSWORD
    assert PASSWORD not in repr(settings) + repr(mailroom(settings)) + repr(build(settings))
