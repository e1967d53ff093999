"""Copies of dead letters for whoever watches `<service>.dlq`: the record byte for byte, and where it came from."""

from collections.abc import Callable
from typing import Any, Final

from shared.contracts.values import rfc3339
from shared.runtime.database import Database
from shared.runtime.dead_letters import stored_record
from shared.runtime.kafka.publisher import Publisher, Sendable

LETTERS_MAX: Final = 10

READ_UNCOPIED = """
SELECT dead_letter_id, topic, partition, "offset", key, value, headers, reason, error, attempts, failed_at
FROM dead_letters
WHERE NOT copied
ORDER BY dead_letter_id
LIMIT $1
"""
MARK_COPIED = """
UPDATE dead_letters SET copied = true
WHERE dead_letter_id IN (
    SELECT dead_letter_id FROM dead_letters WHERE dead_letter_id = ANY ($1::uuid[]) ORDER BY dead_letter_id FOR UPDATE)
"""


async def copy_letters(database: Database, publisher: Callable[[], Publisher], group: str) -> int:
    """Sends what was never copied, a few at a time; returns how many. Dying before the mark means copying twice."""
    async with database.reading() as connection:
        rows = await connection.fetch(READ_UNCOPIED, LETTERS_MAX)
    if not rows:
        return 0
    async with publisher() as opened:
        await opened.send([_copy_of(row, f"{group}.dlq", group) for row in rows])
    async with database.transaction() as tx:
        tx.quiet = True
        await tx.execute(MARK_COPIED, [row["dead_letter_id"] for row in rows])
    return len(rows)


def _copy_of(row: Any, topic: str, group: str) -> Sendable:
    record = stored_record(row)
    origin = {
        "dlq_id": row["dead_letter_id"],
        "dlq_topic": row["topic"],
        "dlq_partition": row["partition"],
        "dlq_offset": row["offset"],
        "dlq_group": group,
        "dlq_reason": row["reason"],
        "dlq_error": row["error"],
        "dlq_attempts": row["attempts"],
        "dlq_failed_at": rfc3339(row["failed_at"]),
    }
    headers = [*record.headers, *((name, str(value).encode()) for name, value in origin.items())]
    return Sendable(topic, record.key, record.value, headers)
