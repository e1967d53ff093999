"""Whatever stands in a token, it is refused as a token: no text and no header of anybody's making gets further."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from starlette.requests import Request

from shared.runtime.auth import AUDIENCE, Guard, InvalidToken, Tokens, Trust, make_token
from shared.runtime.problems import Refused
from shared.runtime.rate_limit import RateLimit
from shared.runtime.signing_keys import SigningKeys

SECRET = "a secret of the tests, long enough"
BY_SECRET = Tokens(SECRET)
BY_KEYS = Tokens(keys=SigningKeys("https://issuer.example", None), trust=Trust("https://issuer.example", AUDIENCE))
GOOD = make_token(SECRET, "me")
ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=6), inside, max_size=3),
    max_leaves=6,
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "alg": st.sampled_from(("none", "None", "HS256", "HS512", "ES256", "RS256", "")) | ANY,
        "typ": st.sampled_from(("at+jwt", "JWT")) | ANY,
        "kid": ANY,
        "crit": ANY,
        "b64": ANY,
        "jwk": ANY,
        "jku": st.just("https://elsewhere.example/keys"),
    },
)


def part(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def refused_by_all(token: str) -> None:
    for tokens in (BY_SECRET, BY_KEYS):
        with pytest.raises(InvalidToken):
            tokens.caller(token)


@settings(deadline=None)
@given(st.text(max_size=200))
@example("..")
@example("\ud800.\ud800.\ud800")
def test_no_text_is_a_token(text: str) -> None:
    refused_by_all(text)


@settings(deadline=None)
@given(st.binary(max_size=60), st.binary(max_size=60), st.binary(max_size=40))
@example(b"[" * 2900, b"{}", b"")
@example(b'{"alg":"HS256","typ":"at+jwt","x":' + b"[" * 2000 + b"]" * 2000 + b"}", b"{}", b"")
def test_no_bytes_in_the_form_of_a_token_are_one(header: bytes, claims: bytes, signature: bytes) -> None:
    refused_by_all(f"{part(header)}.{part(claims)}.{part(signature)}")


@settings(deadline=None)
@given(HEADERS, st.binary(max_size=40))
def test_no_header_makes_the_claims_of_a_good_token_believed_without_its_signature(
    header: dict[str, Any], signature: bytes
) -> None:
    written = json.dumps(header).encode()
    claims = GOOD.split(".")[1]
    for end in (part(signature), "", GOOD.split(".")[2]):
        forged = f"{part(written)}.{claims}.{end}"
        if forged != GOOD:
            refused_by_all(forged)


@settings(deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.sampled_from("AZaz09-_.=+/ \n\x00é"))
def test_a_good_token_with_one_character_changed_is_none(place: int, character: str) -> None:
    """But for the last character of the signature, some of whose bits stand for nothing."""
    changed = GOOD[:place] + character + GOOD[place + 1 :]
    if changed != GOOD and place < len(GOOD) - 1:
        refused_by_all(changed)


@settings(deadline=None)
@given(st.binary(max_size=120))
@example(b"Bearer " + GOOD.encode() + b"\xff")
@example(b"Bearer " + b"a" * 9000)
def test_no_authorization_header_is_more_than_refused(header: bytes) -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"authorization", header)], "state": {}}
    guard = Guard(BY_SECRET, RateLimit("1000000/second"))
    with pytest.raises(Refused) as refusal:
        guard.admit(Request({**scope, "client": ("127.0.0.1", 1)}), ["orders:read"]).send(None)
    answer = refusal.value.answer
    assert answer.status == 401
    told = (answer.headers or {})["WWW-Authenticate"]
    assert told.isascii() and told.isprintable()
