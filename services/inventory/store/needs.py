"""Statements on needs: what was told of items that are low, and what is known of them besides their levels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Known:
    """Of an item: its open alert of a kind, units on their way, and how many batches of it have ended."""

    alert_id: UUID | None
    incoming: int
    ended: int


READ_KNOWN = """
SELECT asked.item_id, alerts.alert_id, coalesce(coming.quantity, 0)::bigint AS incoming, past.ended
FROM unnest($1::text[], $2::text[]) AS asked (item_id, kind)
LEFT JOIN alerts ON alerts.item_id = asked.item_id AND alerts.kind = asked.kind AND alerts.status <> 'resolved'
LEFT JOIN LATERAL (
    SELECT sum(quantity) AS quantity FROM batches WHERE batches.open AND batches.item_id = asked.item_id
) AS coming ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS ended FROM batches WHERE NOT batches.open AND batches.item_id = asked.item_id
) AS past ON true
"""


async def read_known(tx: Transaction, subjects: Sequence[tuple[str, str]]) -> dict[str, Known]:
    """What is known of each (item, kind), by item; the items must be locked."""
    rows = await tx.fetch(READ_KNOWN, [item_id for item_id, _ in subjects], [kind for _, kind in subjects])
    return {row["item_id"]: Known(row["alert_id"], row["incoming"], row["ended"]) for row in rows}


NOTE_TOLD = """
INSERT INTO needs_told (item_id, shortage, told_at)
SELECT item_id, shortage, $3
FROM unnest($1::text[], $2::bigint[]) AS told (item_id, shortage)
ORDER BY item_id
ON CONFLICT (item_id) DO UPDATE SET shortage = EXCLUDED.shortage, told_at = EXCLUDED.told_at
"""


async def note_told(tx: Transaction, told: Sequence[tuple[str, int]], now: datetime) -> None:
    """How many units each item was said to be short of; the items must be locked."""
    await tx.execute(NOTE_TOLD, [item_id for item_id, _ in told], [shortage for _, shortage in told], now)


FORGET = "DELETE FROM needs_told WHERE item_id = ANY($1::text[])"


async def forget(tx: Transaction, item_ids: Sequence[str]) -> None:
    """These items, which must be locked, need nothing any more."""
    await tx.execute(FORGET, item_ids)


FIND_DUE = """
SELECT needs_told.item_id
FROM needs_told
JOIN items ON items.id = needs_told.item_id
JOIN stock ON stock.item_id = needs_told.item_id
WHERE needs_told.told_at <= statement_timestamp() - interval '1 day'
   OR 2 * items.reorder_point + stock.queued - stock.available > needs_told.shortage
ORDER BY needs_told.told_at, needs_told.item_id
LIMIT $1
"""


async def find_due(tx: Transaction, limit: int) -> list[str]:
    """Items that need more than was told, or whose need was told a day ago; longest ago first."""
    return [row["item_id"] for row in await tx.fetch(FIND_DUE, limit)]
