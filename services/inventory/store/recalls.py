"""Statements on recalls: what was made of a lot, and which recalls may have more to do."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.runtime.transaction import Transaction

# From lot to lot over the batches that used the one and made the other, each once.
FIND_MADE_OF = """
WITH RECURSIVE made (lot_id) AS (
    SELECT unnest($1::uuid[])
    UNION
    SELECT lots.lot_id
    FROM made
    CROSS JOIN LATERAL (
        SELECT reference_id
        FROM lot_movements
        WHERE lot_id = made.lot_id AND type IN ('material_issue', 'material_return')
        GROUP BY reference_id
        HAVING sum(quantity) < 0
    ) AS used
    CROSS JOIN LATERAL (SELECT lot_id FROM lots WHERE batch_id = used.reference_id::uuid LIMIT 1) AS lots
)
SELECT lots.lot_id, lots.item_id
FROM made
CROSS JOIN LATERAL (SELECT lot_id, item_id FROM lots WHERE lot_id = made.lot_id LIMIT 1) AS lots
WHERE made.lot_id <> ALL($1::uuid[])
ORDER BY lots.lot_id
"""


async def find_made_of(tx: Transaction, lot_ids: Sequence[UUID]) -> dict[UUID, str]:
    """The items of the lots that were made of these, over any number of batches; without these."""
    return {row["lot_id"]: row["item_id"] for row in await tx.fetch(FIND_MADE_OF, lot_ids)}


INSERT_RECALLS = """
INSERT INTO recalls (lot_id, cause_lot_id, reason, actor, at, due)
SELECT recalled.*, $5, false
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[]) AS recalled
ON CONFLICT (lot_id) DO NOTHING
"""


async def insert_recalls(tx: Transaction, rows: Sequence[tuple[UUID, UUID | None, str, str]], now: datetime) -> None:
    """Recalled lots, each with the lot that it was made of if that is why, the reason, and who did it."""
    if rows:
        await tx.execute(INSERT_RECALLS, *([*column] for column in zip(*rows, strict=True)), now)


SET_DUE = "UPDATE recalls SET due = $2 WHERE lot_id = ANY($1::uuid[]) AND due <> $2"


async def set_due(tx: Transaction, lot_ids: Sequence[UUID], due: bool) -> None:
    """Whether batches may have made more of these recalled lots since."""
    await tx.execute(SET_DUE, sorted(lot_ids), due)


FIND_DUE = "SELECT lot_id, reason, actor FROM recalls WHERE due ORDER BY lot_id LIMIT $1"


async def find_due(tx: Transaction, limit: int) -> list[Any]:
    """Recalls that may have more to do."""
    return await tx.fetch(FIND_DUE, limit)


READ_RECALLED = "SELECT lot_id, cause_lot_id, reason, actor FROM recalls WHERE lot_id = ANY($1::uuid[])"


async def read_recalled(tx: Transaction, lot_ids: Sequence[UUID]) -> dict[UUID, Any]:
    """The recalls of these lots."""
    return {row["lot_id"]: row for row in await tx.fetch(READ_RECALLED, lot_ids)}
