"""Settings are complete or refused by name, frozen, and keep their secrets to themselves."""

import time

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from shared.runtime.auth import InvalidToken, Tokens, make_token
from shared.runtime.settings import ServiceSettings, SettingsError, load_settings, variables


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="T_")

    own: int = 7


GOOD = {"T_POSTGRES_DSN": "postgresql://u:hidden@h/d", "T_KAFKA": "k:1", "T_JWT_SECRET": "secret" * 6}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_shared_variables_have_no_prefix(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("TOPIC_PREFIX", "p.")
    environment.setenv("TOPIC_PARTITIONS", "8")
    environment.setenv("T_OWN", "9")
    settings = load_settings(Settings, port=1234)
    assert (settings.topic_prefix, settings.topic_partitions, settings.currency) == ("p.", 8, "EUR")
    assert (settings.own, settings.port) == (9, 1234)
    assert variables(Settings)["own"] == "T_OWN"
    assert variables(Settings)["currency"] == "CURRENCY"


def test_secrets_are_not_shown(environment: pytest.MonkeyPatch) -> None:
    settings = load_settings(Settings)
    assert "hidden" not in repr(settings) and "secretsecret" not in repr(settings)
    with pytest.raises(ValidationError):
        setattr(settings, "port", 1)  # noqa: B010


def test_everything_that_is_wrong_is_told_at_once_without_its_value(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("T_KAFKA")
    environment.setenv("T_JWT_SECRET", "too short")
    environment.setenv("T_POSTGRES_DSN", "mysql://hidden")
    environment.setenv("TOPIC_PARTITIONS", "none")
    with pytest.raises(SettingsError) as told:
        load_settings(Settings)
    parts = str(told.value).split("; ")
    assert sorted(part.split(":")[0] for part in parts) == [
        "TOPIC_PARTITIONS",
        "T_JWT_SECRET",
        "T_KAFKA",
        "T_POSTGRES_DSN",
    ]
    assert "T_KAFKA: is missing" in parts
    assert "too short" not in str(told.value) and "hidden" not in str(told.value) and "\n" not in str(told.value)


def test_a_token_that_is_remembered_ends_when_it_expires(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = Tokens("s" * 32)
    token = make_token("s" * 32, "me", ("orders:read",), seconds=10, customer_id="c1")
    caller = tokens.caller(token)
    assert (caller.subject, caller.scopes, caller.customer_id) == ("me", frozenset({"orders:read"}), "c1")
    asked: list[str] = []

    def expired(token: str) -> dict[str, object]:
        asked.append(token)
        raise InvalidToken("the token has expired")

    monkeypatch.setattr(tokens, "_verified", expired)
    assert tokens.caller(token) is caller
    later = time.time() + 71
    monkeypatch.setattr("shared.runtime.auth.time.time", lambda: later)
    with pytest.raises(InvalidToken):
        tokens.caller(token)
    assert asked == [token]


def test_no_more_than_4096_tokens_are_remembered() -> None:
    tokens = Tokens("s" * 32)
    for number in range(4100):
        tokens.caller(make_token("s" * 32, f"s{number}"))
    assert len(tokens._known) == 4096


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Tokens("short")
