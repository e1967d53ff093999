"""The outbox: events are rows of the transaction that decided them, written once and never changed.

The columns are those that Debezium's outbox event router reads, so an operator may put it in the relay's place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID
from zlib import crc32

import orjson

SHARDS_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event that waits for its commit."""

    shard: int
    id: UUID
    aggregatetype: str
    aggregateid: str
    type: str
    version: int
    payload: str
    headers: Mapping[str, str]


def shard_of(key: str, shards: int) -> int:
    """All events of one key share a shard, so that one relay keeps their order."""
    return crc32(key.encode()) % shards


INSERT_OUTGOING = """
INSERT INTO outbox (shard, seq, id, aggregatetype, aggregateid, type, version, payload, headers, created_at)
SELECT shard, nextval(('outbox_seq_' || shard)::regclass), id, aggregatetype, aggregateid, type, version, payload,
       headers, clock_timestamp()
FROM unnest($1::smallint[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::text[])
     AS outgoing (shard, id, aggregatetype, aggregateid, type, version, payload, headers)
"""


async def insert(connection: Any, outgoing: Sequence[Outgoing]) -> None:
    """One statement for all; `seq` is given in the order of the list."""
    await connection.execute(
        INSERT_OUTGOING,
        [row.shard for row in outgoing],
        [row.id for row in outgoing],
        [row.aggregatetype for row in outgoing],
        [row.aggregateid for row in outgoing],
        [row.type for row in outgoing],
        [row.version for row in outgoing],
        [row.payload for row in outgoing],
        [orjson.dumps(row.headers).decode() for row in outgoing],
    )
