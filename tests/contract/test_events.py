"""Events of every released version are read for ever; what is written is what the documents say."""

import json
from pathlib import Path

import pytest

from shared.contracts import __main__ as documents
from shared.contracts.catalog import BY_NAME, EVENTS, EventType
from shared.contracts.envelope import Unreadable, headers_of, read

SAMPLES = Path(__file__).parent / "samples"
ALL_SAMPLES = sorted(SAMPLES.glob("*/*.json"))
HEADERS = [
    (name, text.encode())
    for name, text in headers_of(
        id=__import__("uuid").UUID("01a1fd1d-006e-716b-8f75-95f7729e1664"),
        type="order.created",
        source="/flacon/order",
        subject="o",
        time="2026-01-31T12:00:00.000Z",
        version=3,
        correlation_id="o",
    ).items()
]


def _headers(event: EventType) -> list[tuple[str, bytes | None]]:
    return [(name, event.name.encode() if name == "ce_type" else raw) for name, raw in HEADERS]


@pytest.mark.parametrize("sample", ALL_SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_sample_ever_released_is_read_and_written_back_unchanged(sample: Path) -> None:
    event = BY_NAME[sample.stem]
    raw = sample.read_bytes()
    received = read(event.name, raw, _headers(event))
    assert received is not None
    written = json.loads(received.data.model_dump_json())
    assert _without_new_fields(written, json.loads(raw)) == json.loads(raw)


def _without_new_fields(written: object, sample: object) -> object:
    if isinstance(written, dict) and isinstance(sample, dict):
        return {key: _without_new_fields(value, sample[key]) for key, value in written.items() if key in sample}
    if isinstance(written, list) and isinstance(sample, list):
        return [_without_new_fields(one, other) for one, other in zip(written, sample, strict=True)]
    return written


def test_every_event_has_a_sample() -> None:
    assert {path.stem for path in ALL_SAMPLES} == {event.name for event in EVENTS}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_readers_ignore_what_they_do_not_know(event: EventType) -> None:
    sample = json.loads((SAMPLES / "0.1.0" / f"{event.name}.json").read_text(encoding="utf-8"))
    assert read(event.name, json.dumps({**sample, "from_the_future": {"x": [1]}}).encode(), _headers(event)) is not None


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_structured_mode_says_the_same_as_binary_mode(event: EventType) -> None:
    raw = (SAMPLES / "0.1.0" / f"{event.name}.json").read_bytes()
    attributes = {
        name.removeprefix("ce_"): (value or b"").decode() for name, value in _headers(event) if name != "content-type"
    }
    envelope = json.dumps({**attributes, "datacontenttype": "application/json", "data": json.loads(raw)}).encode()
    binary = read(event.name, raw, _headers(event))
    structured = read(event.name, envelope, [("Content-Type", b"application/cloudevents+json; charset=utf-8")])
    assert binary is not None
    assert structured is not None
    assert (binary.id, binary.subject, binary.version, binary.data) == (
        structured.id,
        structured.subject,
        structured.version,
        structured.data,
    )


CREATED = (SAMPLES / "0.1.0" / "order.created.json").read_bytes()


@pytest.mark.parametrize(
    ("reason", "value", "headers"),
    [
        ("invalid_headers", CREATED, [*HEADERS, ("x", None)]),
        ("invalid_headers", CREATED, [*HEADERS, ("x", b"\xff\xfe")]),
        ("invalid_headers", CREATED, []),
        ("invalid_headers", CREATED, [(n, b"-1" if n == "ce_aggregateversion" else v) for n, v in HEADERS]),
        ("no_data", None, HEADERS),
        ("undecodable", b"{", HEADERS),
        ("undecodable", b"\xff", HEADERS),
        ("undecodable", b"", HEADERS),
        ("invalid_schema", b"[]", HEADERS),
        ("invalid_schema", b"{}", HEADERS),
        ("invalid_schema", CREATED.replace(b'"quantity": 3', b'"quantity": 2.5'), HEADERS),
        ("unknown_type", CREATED, [(n, b"order.eaten" if n == "ce_type" else v) for n, v in HEADERS]),
    ],
)
def test_a_record_that_is_no_event_says_why(
    reason: str, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    with pytest.raises(Unreadable) as refusal:
        read("order.created", value, headers)
    assert refusal.value.reason == reason
    assert refusal.value.error


def test_a_deletion_on_a_compacted_topic_is_no_event_and_no_error() -> None:
    assert read("item.changed", None, []) is None


def test_an_order_from_upstream_needs_no_headers_and_its_repeat_has_the_same_id() -> None:
    raw = (SAMPLES / "0.1.0" / "order.submitted.json").read_bytes()
    first, second = read("order.submitted", raw, []), read("order.submitted", raw, [])
    other = read("order.submitted", raw.replace(b"A-1", b"A-2"), [])
    assert first is not None
    assert second is not None
    assert other is not None
    assert first.id == second.id != other.id
    assert first.subject == "shop:A-1"


@pytest.mark.parametrize("name", ["source", "external_id", "customer_id", "items", "shipping_address"])
def test_an_order_from_upstream_without_its_identity_cannot_be_read(name: str) -> None:
    whole = json.loads((SAMPLES / "0.1.0" / "order.submitted.json").read_bytes())
    for value in ({}, {name: None}):
        raw = json.dumps({key: said for key, said in whole.items() if key != name} | value).encode()
        with pytest.raises(Unreadable) as refusal:
            read("order.submitted", raw, [])
        assert (refusal.value.reason, name in refusal.value.error) == ("invalid_schema", True)


def test_the_generated_documents_are_up_to_date() -> None:
    assert documents.main(["--check"]) == 0
