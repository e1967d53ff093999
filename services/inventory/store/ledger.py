"""Statements on the ledger, which only grows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from services.inventory.domain.levels import Entry
from shared.runtime.transaction import Transaction

APPEND_ENTRIES = """
INSERT INTO ledger (transaction_id, lot_id, item_id, version, type, quantity, previous_current, new_current,
                    previous_reserved, new_reserved, previous_held, new_held, reference_type, reference_id, actor,
                    note, at)
SELECT entry.*, $17
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[],
            $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::text[], $14::text[], $15::text[],
            $16::text[]) AS entry
"""


async def append_entries(tx: Transaction, entries: Sequence[Entry], now: datetime) -> list[UUID]:
    """Writes the entries in their order, each with its lot if it is of one alone; returns their ids."""
    ids = [_id_of(tx, entry) for entry in entries]
    columns = [list(column) for column in zip(*(_values(entry) for entry in entries), strict=True)]
    await tx.execute(APPEND_ENTRIES, ids, *columns, now)
    return ids


def _id_of(tx: Transaction, entry: Entry) -> UUID:
    """What a person changed by one entry has that entry's id for its own."""
    by = entry.reference
    is_it = by.type == "correction" or (by.type, entry.type) == ("adjustment", "adjust")
    return UUID(by.id) if is_it else tx.new_id()


def _values(entry: Entry) -> tuple[Any, ...]:
    by = entry.reference
    return (
        entry.lot_id,
        entry.item_id,
        entry.version,
        entry.type,
        entry.quantity,
        entry.previous_current,
        entry.new_current,
        entry.previous_reserved,
        entry.new_reserved,
        entry.previous_held,
        entry.new_held,
        by.type,
        by.id,
        by.actor,
        by.note,
    )


READ_AT_VERSION = """
SELECT coalesce(last.new_current, opening.current, 0) + coalesce(counted.since, 0) AS current,
       coalesce(waiting.since, 0) AS pending_since,
       last.new_current IS NOT NULL OR coalesce(opening.version, 0) <= $2 AS known
FROM (
    SELECT max(version) AS version, sum(current)::bigint AS current, sum(held)::bigint AS held
    FROM ledger_openings
    WHERE item_id = $1
) AS opening
LEFT JOIN LATERAL (
    SELECT new_current
    FROM ledger
    WHERE item_id = $1 AND version <= $2
    ORDER BY version DESC
    LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
    SELECT sum(quantity)::bigint AS since
    FROM ledger
    WHERE item_id = $1 AND version > $2 AND type = 'count'
) AS counted ON true
LEFT JOIN LATERAL (
    SELECT sum(quantity)::bigint AS since
    FROM ledger
    WHERE item_id = $1 AND version > $2 AND type = 'hold' AND reference_type = 'order'
      AND ($3::uuid IS NULL OR lot_id = $3 OR lot_id IS NULL)
) AS waiting ON true
"""


async def read_at_version(
    tx: Transaction, item_id: str, version: int, lot_id: UUID | None = None
) -> tuple[int, int] | None:
    """`current` of an item as it was at a version, where what was counted since is no movement; and the units, of one
    lot if told, that began to wait for a count since.

    None if the ledger's rows of that version are archived.
    """
    row = await tx.fetchrow(READ_AT_VERSION, item_id, version, lot_id)
    return None if row is None or not row["known"] else (row["current"], row["pending_since"])


READ_LOT_AT_VERSION = """
SELECT lots.quantity - coalesce(moved.since, 0)
FROM lots
LEFT JOIN LATERAL (
    SELECT sum(lot_movements.quantity)::bigint AS since
    FROM ledger
    JOIN lot_movements
        ON lot_movements.lot_id = lots.lot_id AND lot_movements.transaction_id = ledger.transaction_id
    WHERE ledger.item_id = lots.item_id AND ledger.version > $2 AND ledger.type <> 'count'
) AS moved ON true
WHERE lots.lot_id = $3 AND lots.item_id = $1
"""


async def read_lot_at_version(tx: Transaction, item_id: str, version: int, lot_id: UUID) -> int | None:
    """Units of a lot at a version of its item, where what was counted since is no movement; None: no such lot."""
    units: int | None = await tx.fetchval(READ_LOT_AT_VERSION, item_id, version, lot_id)
    return units


KNOWN_REFERENCES = "SELECT DISTINCT reference_id FROM ledger WHERE reference_id = ANY($1::text[])"


async def known_references(tx: Transaction, references: Sequence[str]) -> set[str]:
    """Which of these stand in the ledger."""
    return {row["reference_id"] for row in await tx.fetch(KNOWN_REFERENCES, references)}


READ_SUMS = """
SELECT coalesce(entries.current, 0)::bigint AS current, coalesce(entries.held, 0)::bigint AS held,
       coalesce(holds.reserved, 0)::bigint AS reserved, coalesce(there.units, 0)::bigint AS lots,
       coalesce(there.blocked, 0)::bigint AS blocked
FROM (
    SELECT sum(moved.current) AS current, sum(moved.held) AS held
    FROM (
        SELECT new_current - previous_current AS current, new_held - previous_held AS held
        FROM ledger
        WHERE item_id = $1
        UNION ALL
        SELECT current, held FROM ledger_openings WHERE item_id = $1
    ) AS moved
) AS entries
CROSS JOIN (SELECT sum(held) AS reserved FROM reservations WHERE item_id = $1 AND held > 0) AS holds
CROSS JOIN (
    SELECT sum(quantity) AS units, sum(CASE WHEN status = 'available' THEN pending ELSE quantity END) AS blocked
    FROM lots
    WHERE item_id = $1 AND NOT spent
) AS there
"""


async def read_sums(tx: Transaction, item_id: str) -> Any:
    """What an item's level ought to be by its ledger, its reservations and its lots; the item must be locked."""
    return await tx.fetchrow(READ_SUMS, item_id)
