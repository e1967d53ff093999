"""Settings are complete or refused by name, frozen, and keep their secrets to themselves."""

import time
from pathlib import Path

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


def test_a_secret_may_stand_in_a_file(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    password, secret = tmp_path / "password", tmp_path / "secret"
    password.write_text("p@ss/word\n", encoding="utf-8")
    secret.write_text("f" * 32, encoding="utf-8")
    environment.delenv("T_JWT_SECRET")
    environment.setenv("T_JWT_SECRET_FILE", str(secret))
    environment.setenv("T_POSTGRES_DSN", "postgresql://u@h:5/d")
    environment.setenv("T_POSTGRES_PASSWORD_FILE", str(password))
    settings = load_settings(Settings)
    assert settings.jwt_secret == "f" * 32
    assert settings.postgres_dsn == "postgresql://u:p%40ss%2Fword@h:5/d"


@pytest.mark.parametrize(
    ("content", "also", "told"),
    [
        (None, None, "T_JWT_SECRET_FILE"),
        ("", None, "is empty"),
        ("\n", None, "is empty"),
        ("x" * 65_537, None, "is too large"),
        ("f" * 32, "g" * 32, "T_JWT_SECRET: is given twice"),
        ("short", None, "T_JWT_SECRET: must have 32 bytes"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused_by_name(
    environment: pytest.MonkeyPatch, tmp_path: Path, content: str | None, also: str | None, told: str
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    environment.setenv("T_JWT_SECRET_FILE", str(file))
    environment.setenv("T_JWT_SECRET", also or "")
    with pytest.raises(SettingsError, match=told) as refused:
        load_settings(Settings)
    assert not content or content.strip() == "" or content not in str(refused.value)


@pytest.mark.parametrize("dsn", ["postgresql://u:hidden@h/d", "postgresql://h/d"])
def test_a_password_needs_an_address_with_a_role_and_without_one(environment: pytest.MonkeyPatch, dsn: str) -> None:
    environment.setenv("T_POSTGRES_DSN", dsn)
    environment.setenv("T_POSTGRES_PASSWORD", "another")
    with pytest.raises(SettingsError) as told:
        load_settings(Settings)
    assert "password" in str(told.value)
    assert "another" not in str(told.value) and "hidden" not in str(told.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"T_JWT_SECRET": ""}, "exactly one of T_JWT_SECRET, T_JWT_DISCOVERY, T_JWT_JWKS_URL must be set"),
        ({"T_JWT_JWKS_URL": "https://i.example/keys"}, "exactly one of"),
        ({"T_JWT_SECRET": "", "T_JWT_JWKS_URL": "http://i.example/keys"}, "T_JWT_JWKS_URL must be an address of https"),
        ({"T_JWT_SECRET": "", "T_JWT_DISCOVERY": "true"}, "T_JWT_ISSUER must be an address of https"),
        ({"T_JWT_CA_FILE": "/nowhere/ca.pem"}, "T_JWT_CA_FILE: is not a file"),
        ({"T_JWT_LEEWAY_SECONDS": "301"}, "T_JWT_LEEWAY_SECONDS"),
    ],
    ids=str,
)
def test_whose_tokens_are_believed_is_said_in_one_way(
    environment: pytest.MonkeyPatch, given: dict[str, str], told: str
) -> None:
    for name, value in given.items():
        environment.setenv(name, value)
    with pytest.raises(SettingsError, match=told):
        load_settings(Settings)


def test_an_issuer_takes_the_place_of_the_secret(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("T_JWT_SECRET")
    environment.setenv("T_JWT_DISCOVERY", "true")
    environment.setenv("T_JWT_ISSUER", "https://login.example.org")
    tokens = load_settings(Settings).tokens()
    assert tokens.keys is not None
    with pytest.raises(InvalidToken):
        tokens.caller(make_token("secret" * 6, "me"))
