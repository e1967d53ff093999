"""Statements on lots; whoever moves them has locked their items."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from services.inventory.domain.lots import Lot, Lots
from shared.runtime.transaction import Transaction

READ_LOTS = """
SELECT lot_id, item_id, kind, lot_code, made_at, quantity, made, status, pending, pinned, supplier_lot, batch_id,
       total_cost, produced_on, expires_on, sell_by, (statement_timestamp() AT TIME ZONE 'UTC')::date AS today
FROM lots
WHERE item_id = ANY($1::text[]) AND NOT spent
UNION ALL
SELECT lot_id, item_id, kind, lot_code, made_at, quantity, made, status, pending, pinned, supplier_lot, batch_id,
       total_cost, produced_on, expires_on, sell_by, (statement_timestamp() AT TIME ZONE 'UTC')::date AS today
FROM lots
WHERE lot_id = ANY($2::uuid[]) AND spent
"""


async def read_lots(tx: Transaction, item_ids: Sequence[str], spent: Iterable[UUID] = ()) -> Lots:
    """The lots of these items that have units, and those of the others that are named."""
    lots = Lots({item_id: [] for item_id in item_ids})
    for row in await tx.fetch(READ_LOTS, item_ids, sorted(spent)):
        *values, lots.today = row
        lots.there.setdefault(row["item_id"], []).append(Lot(*values))
    return lots


READ_NAMED = "SELECT lot_id, item_id, lot_code, expires_on FROM lots WHERE lot_id = ANY($1::uuid[])"


async def read_named(tx: Transaction, lot_ids: Sequence[UUID]) -> list[Any]:
    """What these lots are called, and of which items they are."""
    return await tx.fetch(READ_NAMED, lot_ids)


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
SELECT moved.reference_id, moved.item_id, moved.lot_id, lots.supplier_lot, lots.status,
       -sum(moved.quantity)::bigint AS quantity, -sum(moved.cost) AS cost
FROM lot_movements AS moved
JOIN lots ON lots.lot_id = moved.lot_id
WHERE moved.reference_id = ANY($1::text[]) AND moved.type IN ('material_issue', 'material_return')
GROUP BY moved.reference_id, moved.item_id, moved.lot_id, lots.supplier_lot, lots.status
HAVING sum(moved.quantity) < 0
ORDER BY moved.reference_id, moved.item_id, moved.lot_id
"""


async def read_used(tx: Transaction, batch_ids: Sequence[str]) -> list[Any]:
    """Lots with their supplier's, status, units and cost, by batch and material, as far as they did not return."""
    return await tx.fetch(READ_USED, batch_ids)


INSERT_LOTS = """
INSERT INTO lots (lot_id, item_id, kind, lot_code, supplier_lot, batch_id, quantity, spent, made, total_cost,
                  produced_on, expires_on, made_at, status, pending, pinned, sell_by)
SELECT lot_id, item_id, kind, lot_code, supplier_lot, batch_id, quantity, quantity = 0 AND pinned = 0, made, total_cost,
       produced_on, expires_on, made_at, status, pending, pinned, sell_by
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::bigint[], $8::bigint[],
            $9::numeric[], $10::date[], $11::date[], $12::timestamptz[], $13::text[], $14::bigint[], $15::bigint[],
            $16::date[])
     AS born (lot_id, item_id, kind, lot_code, supplier_lot, batch_id, quantity, made, total_cost, produced_on,
              expires_on, made_at, status, pending, pinned, sell_by)
"""
_BORN = (
    *("lot_id", "item_id", "kind", "lot_code", "supplier_lot", "batch_id", "quantity", "made", "total_cost"),
    *("produced_on", "expires_on", "made_at", "status", "pending", "pinned", "sell_by"),
)


async def insert_lots(tx: Transaction, lots: Sequence[Lot]) -> None:
    rows = [[getattr(lot, name) for name in _BORN] for lot in lots]
    if rows:
        await tx.execute(INSERT_LOTS, *_columns(rows))


SAVE_LOTS = """
UPDATE lots
SET quantity = moved.quantity, pending = moved.pending, pinned = moved.pinned, status = moved.status,
    spent = (moved.quantity = 0 AND moved.pinned = 0)
FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::text[])
    AS moved (lot_id, quantity, pending, pinned, status)
WHERE lots.lot_id = moved.lot_id
"""
_SAVED = ("lot_id", "quantity", "pending", "pinned", "status")


async def save_lots(tx: Transaction, lots: Sequence[Lot]) -> None:
    """Their units, those that wait for a count and those promised by name, and their status."""
    if lots:
        await tx.execute(SAVE_LOTS, *_columns([[getattr(lot, name) for name in _SAVED] for lot in lots]))


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


SELL_UNTIL = """
UPDATE lots SET sell_by = greatest(expires_on - $2::integer, '0001-01-01')
WHERE item_id = $1 AND NOT spent AND expires_on IS NOT NULL
"""


async def sell_until(tx: Transaction, item_id: str, min_life_days: int) -> None:
    """Gives whoever gets a unit of the item so many days of its life; the item must be locked."""
    await tx.execute(SELL_UNTIL, item_id, min_life_days)


FIND_PAST = """
SELECT DISTINCT item_id
FROM (
    SELECT item_id
    FROM lots
    WHERE status = 'available' AND NOT spent AND sell_by < $1
    ORDER BY sell_by, item_id
    LIMIT $2
) AS past
ORDER BY item_id
"""
READ_TODAY = "SELECT (statement_timestamp() AT TIME ZONE 'UTC')::date"


async def find_past(tx: Transaction, limit: int) -> list[str]:
    """Items with a lot that is past its last day of sale and not held yet, the longest past first."""
    today: date = await tx.fetchval(READ_TODAY)
    return [row["item_id"] for row in await tx.fetch(FIND_PAST, today, limit)]


NOTE_PINS_DUE = "INSERT INTO pins_due (item_id) SELECT unnest($1::text[])"
TAKE_PINS_DUE = """
WITH taken AS (DELETE FROM pins_due RETURNING item_id)
SELECT DISTINCT item_id FROM taken ORDER BY item_id
"""


async def note_pins_due(tx: Transaction, item_ids: Sequence[str]) -> None:
    await tx.execute(NOTE_PINS_DUE, item_ids)


async def take_pins_due(tx: Transaction) -> list[str]:
    """Items of which orders were promised units of a lot that are not to be had."""
    return [row["item_id"] for row in await tx.fetch(TAKE_PINS_DUE)]


FIND_PINNED = """
SELECT claim_id::text
FROM reservations
WHERE item_id = ANY($1::text[]) AND held > 0
  AND EXISTS (
      SELECT FROM jsonb_array_elements(lots) AS share
      WHERE share ->> 0 = ANY($2::text[]) AND (share ->> 1)::bigint > 0
  )
ORDER BY priority, accepted_at DESC, claim_id DESC
LIMIT $3
"""


async def find_pinned(tx: Transaction, item_ids: Sequence[str], lot_ids: Sequence[UUID], limit: int) -> list[str]:
    """The claims that were promised units of these lots by name, the last to be served first. The items must be
    locked."""
    rows = await tx.fetch(FIND_PINNED, item_ids, [str(lot_id) for lot_id in lot_ids], limit)
    return [row["claim_id"] for row in rows]


def _columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
