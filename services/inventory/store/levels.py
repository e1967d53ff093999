"""Statements on items and their levels; the stock rows are locked first of all, by id."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from services.inventory.domain.levels import Level
from shared.runtime.transaction import Transaction

LOCK_STOCK = """
SELECT item_id, current, reserved, held, queued, version
FROM stock
WHERE item_id = ANY($1::text[])
ORDER BY item_id
FOR UPDATE
"""

READ_ITEMS = """
SELECT items.id, items.kind, items.name, items.unit, items.active, items.min_stock_level, items.reorder_point,
       items.reorder_quantity, items.lead_days, items.alternatives, items.min_life_days,
       item_costs.quantity AS received, item_costs.value
FROM items
LEFT JOIN item_costs ON item_costs.item_id = items.id
WHERE items.id = ANY($1::text[])
"""


async def lock_stock(tx: Transaction, item_ids: Iterable[str]) -> dict[str, Level]:
    """The levels of the items that exist, locked until the end of the transaction."""
    wanted = sorted(set(item_ids))
    rows = await tx.fetch(LOCK_STOCK, wanted)
    items = await read_items(tx, wanted)
    levels = {row["item_id"]: _level(row, items[row["item_id"]]) for row in rows}
    for level in levels.values():
        level.alerted, level.needed = level.alerts, level.need
    return levels


async def read_items(tx: Transaction, item_ids: Sequence[str]) -> dict[str, Any]:
    """What is known of items, with what was received of them and what that cost."""
    return {row["id"]: row for row in await tx.fetch(READ_ITEMS, item_ids)}


def _level(stock: Any, item: Any) -> Level:
    return Level(
        item_id=stock["item_id"],
        kind=item["kind"],
        name=item["name"],
        active=item["active"],
        min_stock_level=item["min_stock_level"],
        reorder_point=item["reorder_point"],
        current=stock["current"],
        reserved=stock["reserved"],
        held=stock["held"],
        queued=stock["queued"],
        version=stock["version"],
        lead_days=item["lead_days"],
        reorder_quantity=item["reorder_quantity"],
        alternatives=tuple(item["alternatives"]),
        min_life_days=item["min_life_days"],
        received=item["received"] or 0,
        value=item["value"] or Decimal(0),
    )


UPDATE_STOCK = """
WITH noted AS (INSERT INTO level_changes (item_ids) VALUES ($1::text[]))
UPDATE stock
SET current = moved.current, reserved = moved.reserved, held = moved.held, queued = moved.queued,
    version = moved.version
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
    AS moved (item_id, current, reserved, held, queued, version)
