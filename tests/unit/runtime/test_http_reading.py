"""Headers, cursors and pointers are read the same way whatever a client writes in them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel

from shared.runtime.answers import encode
from shared.runtime.edge import correlation_id_from
from shared.runtime.http import Prefer, cursor_of, id_of, is_json, make_cursor, parse, parse_prefer, pointer_of
from shared.runtime.idempotency import fingerprint_of, leaves_key, parse_key
from shared.runtime.problems import KINDS, Refused, problem
from shared.runtime.telemetry import parse_traceparent


@pytest.mark.parametrize(
    ("headers", "wait", "applied"),
    [
        ([], 2.0, None),
        (["wait=5"], 5.0, "wait=5"),
        (["wait=99999999999"], 10.0, "wait=10"),
        (['WAIT="3"'], 3.0, "wait=3"),
        (["respond-async"], 0.0, "respond-async"),
        (["respond-async, wait=4"], 4.0, "respond-async, wait=4"),
        (["return=minimal", "wait=1; foo=bar"], 1.0, "wait=1"),
        (["wait=1, wait=9"], 1.0, "wait=1"),
        (["wait=-1"], 2.0, None),
        (["wait=1.5"], 2.0, None),
        (["wait"], 2.0, None),
        (["wait=\u0663"], 2.0, None),
        ([",,;=,\x00"], 2.0, None),
    ],
)
def test_preferences_are_those_of_rfc_7240(headers: list[str], wait: float, applied: str | None) -> None:
    prefer = parse_prefer(headers)
    assert (prefer.wait, prefer.applied) == (wait, applied)


@given(st.lists(st.text(max_size=40), max_size=4))
def test_no_preference_is_an_error(headers: list[str]) -> None:
    prefer = parse_prefer(headers)
    assert isinstance(prefer, Prefer) and 0 <= prefer.wait <= 10


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=10),
    lambda inside: st.lists(inside, max_size=3),
    max_leaves=5,
)


@given(st.lists(JSON, max_size=4))
def test_a_cursor_comes_back_as_it_was_made(values: list[Any]) -> None:
    assert cursor_of(make_cursor(*values)) == values


@given(st.text(max_size=60))
def test_a_made_up_cursor_is_refused_or_a_list(text: str) -> None:
    try:
        assert cursor_of(text) is None or isinstance(cursor_of(text), list)
    except Refused as refusal:
        assert refusal.answer.status == 400


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(Refused):
        cursor_of(make_cursor("a", "b"), width=1)


@pytest.mark.parametrize(
    ("location", "found", "pointer"),
    [
        (("items", 0, "product_id"), {"items": [{"product_id": 1}]}, "/items/0/product_id"),
        (("items", 0, "product_id"), {"items": [{}]}, "/items/0/product_id"),
        (("a", "Model", "b"), {"a": {"b": 1}}, "/a/b"),
        (("a", "int"), {"a": "x"}, "/a"),
        (("a/b~c",), {}, "/a~1b~0c"),
        ((), [], ""),
    ],
)
def test_a_pointer_leads_to_the_field(location: tuple[str | int, ...], found: Any, pointer: str) -> None:
    assert pointer_of(location, found) == pointer


class Anything(BaseModel):
    free: dict[str, Any]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_model_or_a_refusal(raw: bytes) -> None:
    try:
        parse(raw, Anything)
    except Refused as refusal:
        assert refusal.answer.status in (400, 422)


@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3), st.text(max_size=3))
def test_a_nul_is_refused_wherever_it_stands_and_nothing_else_is(free: dict[str, Any], more: str) -> None:
    raw = orjson.dumps({"free": {**free, "more": [more]}})
    if "\\u0000" in raw.decode().replace("\\\\", ""):
        with pytest.raises(Refused, match="NUL"):
            parse(raw, Anything)
    else:
        assert parse(raw, Anything).free["more"] == [more]


@pytest.mark.parametrize("text", ["7", "", "{00000000-0000-0000-0000-000000000007}", "g" * 36, "0" * 32])
def test_an_id_that_is_no_uuid_names_nothing(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        id_of(text)
    assert refusal.value.answer.status == 404


def test_an_id_may_be_written_in_capitals() -> None:
    assert id_of("0193ABCD-0000-7000-8000-00000000000A") == UUID("0193abcd-0000-7000-8000-00000000000a")


@pytest.mark.parametrize(
    ("header", "key"),
    [("abc", "abc"), ('"abc"', "abc"), ('"a b"', "a b"), ('"a\\"b"', 'a"b'), (" k ", "k"), ("x" * 255, "x" * 255)],
)
def test_a_key_is_quoted_or_bare(header: str, key: str) -> None:
    assert parse_key(header) == key


@given(st.text(max_size=300))
def test_a_key_is_1_to_255_printable_characters_or_refused(header: str) -> None:
    try:
        key = parse_key(header)
        assert 1 <= len(key) <= 255 and key.isascii() and key.isprintable()
    except Refused as refusal:
        assert refusal.answer.status == 400


def test_a_fingerprint_is_of_the_meaning_of_the_body() -> None:
    first = fingerprint_of("POST", "/a", b'{"b": 1, "a": [1, 2]}')
    assert fingerprint_of("POST", "/a", b'{"a":[1,2],"b":1}') == first
    others = [("POST", "/b", b'{"a":[1,2],"b":1}'), ("PUT", "/a", b'{"a":[1,2],"b":1}'), ("POST", "/a", b'{"a":[2,1]}')]
    assert all(fingerprint_of(*other) != first for other in others)
    assert fingerprint_of("POST", "/a", b"") != fingerprint_of("POST", "/a", b"{}")


def test_which_statuses_leave_a_key() -> None:
    forgotten = {status for status in range(200, 600) if not leaves_key(status)}
    assert forgotten == {400, 401, 403, 413, 415, 422, 429} | set(range(500, 600))


@pytest.mark.parametrize(
    "text", [None, "", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "ff-" + "1" * 32 + "-" + "1" * 16 + "-01", "x"]
)
def test_a_traceparent_that_is_not_well_formed_is_none(text: str | None) -> None:
    assert parse_traceparent(text) is None


def test_a_traceparent_is_the_callers_span() -> None:
    context = parse_traceparent("00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    assert context is not None
    assert (f"{context.trace_id:x}", f"{context.span_id:x}", context.trace_flags.sampled) == ("a" * 32, "b" * 16, True)


@given(st.text(max_size=200))
@example("0\n")
def test_a_correlation_id_cannot_break_a_header_or_a_log(text: str) -> None:
    taken = correlation_id_from(text)
    assert 1 <= len(taken) <= 128 and taken.isascii() and taken.isprintable() and not set(taken) & set(" <>\"'\\,;")


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        ("application/json", True),
        ("Application/JSON; charset=UTF-8", True),
        ("application/merge-patch+json", True),
        ('application/json; charset="utf-16"', False),
        ("text/json", False),
        ("application/jsonx", False),
        ("", False),
    ],
)
def test_which_bodies_are_json(content_type: str, taken: bool) -> None:
    assert is_json(content_type) is taken


def test_values_are_written_as_the_contract_says() -> None:
    written = encode(
        {
            "at": datetime(2026, 1, 31, 12, tzinfo=UTC),
            "day": date(2026, 1, 31),
            "amount": Decimal("12.3400"),
            "id": UUID(int=7),
            "big": 2**70,
        }
    )
    assert orjson.loads(written.replace(b"1180591620717411303424", b'"big"')) == {
        "at": "2026-01-31T12:00:00.000Z",
        "day": "2026-01-31",
        "amount": "12.3400",
        "id": "00000000-0000-0000-0000-000000000007",
        "big": "big",
    }


def test_every_kind_of_problem_has_its_own_name_and_type() -> None:
    assert len({kind.name for kind in KINDS}) == len({kind.type for kind in KINDS}) == len(KINDS)
    for kind in KINDS:
        answer = problem(kind.name, "detail", extra=1)
        assert (answer.status, answer.body["title"], answer.body["extra"]) == (kind.status, kind.title, 1)
    assert problem("unavailable", "").headers == {"Retry-After": "1"}
    assert problem("unavailable", "", headers={"Retry-After": "9"}).headers == {"Retry-After": "9"}
