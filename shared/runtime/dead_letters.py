"""Dead letters: records that a service passed over, kept as rows byte for byte, to be shown, replayed or purged."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import orjson

from shared.contracts.envelope import Event, Unreadable
from shared.contracts.values import rfc3339
from shared.runtime.clock import new_id
from shared.runtime.database import Database, is_transient
from shared.runtime.records import Record, read_record, storable, told
from shared.runtime.subscriptions import Subscription, deliver
from shared.runtime.transaction import Transaction

Reason = Literal["undecodable", "invalid_headers", "invalid_schema", "unknown_type", "no_data", "handler_failed"]
State = Literal["open", "replayed", "purged"]
LISTED_VALUE_BYTES_MAX: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that is passed over, and why; `attempts` = how often its handler was tried."""

    record: Record
    reason: str
    error: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of a replay; `error` says why it failed, or why there was nothing to do."""

    result: Literal["handled", "duplicate", "failed"]
    error: str | None = None


INSERT_DEAD_LETTERS = """
INSERT INTO dead_letters (dead_letter_id, topic, partition, "offset", key, value, headers, reason, error, attempts)
SELECT id, topic, part, place, key, value, headers::jsonb, reason, error, attempts
FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::bigint[], $5::bytea[], $6::bytea[], $7::text[], $8::text[],
            $9::text[], $10::integer[])
     AS letter (id, topic, part, place, key, value, headers, reason, error, attempts)
ON CONFLICT DO NOTHING
"""


async def insert(tx: Transaction, letters: Sequence[DeadLetter]) -> None:
    """Keeps the records; one that is kept already (a redelivery) stays as it is."""
    records = [letter.record for letter in letters]
    await tx.execute(
        INSERT_DEAD_LETTERS,
        [new_id() for _ in letters],
        [record.topic for record in records],
        [record.partition for record in records],
        [record.offset for record in records],
        [record.key for record in records],
        [record.value for record in records],
        [_headers_text(record) for record in records],
        [letter.reason for letter in letters],
        [storable(letter.error) for letter in letters],
        [letter.attempts for letter in letters],
    )


LIST_DEAD_LETTERS = """
SELECT dead_letter_id, topic, partition, "offset", key, headers, reason, error, attempts, state, failed_at, replayed_at,
       CASE WHEN octet_length(value) <= $6 THEN value END AS value
FROM dead_letters
WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR topic = $2) AND ($3::text IS NULL OR reason = $3)
  AND ($4::uuid IS NULL OR dead_letter_id < $4)
ORDER BY dead_letter_id DESC
LIMIT $5
"""


async def list_letters(
    database: Database,
    *,
    state: str | None = None,
    topic: str | None = None,
    reason: str | None = None,
    before: UUID | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Newest first; `before` = the last id of the page before. A value over 16 KiB is null here, whole in `show`."""
    async with database.reading() as connection:
        rows = await connection.fetch(LIST_DEAD_LETTERS, state, topic, reason, before, limit, LISTED_VALUE_BYTES_MAX)
    return [_shown(row) for row in rows]


SHOW_DEAD_LETTER = """
SELECT dead_letter_id, topic, partition, "offset", key, value, headers, reason, error, attempts, state, failed_at,
       replayed_at
FROM dead_letters
WHERE dead_letter_id = $1
"""


async def show(database: Database, dead_letter_id: UUID) -> dict[str, Any] | None:
    """One dead letter, or None if there is none of this id."""
    async with database.reading() as connection:
        row = await connection.fetchrow(SHOW_DEAD_LETTER, dead_letter_id)
    return None if row is None else _shown(row)


LIST_IDS = "SELECT dead_letter_id FROM dead_letters WHERE state = $1 ORDER BY dead_letter_id"


async def ids_in_state(database: Database, state: State = "open") -> list[UUID]:
    """Oldest first, the order in which to replay them."""
    async with database.reading() as connection:
        return [row["dead_letter_id"] for row in await connection.fetch(LIST_IDS, state)]


LOCK_DEAD_LETTER = """
SELECT topic, partition, "offset", key, value, headers, state
FROM dead_letters
WHERE dead_letter_id = $1
ORDER BY dead_letter_id
FOR UPDATE
"""
MARK_REPLAYED = "UPDATE dead_letters SET state = 'replayed', replayed_at = clock_timestamp() WHERE dead_letter_id = $1"
NOTE_FAILURE = """
UPDATE dead_letters SET attempts = attempts + 1, error = $2 WHERE dead_letter_id = $1 AND state = 'open'
"""


