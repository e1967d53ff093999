"""Alerts about batches: one open of a kind and batch."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.contracts.values import rfc3339
from shared.runtime.transaction import Transaction

RAISE_ALERTS = """
INSERT INTO alerts (alert_id, kind, subject_type, subject_id, name, detail, status, raised_at)
SELECT alert_id, kind, 'batch', batch_id, 'batch ' || batch_id, detail, 'raised', $5
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS concern (alert_id, kind, batch_id, detail)
ORDER BY batch_id, kind
ON CONFLICT (subject_id, kind) WHERE status <> 'resolved' DO NOTHING
"""


async def raise_alerts(tx: Transaction, concerns: Sequence[tuple[str, str, str]], now: datetime) -> None:
    """Opens an alert for each (kind, batch, detail) that has none open."""
    kinds, batch_ids, details = ([*column] for column in zip(*concerns, strict=True))
    await tx.execute(RAISE_ALERTS, [tx.new_id() for _ in concerns], kinds, batch_ids, details, now)


RESOLVE_STUCK = """
UPDATE alerts
SET status = 'resolved', resolved_at = $2
WHERE subject_id = ANY($1::text[]) AND kind = 'saga_stuck' AND status <> 'resolved'
  AND NOT EXISTS (SELECT FROM questions WHERE questions.batch_id = subject_id::uuid AND attempts >= 2)
"""


async def resolve_stuck(tx: Transaction, batch_ids: Sequence[str], now: datetime) -> None:
    """Closes the alerts of those batches, locked before, that wait for nobody any more."""
    await tx.execute(RESOLVE_STUCK, list(batch_ids), now)


RESOLVE_MADE_GOOD = """
UPDATE alerts
SET status = 'resolved', resolved_at = $2
FROM (
    SELECT alerts.alert_id
    FROM alerts
    JOIN batches ON batches.batch_id = alerts.subject_id::uuid
    JOIN batches AS good ON good.product_id = batches.product_id AND good.batch_id = ANY($1::uuid[])
    WHERE alerts.status <> 'resolved' AND alerts.kind IN ('quality_below', 'batch_failed')
      AND good.batch_id <> batches.batch_id
    ORDER BY alerts.alert_id
    FOR UPDATE OF alerts
) AS made_good
WHERE alerts.alert_id = made_good.alert_id
"""


async def resolve_made_good(tx: Transaction, batch_ids: Sequence[UUID], now: datetime) -> None:
    """Closes what other batches of the same products gave cause for, now that these came out well."""
    await tx.execute(RESOLVE_MADE_GOOD, list(batch_ids), now)


FIND_LATE = """
SELECT batch_id, status, quantity_planned, product_id, expected_completion_at
FROM batches
WHERE status NOT IN ('completed', 'failed', 'cancelled') AND expected_completion_at < statement_timestamp()
  AND NOT EXISTS (
    SELECT
    FROM alerts
    WHERE alerts.subject_id = batches.batch_id::text AND alerts.kind = 'batch_late' AND alerts.status <> 'resolved')
ORDER BY expected_completion_at, batch_id
LIMIT $1
"""


async def raise_late(tx: Transaction, limit: int) -> int:
    """Opens an alert for each open batch that is past its time and has none open; returns for how many."""
    late = await tx.fetch(FIND_LATE, limit)
    if late:
        await raise_alerts(tx, [("batch_late", str(row["batch_id"]), _lateness(row)) for row in late], await tx.clock())
    return len(late)


def _lateness(row: Any) -> str:
    expected = rfc3339(row["expected_completion_at"])
    return f"{row['status']}: {row['quantity_planned']} {row['product_id']} were expected at {expected}"


RESOLVE_LATE = """
UPDATE alerts
SET status = 'resolved', resolved_at = clock_timestamp()
FROM (
    SELECT alert_id
    FROM alerts
    WHERE status <> 'resolved' AND kind = 'batch_late' AND NOT EXISTS (
        SELECT
        FROM batches
        WHERE batches.batch_id = alerts.subject_id::uuid
          AND batches.status NOT IN ('completed', 'failed', 'cancelled')
          AND batches.expected_completion_at < statement_timestamp())
    ORDER BY alert_id
    LIMIT $1
    FOR UPDATE
) AS settled
WHERE alerts.alert_id = settled.alert_id
RETURNING alerts.alert_id
"""


async def resolve_late(tx: Transaction, limit: int) -> int:
    """Closes the alerts of batches that have ended or have another time; returns of how many."""
    return len(await tx.fetch(RESOLVE_LATE, limit))
