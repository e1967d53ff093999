"""CloudEvents 1.0 over Kafka: an event's headers and value, written in binary mode, read in either mode."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar
from uuid import NAMESPACE_URL, UUID, uuid5

from pydantic import BaseModel, ValidationError

from shared.contracts.catalog import BY_NAME, EventType

P = TypeVar("P", bound=BaseModel, covariant=True)
Header = tuple[str, bytes | None]

CONTENT_TYPE: Final = "application/json"
STRUCTURED: Final = "application/cloudevents+json"
OWN_SOURCE: Final = "/flacon/"


class Unreadable(ValueError):
    """A record that is no event; `reason` is the dead letter's reason."""

    def __init__(self, reason: str, error: str) -> None:
        super().__init__(error)
        self.reason = reason
        self.error = error


@dataclass(frozen=True, slots=True)
class Event(Generic[P]):
    """One event as it was received; `id` fences redelivery, `version` orders the sender's snapshots of `subject`."""

    id: UUID
    type: str
    source: str
    subject: str
    version: int
    data: P
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def own(self) -> bool:
        """True if one of Flacon's services made it (its id is then a UUIDv7)."""
        return self.source.startswith(OWN_SOURCE) and self.id.version == 7


def source_of(service: str) -> str:
    """`ce_source` of a service."""
    return OWN_SOURCE + service


def headers_of(
    *,
    id: UUID,
    type: str,
    source: str,
    subject: str,
    time: str,
    version: int,
    correlation_id: str,
    causation_id: str | None = None,
    traceparent: str | None = None,
) -> dict[str, str]:
    """The headers of a record in binary mode."""
    headers = {
        "ce_specversion": "1.0",
        "ce_id": str(id),
        "ce_source": source,
        "ce_type": type,
        "ce_subject": subject,
        "ce_time": time,
        "ce_aggregateversion": str(version),
        "ce_correlationid": correlation_id,
        "content-type": CONTENT_TYPE,
    }
    if causation_id is not None:
        headers["ce_causationid"] = causation_id
    if traceparent is not None:
        headers["traceparent"] = traceparent
    return headers


def read(
    topic_type: str,
    value: bytes | None,
    headers: Iterable[Header],
    payload_of: Mapping[str, EventType] = BY_NAME,
) -> Event[Any] | None:
    """The event in a record of the topic that carries `topic_type`; None for the deletion marker of a compacted topic.

    Raises:
        Unreadable: with the dead letter's reason: `invalid_headers`, `undecodable`, `no_data`, `unknown_type`,
            `invalid_schema`.
    """
    expected = payload_of[topic_type]
    texts = _texts(headers)
    if value is None:
        if expected.compacted:
            return None
        raise Unreadable("no_data", "the record has no value")
    if texts.get("content-type", "").lower().startswith(STRUCTURED):
        texts, data = _structured(value)
    else:
        data = value
    type_name = texts.get("ce_type", topic_type)
    if type_name != topic_type:
        raise Unreadable("unknown_type", f"ce_type {type_name!r} on the topic of {topic_type!r}")
    return _event(expected, texts, data)


def _event(expected: EventType, texts: Mapping[str, str], data: bytes) -> Event[Any]:
    payload = _payload(expected, data)
    subject = expected.key_of(payload)
    if expected.owner == "upstream":
        identity = texts.get("ce_id") or subject + ":" + data.decode("utf-8")
        return Event(
            id=uuid5(NAMESPACE_URL, f"{texts.get('ce_source', 'upstream')}#{identity}"),
            type=expected.name,
            source=texts.get("ce_source", "upstream"),
            subject=subject,
            version=0,
            data=payload,
            traceparent=texts.get("traceparent"),
            headers=texts,
        )
    _require(texts, "ce_id", "ce_source", "ce_aggregateversion")
    return Event(
        id=_identity(texts["ce_source"], texts["ce_id"]),
        type=expected.name,
        source=texts["ce_source"],
        subject=subject,
        version=_version(texts["ce_aggregateversion"]),
        data=payload,
        correlation_id=texts.get("ce_correlationid"),
        causation_id=texts.get("ce_causationid"),
        traceparent=texts.get("traceparent"),
        headers=texts,
    )


def _texts(headers: Iterable[Header]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for name, raw in headers:
        if raw is None:
            raise Unreadable("invalid_headers", f"header {name!r} is null")
        try:
            texts[name.lower()] = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unreadable("invalid_headers", f"header {name!r} is not UTF-8") from error
    return texts


def _structured(value: bytes) -> tuple[dict[str, str], bytes]:
    try:
        envelope = json.loads(value)
    except ValueError as error:
        raise Unreadable("undecodable", f"not JSON: {error}") from error
    if not isinstance(envelope, dict):
        raise Unreadable("undecodable", "a structured CloudEvent must be a JSON object")
    if envelope.get("data") is None:
        raise Unreadable("no_data", "the structured CloudEvent has no data")
    attributes = {
        ("traceparent" if name == "traceparent" else f"ce_{name}"): str(content)
        for name, content in envelope.items()
        if name not in ("data", "data_base64", "datacontenttype") and content is not None
    }
    return attributes, json.dumps(envelope["data"], separators=(",", ":"), ensure_ascii=False).encode()


def _payload(expected: EventType, data: bytes) -> BaseModel:
    try:
        return expected.payload.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise Unreadable("undecodable", first["msg"]) from error
        where = "/" + "/".join(str(part) for part in first["loc"])
        raise Unreadable("invalid_schema", f"{where}: {first['msg']} ({error.error_count()} in all)") from error


def _require(texts: Mapping[str, str], *names: str) -> None:
    missing = [name for name in names if not texts.get(name)]
    if missing:
        raise Unreadable("invalid_headers", f"missing header {', '.join(missing)}")


def _version(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 18:
        return int(text)
    raise Unreadable("invalid_headers", f"ce_aggregateversion {text!r} is not a decimal number")


def _identity(source: str, text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        return uuid5(NAMESPACE_URL, f"{source}#{text}")