async def replay(
    database: Database, subscriptions: Sequence[Subscription], dead_letter_id: UUID, *, prefix: str = ""
) -> Replayed | None:
    """Runs the record through its handler as if it had just come, once however many replay it; None: no such letter.

    Raises:
        a transient fault of Postgres (see `is_transient`): nothing changed, try again later.
    """
    try:
        async with database.transaction() as tx:
            return await _replay(tx, subscriptions, dead_letter_id, prefix)
    except Unreadable as unreadable:
        failure = f"{unreadable.reason}: {unreadable.error}"
    except Exception as error:
        if is_transient(error):
            raise
        failure = told(error)
    async with database.transaction() as tx:
        await tx.execute(NOTE_FAILURE, dead_letter_id, storable(failure))
    return Replayed("failed", storable(failure))


PURGE_DEAD_LETTER = """
UPDATE dead_letters
SET state = 'purged', key = NULL, value = NULL, headers = '[]', copied = true
WHERE dead_letter_id = $1
RETURNING dead_letter_id
"""


async def purge(database: Database, dead_letter_id: UUID) -> bool:
    """Empties the record and keeps the note that it was there; False if there is none of this id."""
    async with database.transaction() as tx:
        return await tx.fetchval(PURGE_DEAD_LETTER, dead_letter_id) is not None


async def _replay(
    tx: Transaction, subscriptions: Sequence[Subscription], dead_letter_id: UUID, prefix: str
) -> Replayed | None:
    row = await tx.fetchrow(LOCK_DEAD_LETTER, dead_letter_id)
    if row is None:
        return None
    if row["state"] == "purged":
        return Replayed("failed", "the record was purged")
    if row["state"] == "replayed":
        return Replayed("duplicate", "replayed before")
    event = read_record(stored_record(row), prefix)
    if isinstance(event, Unreadable):
        raise event
    result = Replayed("handled") if event is None else await _hand_over(tx, subscriptions, event)
    await tx.execute(MARK_REPLAYED, dead_letter_id)
    return result


async def _hand_over(tx: Transaction, subscriptions: Sequence[Subscription], event: Event[Any]) -> Replayed:
    if not any(event.type in subscription.types for subscription in subscriptions):
        raise Unreadable("unknown_type", f"no handler reads {event.type!r} any more")
    if await deliver(tx, subscriptions, [event]):
        return Replayed("handled")
    return Replayed("duplicate", "the event was handled before")


def stored_record(row: Any) -> Record:
    """The record in a row, byte for byte."""
    return Record(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        key=row["key"],
        value=row["value"],
        headers=tuple(
            (name, None if text is None else base64.b64decode(text)) for name, text in orjson.loads(row["headers"])
        ),
    )


def _headers_text(record: Record) -> str:
    pairs = [
        [name.replace("\x00", "\N{REPLACEMENT CHARACTER}"), None if raw is None else base64.b64encode(raw).decode()]
        for name, raw in record.headers
    ]
    return orjson.dumps(pairs).decode()


def _shown(row: Any) -> dict[str, Any]:
    record = stored_record(row)
    value, encoding = _readable(record.value)
    return {
        "dead_letter_id": str(row["dead_letter_id"]),
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "key": None if record.key is None else record.key.decode("utf-8", "backslashreplace"),
        "reason": row["reason"],
        "error": row["error"],
        "attempts": row["attempts"],
        "state": row["state"],
        "failed_at": rfc3339(row["failed_at"]),
        "replayed_at": _moment(row["replayed_at"]),
        "headers": [_shown_header(name, raw) for name, raw in record.headers],
        "value": value,
        "value_encoding": encoding,
    }


def _shown_header(name: str, raw: bytes | None) -> dict[str, Any]:
    value, encoding = _readable(raw)
    return {"name": name, "value": value, "value_encoding": encoding}


def _readable(raw: bytes | None) -> tuple[str | None, Literal["utf-8", "base64"]]:
    if raw is None:
        return None, "utf-8"
    try:
        return raw.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode(), "base64"


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
