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


async def append_entries(
    tx: Transaction, entries: Sequence[Entry], now: datetime, lot_ids: Sequence[UUID | None] | None = None
) -> list[UUID]:
    """Writes the entries in their order, each with its lot if it is of one alone; returns their ids."""
    ids = [_id_of(tx, entry) for entry in entries]
    columns = [list(column) for column in zip(*(_values(entry) for entry in entries), strict=True)]
    await tx.execute(APPEND_ENTRIES, ids, lot_ids or [None] * len(ids), *columns, now)
    return ids


def _id_of(tx: Transaction, entry: Entry) -> UUID:
    """What a person changed by one entry has that entry's id for its own."""
    return UUID(entry.reference.id) if entry.reference.type in ("adjustment", "correction") else tx.new_id()


def _values(entry: Entry) -> tuple[Any, ...]:
    by = entry.reference
    return (
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
       coalesce(last.new_held, opening.held, 0) AS held,
       last.new_current IS NOT NULL OR coalesce(opening.version, 0) <= $2 AS known
FROM (
    SELECT max(version) AS version, sum(current)::bigint AS current, sum(held)::bigint AS held
    FROM ledger_openings
    WHERE item_id = $1
) AS opening
LEFT JOIN LATERAL (
    SELECT new_current, new_held
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
"""


async def read_at_version(tx: Transaction, item_id: str, version: int) -> tuple[int, int] | None:
    """`current` and `held` of an item as they were at a version; what was counted since is no movement.

    None if the ledger's rows of that version are archived.
    """
    row = await tx.fetchrow(READ_AT_VERSION, item_id, version)
    return None if row is None or not row["known"] else (row["current"], row["held"])


KNOWN_REFERENCES = "SELECT DISTINCT reference_id FROM ledger WHERE reference_id = ANY($1::text[])"


async def known_references(tx: Transaction, references: Sequence[str]) -> set[str]:
    """Which of these stand in the ledger."""
    return {row["reference_id"] for row in await tx.fetch(KNOWN_REFERENCES, references)}


READ_SUMS = """
SELECT coalesce(entries.current, 0)::bigint AS current, coalesce(entries.held, 0)::bigint AS held,
       coalesce(holds.reserved, 0)::bigint AS reserved, coalesce(there.units, 0)::bigint AS lots
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
CROSS JOIN (SELECT sum(quantity) AS units FROM lots WHERE item_id = $1 AND NOT spent) AS there
"""


async def read_sums(tx: Transaction, item_id: str) -> Any:
    """What an item's level ought to be by its ledger, its reservations and its lots; the item must be locked."""
    return await tx.fetchrow(READ_SUMS, item_id)
