"""The inbox: an event's id is inserted first in the transaction that handles it, so a second delivery has no effect."""

from collections.abc import Sequence
from typing import Any

from shared.contracts.envelope import Event
from shared.runtime.transaction import Transaction

INSERT_SEEN = """
WITH arrived AS MATERIALIZED (
    SELECT id, own AND uuid_extract_timestamp(id) > clock_timestamp() - interval '13 days' AS recent
    FROM unnest($1::uuid[], $2::boolean[]) AS arrived (id, own)
), ours AS (
    INSERT INTO inbox (id) SELECT id FROM arrived WHERE recent ORDER BY id
    ON CONFLICT DO NOTHING RETURNING id
), foreigners AS (
    INSERT INTO inbox_foreign (id) SELECT id FROM arrived WHERE NOT recent ORDER BY id
    ON CONFLICT DO NOTHING RETURNING id
)
SELECT id FROM ours UNION ALL SELECT id FROM foreigners
"""


async def first_seen(tx: Transaction, events: Sequence[Event[Any]]) -> list[Event[Any]]:
    """The events that no transaction of this service has handled, in order; repeats within the list are dropped.

    Waits for a transaction that holds one of the ids, so two consumers of the same record never both apply it. Ids that
    are not ours, or older than the partitions kept, go to a table that is not partitioned.
    """
    distinct = {event.id: event for event in reversed(events)}
    ids = sorted(distinct)
    fresh = {row["id"] for row in await tx.fetch(INSERT_SEEN, ids, [distinct[id].own for id in ids])}
    first: list[Event[Any]] = []
    for event in events:
        if event.id in fresh:
            fresh.discard(event.id)
            first.append(event)
    return first
