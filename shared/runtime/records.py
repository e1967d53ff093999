"""A record as it came from Kafka, byte for byte, and what can be read in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from shared.contracts.catalog import BY_NAME, EventType
from shared.contracts.envelope import Event, Header, Unreadable, read

ERROR_CHARACTERS_MAX: Final = 2000


@dataclass(frozen=True, slots=True)
class Record:
    """One record and its place."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]


def read_record(
    record: Record, prefix: str, payload_of: Mapping[str, EventType] = BY_NAME
) -> Event[Any] | Unreadable | None:
    """The event; or why it is none; or None for the deletion marker of a compacted topic. Never raises."""
    topic_type = record.topic.removeprefix(prefix)
    if topic_type not in payload_of:
        return Unreadable("unknown_type", f"the topic {record.topic!r} belongs to no known event")
    try:
        return read(topic_type, record.value, record.headers, payload_of)
    except Unreadable as unreadable:
        return unreadable
    except Exception as error:  # a reader that cannot raise is what keeps one record from stopping its partition
        return Unreadable("undecodable", told(error))


def told(error: BaseException) -> str:
    """An error in words that a row can hold: its class and message, without NUL, at most 2000 characters."""
    text = str(error).strip()
    name = type(error).__name__
    return storable(f"{name}: {text}" if text else name)


def storable(text: str) -> str:
    """A text that Postgres takes, at most 2000 characters."""
    clean = text.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= ERROR_CHARACTERS_MAX else clean[: ERROR_CHARACTERS_MAX - 1] + "…"
