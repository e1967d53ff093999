"""Tokens of an issuer: its keys are found, rotate and are kept; what a token claims about itself is not believed."""

import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from starlette.requests import Request

from shared.runtime.auth import Guard, InvalidToken, Tokens, Trust, UnknownKey, make_token
from shared.runtime.problems import Refused
from shared.runtime.signing_keys import SigningKeys, is_safe_url
from tests.issuer import AUDIENCE, Issuer, issuing, signed_by_text, unsigned


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        issuer.add("k1")
        yield issuer


def believing(issuer: Issuer, pause_seconds: float = 0.0, url: str | None = None) -> Tokens:
    keys = SigningKeys(issuer.url, url, pause_seconds=pause_seconds)
    return Tokens(keys=keys, trust=Trust(issuer.url, AUDIENCE))


async def known(issuer: Issuer, **options: Any) -> Tokens:
    tokens = believing(issuer, **options)
    assert tokens.keys is not None
    await tokens.keys.refresh()
    return tokens


def asking(token: str) -> Request:
    headers = [(b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "method": "GET", "path": "/", "headers": headers, "client": ("127.0.0.1", 1), "state": {}}
    return Request(scope)


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "PS256", "EdDSA"])
async def test_a_token_of_the_issuer_is_believed(issuer: Issuer, algorithm: str) -> None:
    issuer.add("k2", algorithm)
    tokens = await known(issuer)
    caller = tokens.caller(issuer.token("k2", scope="orders:read orders:write", customer_id="c-1"))
    assert (caller.subject, caller.customer_id) == ("somebody", "c-1")
    assert caller.scopes == {"orders:read", "orders:write"}


async def test_keys_are_asked_for_where_the_settings_say_without_discovery(issuer: Issuer) -> None:
    tokens = await known(issuer, url=f"{issuer.url}/keys")
    assert tokens.caller(issuer.token("k1")).subject == "somebody"
    assert issuer.asked == {"/keys": 1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "https://somebody.else"},
        {"aud": "another"},
        {"expired_seconds_ago": 61},
        {"valid_in_seconds": 600},
        {"sub": ""},
        {"scope": ["orders:read"]},
        {"type": "JWT"},
        *({"without": (claim,)} for claim in ("iss", "aud", "sub", "exp", "iat", "jti", "client_id")),
    ],
    ids=str,
)
async def test_a_token_that_is_wrong_in_one_thing_is_refused(issuer: Issuer, wrong: dict[str, Any]) -> None:
    tokens = await known(issuer)
    with pytest.raises(InvalidToken) as told:
        tokens.caller(issuer.token("k1", **_timed(wrong)))
    assert not isinstance(told.value, UnknownKey)


def _timed(wrong: dict[str, Any]) -> dict[str, Any]:
    """What is told in seconds from now, as claims."""
    claims = dict(wrong)
    now = int(time.time())
    if "expired_seconds_ago" in claims:
        claims["exp"] = now - claims.pop("expired_seconds_ago")
    if "valid_in_seconds" in claims:
        claims["nbf"] = now + claims.pop("valid_in_seconds")
    return claims


async def test_a_clock_that_is_a_minute_off_is_forgiven(issuer: Issuer) -> None:
    tokens = await known(issuer)
    assert tokens.caller(issuer.token("k1", exp=int(time.time()) - 50)).subject == "somebody"


async def test_a_token_does_not_choose_how_it_is_verified(issuer: Issuer) -> None:
    """The public key as a shared secret, no signature, another key's `kid`, another algorithm."""
    issuer.add("k2", "RS256")
    tokens = await known(issuer)
    private, _ = issuer.private["k2"]
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    claims = jwt.decode(issuer.token("k2"), options={"verify_signature": False})
    header = {"kid": "k2", "typ": "at+jwt"}
    forged = [
        signed_by_text(public, {**header, "alg": "HS256"}, claims),
        unsigned({**header, "alg": "none"}, claims),
        unsigned({**header, "alg": "RS256"}, claims),
        jwt.encode(claims, private, "RS256", headers={"kid": "k1", "typ": "at+jwt"}),
        jwt.encode(claims, private, "PS256", headers=header),
        jwt.encode(claims, private, "RS512", headers=header),
    ]
    for token in forged:
        with pytest.raises(InvalidToken, match="not valid"):
            tokens.caller(token)
    assert tokens.caller(issuer.token("k2")).subject == "somebody"


async def test_a_secret_and_an_issuer_are_not_believed_side_by_side(issuer: Issuer) -> None:
    tokens = await known(issuer)
    with pytest.raises(InvalidToken):
        tokens.caller(make_token("s" * 32, "me"))
    with pytest.raises(InvalidToken):
        Tokens("s" * 32, trust=Trust(issuer.url, AUDIENCE)).caller(issuer.token("k1"))
    with pytest.raises(ValueError, match="by a secret or by keys"):
        Tokens("s" * 32, keys=tokens.keys)
    with pytest.raises(ValueError, match="by a secret or by keys"):
        Tokens()