WHERE stock.item_id = moved.item_id
"""


async def update_stock(tx: Transaction, levels: Sequence[Level]) -> None:
    """Writes what has moved, and notes it for the publisher of levels."""
    await tx.execute(
        UPDATE_STOCK,
        [level.item_id for level in levels],
        [level.current for level in levels],
        [level.reserved for level in levels],
        [level.held for level in levels],
        [level.queued for level in levels],
        [level.version for level in levels],
    )


BUMP_STOCK = "UPDATE stock SET version = version + 1 WHERE item_id = $1 RETURNING version"


async def bump_stock(tx: Transaction, item_id: str) -> int:
    """A new version for a change that moves no level; the row must be locked."""
    version: int = await tx.fetchval(BUMP_STOCK, item_id)
    return version


NOTE_CHANGES = "INSERT INTO level_changes (item_ids) VALUES ($1::text[])"


async def note_changes(tx: Transaction, item_ids: Sequence[str]) -> None:
    """Whose levels the publisher of levels is to tell; an append, so that nobody waits for it."""
    await tx.execute(NOTE_CHANGES, item_ids)


TAKE_CHANGES = """
WITH taken AS (DELETE FROM level_changes RETURNING item_ids)
SELECT DISTINCT unnest(item_ids) AS item_id FROM taken ORDER BY item_id
"""


async def take_changes(tx: Transaction) -> list[str]:
    """Whose levels have moved since the last call."""
    return [row["item_id"] for row in await tx.fetch(TAKE_CHANGES)]


NOTE_FILLS_DUE = "INSERT INTO fills_due (item_id) SELECT unnest($1::text[])"


async def note_fills_due(tx: Transaction, item_ids: Sequence[str]) -> None:
    await tx.execute(NOTE_FILLS_DUE, item_ids)


TAKE_FILLS_DUE = """
WITH taken AS (DELETE FROM fills_due RETURNING item_id)
SELECT DISTINCT item_id FROM taken ORDER BY item_id
"""


async def take_fills_due(tx: Transaction) -> list[str]:
    """Items whose queue goes on."""
    return [row["item_id"] for row in await tx.fetch(TAKE_FILLS_DUE)]


INSERT_ITEMS = """
WITH made AS (
    INSERT INTO items (id, kind, name, unit, active, min_stock_level, reorder_point, reorder_quantity, lead_days,
                       min_life_days, alternatives, created_at, updated_at)
    SELECT id, kind, name, unit, active, min_stock_level, reorder_point, reorder_quantity, lead_days, min_life_days,
           ARRAY(SELECT jsonb_array_elements_text(alternatives::jsonb)), $12, $12
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::bigint[], $7::bigint[],
                $8::bigint[], $9::integer[], $10::integer[], $11::text[])
         AS new (id, kind, name, unit, active, min_stock_level, reorder_point, reorder_quantity, lead_days,
                 min_life_days, alternatives)
    ORDER BY id
    ON CONFLICT (id) DO NOTHING
    RETURNING id
)
INSERT INTO stock (item_id, version) SELECT id, 1 FROM made ORDER BY id RETURNING item_id
"""


async def insert_items(tx: Transaction, rows: Sequence[Sequence[Any]], now: datetime) -> list[str]:
    """The ids that were not taken, sorted; each row in the order of the columns to `alternatives`, each id once."""
    *columns, alternatives = (list(column) for column in zip(*rows, strict=True))
    texts = [json.dumps(ids) for ids in alternatives]
    return [row["item_id"] for row in await tx.fetch(INSERT_ITEMS, *columns, texts, now)]


UPDATE_ITEM = """
UPDATE items
SET name = $2, unit = $3, active = $4, min_stock_level = $5, reorder_point = $6, reorder_quantity = $7,
    lead_days = $8, min_life_days = $9, alternatives = $10, updated_at = $11
WHERE id = $1
"""


async def update_item(tx: Transaction, id: str, values: Sequence[Any], now: datetime) -> None:
    """`values` in the order of the columns from `name` to `alternatives`."""
    await tx.execute(UPDATE_ITEM, id, *values, now)


ADD_COSTS = """
INSERT INTO item_costs (item_id, quantity, value)
SELECT item_id, sum(quantity), sum(value)
FROM unnest($1::text[], $2::bigint[], $3::numeric[]) AS received (item_id, quantity, value)
GROUP BY item_id
ORDER BY item_id
ON CONFLICT (item_id) DO UPDATE
SET quantity = item_costs.quantity + EXCLUDED.quantity, value = item_costs.value + EXCLUDED.value
"""


async def add_costs(tx: Transaction, received: Sequence[tuple[str, int, Decimal]]) -> None:
    """Units that came in and what all of them cost."""
    if received:
        ids, quantities, values = zip(*received, strict=True)
        await tx.execute(ADD_COSTS, ids, quantities, values)


READ_LEVELS = """
SELECT stock.item_id, items.kind, stock.current, stock.reserved, stock.held, stock.available, stock.queued,
       stock.version, coalesce(incoming.quantity, 0)::bigint AS incoming
FROM stock
JOIN items ON items.id = stock.item_id
LEFT JOIN LATERAL (
    SELECT sum(batches.quantity) AS quantity FROM batches WHERE batches.open AND batches.item_id = stock.item_id
) AS incoming ON true
WHERE stock.item_id = ANY($1::text[])
ORDER BY stock.item_id
"""


async def read_levels(tx: Transaction, item_ids: Sequence[str]) -> list[Any]:
    """The newest levels, with what is on its way."""
    return await tx.fetch(READ_LEVELS, item_ids)
