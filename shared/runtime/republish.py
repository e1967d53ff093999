"""Sends again what the outbox still has: the repair of a broker that lost its disk."""

from datetime import datetime
from typing import Final, Protocol

from shared.runtime.database import Database
from shared.runtime.kafka.publisher import Sendable
from shared.runtime.outbox import SHARDS_MAX
from shared.runtime.relay import sendable

PAGE_ROWS: Final = 500


class Sender(Protocol):
    """What sends records and returns when all are acknowledged: a started `Publisher`."""

    async def send(self, records: list[Sendable]) -> None: ...


READ_KEPT = """
SELECT seq, type, aggregateid, payload, headers
FROM outbox
WHERE shard = $1 AND seq > $2 AND created_at >= $3 AND ($4::text IS NULL OR type = $4)
ORDER BY seq
LIMIT $5
"""


async def republish(
    database: Database, sender: Sender, *, since: datetime, type: str | None = None, prefix: str = ""
) -> int:
    """Sends every event committed since then once more, same ids, each key's in order; returns how many.

    Receivers that have them do nothing; the outbox reaches back 24 h.

    Raises:
        ValueError: `since` has no time zone.
        aiokafka.errors.KafkaError: the broker refused; a repeat begins again.
    """
    if since.tzinfo is None:
        raise ValueError("since needs a time zone, as in 2026-01-31T12:00:00Z")
    return sum([await _shard(database, sender, shard, since, type, prefix) for shard in range(SHARDS_MAX)])


async def _shard(database: Database, sender: Sender, shard: int, since: datetime, type: str | None, prefix: str) -> int:
    sent = last = 0
    while True:
        async with database.reading() as connection:
            rows = await connection.fetch(READ_KEPT, shard, last, since, type, PAGE_ROWS)
        if not rows:
            return sent
        await sender.send([sendable(row, prefix) for row in rows])
        sent, last = sent + len(rows), rows[-1]["seq"]