async def test_a_new_key_is_found_by_the_first_token_that_names_it(issuer: Issuer) -> None:
    guard = Guard(await known(issuer))
    issuer.add("k2")
    assert (await guard.admit(asking(issuer.token("k2")), ["orders:read"])).subject == "somebody"


async def test_a_key_that_the_issuer_dropped_opens_nothing_not_even_for_tokens_that_were_seen(issuer: Issuer) -> None:
    tokens = await known(issuer)
    seen = issuer.token("k1")
    assert tokens.caller(seen).subject == "somebody"
    issuer.add("k2")
    issuer.drop("k1")
    assert tokens.keys is not None
    await tokens.keys.refresh()
    with pytest.raises(UnknownKey):
        tokens.caller(seen)
    assert tokens.caller(issuer.token("k2")).subject == "somebody"


async def test_tokens_of_made_up_keys_do_not_make_us_ask_again_and_again(issuer: Issuer) -> None:
    guard = Guard(await known(issuer, pause_seconds=60.0))
    issuer.private["made-up"] = issuer.private["k1"]
    for _ in range(20):
        with pytest.raises(Refused) as refused:
            await guard.admit(asking(issuer.token("made-up")), ["orders:read"])
        assert refused.value.answer.status == 401
    assert issuer.asked["/keys"] == 1


async def test_an_issuer_that_falls_silent_takes_nothing_away_from_those_it_vouched_for(issuer: Issuer) -> None:
    tokens = await known(issuer)
    issuer.answers["/keys"] = (503, {}, b"")
    assert tokens.keys is not None
    await tokens.keys.refresh()
    assert issuer.asked["/keys"] == 2
    assert tokens.caller(issuer.token("k1")).subject == "somebody"


async def test_while_no_key_was_ever_given_the_answer_is_503_and_not_401(issuer: Issuer) -> None:
    issuer.answers["/keys"] = (503, {}, b"")
    with pytest.raises(Refused) as refused:
        await Guard(believing(issuer)).admit(asking(issuer.token("k1")), ["orders:read"])
    assert refused.value.answer.status == 503
    assert refused.value.answer.headers["Retry-After"] == "1"


DISCOVERY = "/.well-known/openid-configuration"


@pytest.mark.parametrize(
    ("path", "status", "headers", "content"),
    [
        ("/keys", 302, {"Location": "/elsewhere"}, b""),
        ("/keys", 200, {}, b"not JSON"),
        ("/keys", 200, {}, b"[]"),
        ("/keys", 200, {}, b'{"keys": []}'),
        ("/keys", 200, {}, b" " * 300_000),
        (DISCOVERY, 200, {}, b'{"issuer": "https://somebody.else", "jwks_uri": "URL/keys"}'),
        (DISCOVERY, 200, {}, b'{"issuer": "URL", "jwks_uri": "http://somebody.else/keys"}'),
        (DISCOVERY, 200, {}, b'{"issuer": "URL"}'),
    ],
)
async def test_an_answer_that_cannot_be_trusted_gives_no_key(
    issuer: Issuer, path: str, status: int, headers: dict[str, str], content: bytes
) -> None:
    issuer.answers[path] = (status, headers, content.replace(b"URL", issuer.url.encode()))
    issuer.answers["/elsewhere"] = (200, {}, json.dumps({"keys": issuer.keys}).encode())
    tokens = await known(issuer)
    assert tokens.keys is not None and not tokens.keys.known


async def test_keys_that_nobody_should_sign_with_are_passed_over(issuer: Issuer) -> None:
    issuer.add("weak", "RS256", bits=1024)
    issuer.add("other-use")
    issuer.keys[-1]["use"] = "enc"
    issuer.keys.append(
        {"kty": "oct", "kid": "shared", "alg": "HS256", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlYw"}
    )
    issuer.keys.append({"kty": "nonsense", "kid": "n"})
    issuer.keys.append({key: value for key, value in issuer.keys[0].items() if key != "kid"})
    keys = (await known(issuer)).keys
    assert keys is not None
    assert [id for id in ("k1", "weak", "other-use", "shared", "n", "None") if keys.key(id) is not None] == ["k1"]


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://login.example.org/keys", True),
        ("http://127.0.0.1:8080/keys", True),
        ("http://login.example.org/keys", False),
        ("http://127.0.0.1.example.org/keys", False),
        ("file:///etc/passwd", False),
        ("https:///keys", False),
    ],
)
def test_keys_come_over_https_or_from_this_machine(url: str, safe: bool) -> None:
    assert is_safe_url(url) is safe
