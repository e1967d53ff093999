"""Items with their stock: one, a page, a basket, those that are low."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from services.inventory.domain.levels import suggested_quantity

READ_ITEM = """
SELECT items.id, items.kind, items.name, items.unit, items.active, items.min_stock_level, items.reorder_point,
       items.reorder_quantity, items.lead_days, items.min_life_days, items.alternatives, items.created_at,
       items.updated_at,
       stock.current, stock.reserved, stock.held, stock.available, stock.queued, stock.version,
       coalesce(incoming.quantity, 0)::bigint AS incoming, clock_timestamp() AS as_of
FROM items
JOIN stock ON stock.item_id = items.id
LEFT JOIN LATERAL (
    SELECT sum(batches.quantity) AS quantity FROM batches WHERE batches.open AND batches.item_id = items.id
) AS incoming ON true
WHERE items.id = $1 AND items.kind = $2
"""


async def item_by_id(connection: Any, kind: str, item_id: str) -> dict[str, Any] | None:
    """One item with its stock."""
    row = await connection.fetchrow(READ_ITEM, item_id, kind)
    return None if row is None else item_body(row)


READ_ITEMS_PAGE = """
SELECT items.id, items.kind, items.name, items.unit, items.active, items.min_stock_level, items.reorder_point,
       items.reorder_quantity, items.lead_days, items.min_life_days, items.alternatives, items.created_at,
       items.updated_at,
       stock.current, stock.reserved, stock.held, stock.available, stock.queued, stock.version,
       coalesce(incoming.quantity, 0)::bigint AS incoming, clock_timestamp() AS as_of
FROM items
JOIN stock ON stock.item_id = items.id
LEFT JOIN LATERAL (
    SELECT sum(batches.quantity) AS quantity FROM batches WHERE batches.open AND batches.item_id = items.id
) AS incoming ON true
WHERE items.kind = $1
  AND ($2::timestamptz IS NULL OR (items.created_at, items.id) < ($2, $3))
  AND ($4::text IS NULL OR position(lower($4) IN lower(items.id)) > 0 OR position(lower($4) IN lower(items.name)) > 0)
  AND ($5::boolean IS NULL OR items.active = $5)
  AND ($6::boolean IS NULL OR (stock.available <= items.reorder_point) = $6)
ORDER BY items.created_at DESC, items.id DESC
LIMIT $7
"""


async def items_page(
    connection: Any,
    kind: str,
    *,
    after: tuple[datetime, str] | None,
    words: str | None,
    active: bool | None,
    low: bool | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Items of a kind, newest first."""
    at, item_id = after or (None, None)
    rows = await connection.fetch(READ_ITEMS_PAGE, kind, at, item_id, words, active, low, limit)
    return [item_body(row) for row in rows]


STOCK_FIELDS: Final = (
    "current_stock",
    "reserved_stock",
    "available_stock",
    "min_stock_level",
    "reorder_point",
    "held_stock",
    "projected_stock",
    "incoming",
    "queued",
    "name",
    "unit",
    "version",
    "as_of",
)


def stock_body(row: Any) -> dict[str, Any]:
    """The stock of an item, as in the contract."""
    return {
        f"{row['kind']}_id": row["id"],
        "current_stock": row["current"],
        "reserved_stock": row["reserved"],
        "available_stock": row["available"],
        "min_stock_level": row["min_stock_level"],
        "reorder_point": row["reorder_point"],
        "held_stock": row["held"],
        "projected_stock": row["available"] + row["incoming"] - row["queued"],
        "incoming": row["incoming"],
        "queued": row["queued"],
        "name": row["name"],
        "unit": row["unit"],
        "version": row["version"],
        "as_of": row["as_of"],
    }


def item_body(row: Any) -> dict[str, Any]:
    """The item's own fields and its stock."""
    return {
        **stock_body(row),
        "reorder_quantity": row["reorder_quantity"],
        "lead_days": row["lead_days"],
        "min_life_days": row["min_life_days"],
        "alternatives": list(row["alternatives"]),
        "active": row["active"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
    }


READ_BASKET = """
SELECT items.id, items.name, items.alternatives, stock.available
FROM items
JOIN stock ON stock.item_id = items.id
WHERE items.id = ANY($1::text[]) AND items.kind = 'product' AND items.active
"""


async def basket(connection: Any, item_ids: Sequence[str]) -> dict[str, Any]:
    """Active products of a basket and all their alternatives, by id."""
    found = {row["id"]: row for row in await connection.fetch(READ_BASKET, item_ids)}
    others = sorted({other for row in found.values() for other in row["alternatives"]} - found.keys())
    more = {row["id"]: row for row in await connection.fetch(READ_BASKET, others)} if others else {}
    return {**more, **found}


READ_LOW = """
SELECT gravest.alert_id, gravest.kind AS alert_kind, gravest.status, gravest.raised_at, gravest.acknowledged_at,
       items.id AS item_id, items.kind, items.name, stock.available, items.min_stock_level, items.reorder_point,
       items.reorder_quantity, stock.queued, coalesce(incoming.quantity, 0)::bigint AS incoming
FROM (
    SELECT DISTINCT ON (item_id) alert_id, item_id, kind, status, raised_at, acknowledged_at
    FROM alerts
    WHERE status <> 'resolved' AND kind IN ('low_stock', 'critical', 'stockout') AND item_id > $1
    ORDER BY item_id, array_position(ARRAY['stockout', 'critical', 'low_stock'], kind)
    LIMIT $2
) AS gravest
JOIN items ON items.id = gravest.item_id
JOIN stock ON stock.item_id = items.id
LEFT JOIN LATERAL (
    SELECT sum(batches.quantity) AS quantity FROM batches WHERE batches.open AND batches.item_id = items.id
) AS incoming ON true
ORDER BY items.id
"""


async def low_stock_page(connection: Any, after: str, limit: int) -> list[dict[str, Any]]:
    """Items with an open alert of their level, by id, each with its gravest."""
    return [_alert_body(row) for row in await connection.fetch(READ_LOW, after, limit)]


def _alert_body(row: Any) -> dict[str, Any]:
    return {
        "alert_id": row["alert_id"],
        "item_id": row["item_id"],
        "item_kind": row["kind"],
        "name": row["name"],
        "kind": row["alert_kind"],
        "status": row["status"],
        "available_stock": row["available"],
        "min_stock_level": row["min_stock_level"],
        "reorder_point": row["reorder_point"],
        "incoming": row["incoming"],
        "queued": row["queued"],
        "suggested_quantity": suggested_quantity(
            row["available"], row["incoming"], row["queued"], row["reorder_point"], row["reorder_quantity"]
        ),
        "raised_at": row["raised_at"],
        "acknowledged_at": row["acknowledged_at"],
    }
