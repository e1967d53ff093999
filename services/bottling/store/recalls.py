"""Lots that inventory recalled, and the running batches that got units of them."""

from collections.abc import Sequence

from services.bottling.store.alerts import raise_alerts
from shared.contracts.inventory import LotRecalled
from shared.runtime.transaction import Transaction

KEEP_RECALLED = """
INSERT INTO recalled_lots (lot_id, item_id, lot_code, reason, recalled_at)
SELECT lot_id, item_id, lot_code, reason, recalled_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
     AS told (lot_id, item_id, lot_code, reason, recalled_at)
ORDER BY lot_id
ON CONFLICT (lot_id) DO NOTHING
"""


async def keep_recalled(tx: Transaction, lots: Sequence[LotRecalled]) -> None:
    """Keeps each lot once; a recall is for good."""
    rows = [(lot.lot_id, lot.item_id, lot.lot_code, lot.reason, lot.occurred_at) for lot in lots]
    await tx.execute(KEEP_RECALLED, *(list(column) for column in zip(*rows, strict=True)))


FIND_RECALLED = """
SELECT batch_id,
       string_agg(format('%s of %s, lot %s: %s', lot.quantity, batch_materials.name, recalled_lots.lot_code,
                         recalled_lots.reason), '; ' ORDER BY place, recalled_lots.lot_id) AS detail
FROM batches
JOIN batch_materials USING (batch_id)
CROSS JOIN LATERAL jsonb_to_recordset(batch_materials.lots) AS lot (lot_id text, quantity bigint)
JOIN recalled_lots USING (lot_id)
WHERE batches.status IN ('in_progress', 'quality_check')
  AND NOT EXISTS (
    SELECT
    FROM alerts
    WHERE alerts.subject_id = batch_id::text AND alerts.kind = 'material_recalled' AND alerts.status <> 'resolved')
GROUP BY batch_id
ORDER BY batch_id
LIMIT $1
"""


async def raise_recalled(tx: Transaction, limit: int) -> int:
    """Opens an alert for each running batch that got a recalled lot and has none open; returns for how many."""
    found = await tx.fetch(FIND_RECALLED, limit)
    if found:
        concerns = [("material_recalled", str(row["batch_id"]), row["detail"]) for row in found]
        await raise_alerts(tx, concerns, await tx.clock())
    return len(found)


RESOLVE_RECALLED = """
UPDATE alerts
SET status = 'resolved', resolved_at = clock_timestamp()
FROM (
    SELECT alert_id
    FROM alerts
    WHERE status <> 'resolved' AND kind = 'material_recalled' AND NOT EXISTS (
        SELECT
        FROM batches
        WHERE batches.batch_id = alerts.subject_id::uuid AND batches.status IN ('in_progress', 'quality_check'))
    ORDER BY alert_id
    LIMIT $1
    FOR UPDATE
) AS settled
WHERE alerts.alert_id = settled.alert_id
RETURNING alerts.alert_id
"""


async def resolve_recalled(tx: Transaction, limit: int) -> int:
    """Closes the alerts of batches that have ended: what they made is recalled by inventory; returns of how many."""
    return len(await tx.fetch(RESOLVE_RECALLED, limit))
