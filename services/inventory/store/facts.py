"""Statements on natural keys: a fact is applied by whoever wrote its key first."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from shared.runtime.transaction import Transaction

NOTE_SHIPMENTS = """
INSERT INTO shipments_deducted (shipment_id, order_id, customer_id, at)
SELECT shipment_id, order_id, customer_id, clock_timestamp()
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS shipment (shipment_id, order_id, customer_id)
ORDER BY shipment_id
ON CONFLICT (shipment_id) DO NOTHING
RETURNING shipment_id::text
"""

NOTE_SHORT_PICKS = """
INSERT INTO short_picks (short_pick_id, order_id, at)
SELECT short_pick_id, order_id, clock_timestamp()
FROM unnest($1::uuid[], $2::uuid[]) AS short_pick (short_pick_id, order_id)
ORDER BY short_pick_id
ON CONFLICT (short_pick_id) DO NOTHING
RETURNING short_pick_id::text
"""

NOTE_BATCHES = """
INSERT INTO batches_received (batch_id, item_id, quantity, lot_code, produced_on, expires_on, at)
SELECT batch_id, item_id, quantity, lot_code, produced_on, expires_on, clock_timestamp()
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::date[], $6::date[])
    AS batch (batch_id, item_id, quantity, lot_code, produced_on, expires_on)
ORDER BY batch_id
ON CONFLICT (batch_id) DO NOTHING
RETURNING batch_id::text
"""


async def note_shipments(tx: Transaction, shipments: Sequence[tuple[str, str, str | None]]) -> set[str]:
    """Which of these (shipment, order, customer) were never heard of before."""
    if not shipments:
        return set()
    rows = await tx.fetch(NOTE_SHIPMENTS, *([*column] for column in zip(*shipments, strict=True)))
    return {row["shipment_id"] for row in rows}


async def note_short_picks(tx: Transaction, pairs: Sequence[tuple[str, str]]) -> set[str]:
    """Which of these (short pick, order) were never heard of before."""
    if not pairs:
        return set()
    rows = await tx.fetch(NOTE_SHORT_PICKS, [id for id, _ in pairs], [order_id for _, order_id in pairs])
    return {row["short_pick_id"] for row in rows}


async def note_batches(tx: Transaction, batches: Sequence[tuple[str, str, int, str, date, date | None]]) -> set[str]:
    """Which of these (batch, item, good units, lot code, day made, expiry) were never heard of before."""
    if not batches:
        return set()
    columns = [list(column) for column in zip(*batches, strict=True)]
    return {row["batch_id"] for row in await tx.fetch(NOTE_BATCHES, *columns)}


SAVE_INCOMING = """
INSERT INTO batches (batch_id, item_id, quantity, open, expected_at, version)
SELECT *
FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::boolean[], $5::timestamptz[], $6::bigint[]) AS batch
    (batch_id, item_id, quantity, open, expected_at, version)
ORDER BY batch_id
ON CONFLICT (batch_id) DO UPDATE
SET item_id = EXCLUDED.item_id, quantity = EXCLUDED.quantity, open = EXCLUDED.open,
    expected_at = EXCLUDED.expected_at, version = EXCLUDED.version
WHERE batches.version < EXCLUDED.version
RETURNING item_id,
    (CASE WHEN old.open THEN old.quantity END, CASE WHEN old.open THEN (old.expected_at AT TIME ZONE 'UTC')::date END)
    IS DISTINCT FROM
    (CASE WHEN new.open THEN new.quantity END, CASE WHEN new.open THEN (new.expected_at AT TIME ZONE 'UTC')::date END)
    AS moved
