"""Statements on alerts: one open of a kind and item, and one of a hold."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shared.runtime.transaction import Transaction

RAISE_ALERTS = """
INSERT INTO alerts (alert_id, item_id, kind, status, raised_at)
SELECT alert_id, item_id, kind, 'raised', $4
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS alert (alert_id, item_id, kind)
ORDER BY item_id, kind
ON CONFLICT (item_id, kind) WHERE status <> 'resolved' DO NOTHING
"""

RESOLVE_ALERTS = """
UPDATE alerts
SET status = 'resolved', resolved_at = $3
FROM unnest($1::text[], $2::text[]) AS alert (item_id, kind)
WHERE alerts.item_id = alert.item_id AND alerts.kind = alert.kind AND alerts.status <> 'resolved'
RETURNING alerts.item_id, alerts.kind, alerts.alert_id
"""


async def raise_(tx: Transaction, subjects: Sequence[tuple[str, str]], now: datetime) -> None:
    """Opens the alerts (item, kind) that are not open; the items must be locked."""
    ids = [tx.new_id() for _ in subjects]
    await tx.execute(RAISE_ALERTS, ids, [item_id for item_id, _ in subjects], [kind for _, kind in subjects], now)


async def resolve(tx: Transaction, subjects: Sequence[tuple[str, str]], now: datetime) -> dict[tuple[str, str], UUID]:
    """Closes the alerts (item, kind) that are open, and returns them; the items must be locked."""
    rows = await tx.fetch(RESOLVE_ALERTS, [item_id for item_id, _ in subjects], [kind for _, kind in subjects], now)
    return {(row["item_id"], row["kind"]): row["alert_id"] for row in rows}


FIND_OVERDUE = """
SELECT claims.id
FROM claims
WHERE claims.status = 'confirmed' AND claims.expires_at <= statement_timestamp()
  AND NOT EXISTS (SELECT FROM alerts WHERE alerts.claim_id = claims.id AND alerts.status <> 'resolved')
  AND EXISTS (SELECT FROM reservations WHERE reservations.claim_id = claims.id AND reservations.held > 0)
ORDER BY claims.expires_at, claims.id
LIMIT $1
"""

RAISE_OVERDUE = """
INSERT INTO alerts (alert_id, claim_id, kind, status, raised_at)
SELECT alert_id, claim_id, 'hold_overdue', 'raised', clock_timestamp()
FROM unnest($1::uuid[], $2::uuid[]) AS overdue (alert_id, claim_id)
ORDER BY claim_id
ON CONFLICT (claim_id) WHERE status <> 'resolved' AND claim_id IS NOT NULL DO NOTHING
"""

RESOLVE_OVERDUE = """
UPDATE alerts
SET status = 'resolved', resolved_at = clock_timestamp()
FROM (
    SELECT alert_id FROM alerts
    WHERE status <> 'resolved' AND claim_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM claims
        JOIN reservations ON reservations.claim_id = claims.id AND reservations.held > 0
        WHERE claims.id = alerts.claim_id AND claims.status = 'confirmed'
          AND claims.expires_at <= statement_timestamp())
    ORDER BY alert_id
    LIMIT $1
    FOR UPDATE
) AS settled
WHERE alerts.alert_id = settled.alert_id
RETURNING alerts.alert_id
"""


async def raise_overdue(tx: Transaction, limit: int) -> int:
    """Opens an alert for each hold that is past its date and has none open; returns for how many."""
    claim_ids = [row["id"] for row in await tx.fetch(FIND_OVERDUE, limit)]
    if claim_ids:
        await tx.execute(RAISE_OVERDUE, [tx.new_id() for _ in claim_ids], claim_ids)
    return len(claim_ids)


async def resolve_overdue(tx: Transaction, limit: int) -> int:
    """Closes the alerts of holds that ended or have another date; returns of how many."""
    return len(await tx.fetch(RESOLVE_OVERDUE, limit))
