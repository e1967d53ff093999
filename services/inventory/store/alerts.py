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


ACKNOWLEDGE_ALERTS = """
WITH named AS (
    SELECT alerts.alert_id, seen.actor, seen.note
    FROM alerts
    JOIN unnest($1::uuid[], $2::text[], $3::text[]) AS seen (alert_id, actor, note) ON seen.alert_id = alerts.alert_id
    ORDER BY alerts.alert_id
    FOR UPDATE OF alerts
)
UPDATE alerts
SET status = 'acknowledged', acknowledged_at = clock_timestamp(), acknowledged_by = named.actor, note = named.note
FROM named
WHERE alerts.alert_id = named.alert_id AND alerts.status = 'raised'
"""


async def acknowledge_alerts(tx: Transaction, seen: Sequence[tuple[UUID, str, str | None]]) -> None:
    """Notes who has seen each (alert, actor, note); one that is not merely raised stays as it is."""
    await tx.execute(ACKNOWLEDGE_ALERTS, *(list(column) for column in zip(*seen, strict=True)))


COUNT_OPEN_ALERTS = "SELECT kind, count(*) AS open FROM alerts WHERE status <> 'resolved' GROUP BY kind"


async def count_open_alerts(tx: Transaction) -> dict[str, int]:
    """Alerts that are not resolved, by kind."""
    return {row["kind"]: row["open"] for row in await tx.fetch(COUNT_OPEN_ALERTS)}