"""


async def save_incoming(
    tx: Transaction, batches: Sequence[tuple[str, str, int, bool, datetime | None, int]]
) -> set[str]:
    """The newest that is known of each batch: item, units, open, expected, version.

    Returns the items of which other units are to come, or on another day, than was known.
    """
    if not batches:
        return set()
    rows = await tx.fetch(SAVE_INCOMING, *([*column] for column in zip(*batches, strict=True)))
    return {row["item_id"] for row in rows if row["moved"]}


INSERT_RECEIPTS = """
INSERT INTO receipts (receipt_id, lot_id, item_id, quantity, supplier_lot, unit_cost, expires_on, note, actor, at)
SELECT receipt.*, $10
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::numeric[], $7::date[], $8::text[],
            $9::text[]) AS receipt
"""


async def insert_receipts(tx: Transaction, receipts: Sequence[tuple[Any, ...]], now: datetime) -> None:
    """Receipts in the order of the columns."""
    if receipts:
        await tx.execute(INSERT_RECEIPTS, *([*column] for column in zip(*receipts, strict=True)), now)


INSERT_COUNT = """
INSERT INTO counts (count_id, item_id, expected, counted, version, reason, actor, at, counted_at, lot_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""


async def insert_count(tx: Transaction, count_id: UUID, row: tuple[Any, ...]) -> None:
    """`row` in the order of the columns from `item_id` to `lot_id`."""
    await tx.execute(INSERT_COUNT, count_id, *row)


LAST_COUNTED = """
SELECT asked.item_id AS counted, last.counted_at
FROM unnest($1::text[]) AS asked (item_id)
CROSS JOIN LATERAL (
    SELECT coalesce(counted_at, at) AS counted_at
    FROM counts
    WHERE counts.item_id = asked.item_id AND counts.lot_id IS NULL
    ORDER BY coalesce(counted_at, at) DESC
    LIMIT 1
) AS last
UNION ALL
SELECT asked.lot_id::text, last.counted_at
FROM unnest($2::uuid[]) AS asked (lot_id)
CROSS JOIN LATERAL (
    SELECT coalesce(counted_at, at) AS counted_at
    FROM counts
    WHERE counts.lot_id = asked.lot_id
    ORDER BY coalesce(counted_at, at) DESC
    LIMIT 1
) AS last
"""


async def last_counted(tx: Transaction, item_ids: Sequence[str], lot_ids: Sequence[str] = ()) -> dict[str, datetime]:
    """When each of these items, and each of these lots by itself, was counted last, of those that ever were."""
    return {row["counted"]: row["counted_at"] for row in await tx.fetch(LAST_COUNTED, item_ids, lot_ids)}


KNOWN_RECEIPTS = "SELECT receipt_id FROM receipts WHERE receipt_id = ANY($1::uuid[])"
KNOWN_COUNTS = "SELECT count_id FROM counts WHERE count_id = ANY($1::uuid[])"


async def known_receipts(tx: Transaction, receipt_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these were received by an earlier try; the items must be locked."""
    return {row["receipt_id"] for row in await tx.fetch(KNOWN_RECEIPTS, receipt_ids)}


async def known_counts(tx: Transaction, count_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these were applied by an earlier try; the items must be locked."""
    return {row["count_id"] for row in await tx.fetch(KNOWN_COUNTS, count_ids)}


READ_INCOMING = """
SELECT item_id, quantity, expected_at
FROM batches
WHERE open AND item_id = ANY($1::text[])
ORDER BY item_id, expected_at
"""

READ_AVAILABLE = """
SELECT items.id, items.name, stock.available
FROM items
JOIN stock ON stock.item_id = items.id
WHERE items.id = ANY($1::text[]) AND items.active
"""


async def read_incoming(tx: Transaction, item_ids: Sequence[str]) -> list[Any]:
    """The open batches of items."""
    return await tx.fetch(READ_INCOMING, item_ids)


async def read_available(tx: Transaction, item_ids: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Name and available units of active items; read, not locked."""
    rows = await tx.fetch(READ_AVAILABLE, item_ids) if item_ids else []
    return {row["id"]: (row["name"], row["available"]) for row in rows}
