"""Statements on lots; whoever moves them has locked their items."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.inventory.domain.lots import Lot
from shared.runtime.transaction import Transaction

READ_LOTS = """
SELECT lot_id, item_id, kind, lot_code, made_at, quantity, made, status, supplier_lot, batch_id, total_cost,
       produced_on, expires_on
FROM lots
WHERE item_id = ANY($1::text[]) AND NOT spent
UNION ALL
SELECT lot_id, item_id, kind, lot_code, made_at, quantity, made, status, supplier_lot, batch_id, total_cost,
       produced_on, expires_on
FROM lots
WHERE lot_id = ANY($2::uuid[]) AND spent
"""


async def read_lots(tx: Transaction, item_ids: Sequence[str], spent: Sequence[UUID]) -> dict[str, list[Lot]]:
    """The lots of these items that have units, by item, and those of the others that are named."""
    found: dict[str, list[Lot]] = {}
    for row in await tx.fetch(READ_LOTS, item_ids, spent):
        found.setdefault(row["item_id"], []).append(Lot(**dict(row)))
    return found


READ_ISSUED = """
SELECT moved.reference_id, moved.lot_id, -sum(moved.quantity)::bigint AS units
FROM lot_movements AS moved
JOIN lots ON lots.lot_id = moved.lot_id
WHERE moved.reference_id = ANY($1::text[]) AND moved.type IN ('material_issue', 'material_return')
GROUP BY moved.reference_id, moved.lot_id, lots.expires_on, lots.made_at
HAVING sum(moved.quantity) < 0
ORDER BY moved.reference_id, lots.expires_on DESC NULLS FIRST, lots.made_at DESC, moved.lot_id DESC
"""


async def read_issued(tx: Transaction, batch_ids: Sequence[str]) -> dict[str, list[tuple[UUID, int]]]:
    """What each batch has of which lot, the last to leave stock first."""
    found: dict[str, list[tuple[UUID, int]]] = {}
    for row in await tx.fetch(READ_ISSUED, batch_ids):
        found.setdefault(row["reference_id"], []).append((row["lot_id"], row["units"]))
    return found


READ_USED = """
SELECT moved.reference_id, moved.item_id, moved.lot_id, lots.supplier_lot, -sum(moved.quantity)::bigint AS quantity,
       -sum(moved.cost) AS cost
FROM lot_movements AS moved
JOIN lots ON lots.lot_id = moved.lot_id
WHERE moved.reference_id = ANY($1::text[]) AND moved.type IN ('material_issue', 'material_return')
GROUP BY moved.reference_id, moved.item_id, moved.lot_id, lots.supplier_lot
HAVING sum(moved.quantity) < 0
ORDER BY moved.reference_id, moved.item_id, moved.lot_id
"""


async def read_used(tx: Transaction, batch_ids: Sequence[str]) -> dict[tuple[str, str], list[Any]]:
    """Lots with their supplier's, units and cost, by batch and material, as far as they did not return."""
    found: dict[tuple[str, str], list[Any]] = {}
    for row in await tx.fetch(READ_USED, batch_ids):
        found.setdefault((row["reference_id"], row["item_id"]), []).append(row)
    return found


INSERT_LOTS = """
INSERT INTO lots (lot_id, item_id, kind, lot_code, supplier_lot, batch_id, quantity, spent, made, total_cost,
                  produced_on, expires_on, made_at)
SELECT lot_id, item_id, kind, lot_code, supplier_lot, batch_id, quantity, quantity = 0, made, total_cost, produced_on,
       expires_on, made_at
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::bigint[], $8::bigint[],
            $9::numeric[], $10::date[], $11::date[], $12::timestamptz[])
     AS born (lot_id, item_id, kind, lot_code, supplier_lot, batch_id, quantity, made, total_cost, produced_on,
              expires_on, made_at)
"""
_BORN = (
    *("lot_id", "item_id", "kind", "lot_code", "supplier_lot", "batch_id", "quantity", "made", "total_cost"),
    *("produced_on", "expires_on", "made_at"),
)


async def insert_lots(tx: Transaction, lots: Sequence[Lot]) -> None:
    rows = [[getattr(lot, name) for name in _BORN] for lot in lots]
    if rows:
        await tx.execute(INSERT_LOTS, *_columns(rows))


SAVE_LOTS = """
UPDATE lots
SET quantity = moved.quantity, spent = (moved.quantity = 0)
FROM unnest($1::uuid[], $2::bigint[]) AS moved (lot_id, quantity)
WHERE lots.lot_id = moved.lot_id
"""


async def save_lots(tx: Transaction, lots: Sequence[Lot]) -> None:
    """Their units."""
    if lots:
        await tx.execute(SAVE_LOTS, [lot.lot_id for lot in lots], [lot.quantity for lot in lots])


INSERT_MOVEMENTS = """
INSERT INTO lot_movements (lot_id, transaction_id, item_id, quantity, cost, type, reference_type, reference_id,
                           shipment_id, at)
SELECT moved.*, $10
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::numeric[], $6::text[], $7::text[], $8::text[],
            $9::uuid[]) AS moved
"""


async def insert_movements(tx: Transaction, rows: Sequence[Sequence[Any]], now: datetime) -> None:
    """Rows in the order of the columns."""
    if rows:
        await tx.execute(INSERT_MOVEMENTS, *_columns(rows), now)


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
