"""Alerts about orders: one open of a kind and order."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from shared.runtime.transaction import Transaction

RAISE_STUCK = """
INSERT INTO alerts (alert_id, kind, subject_type, subject_id, name, detail, status, raised_at)
SELECT alert_id, 'saga_stuck', 'order', order_id, 'order ' || order_id, detail, 'raised', $4
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS stuck (alert_id, order_id, detail)
ORDER BY order_id
ON CONFLICT (subject_id, kind) WHERE status <> 'resolved' DO NOTHING
"""


async def raise_stuck(tx: Transaction, stuck: Sequence[tuple[str, str]], now: datetime) -> None:
    """Opens an alert for each (order, detail) that has none open."""
    ids = [tx.new_id() for _ in stuck]
    await tx.execute(RAISE_STUCK, ids, [order_id for order_id, _ in stuck], [detail for _, detail in stuck], now)


RESOLVE_STUCK = """
UPDATE alerts
SET status = 'resolved', resolved_at = $2
WHERE subject_id = ANY($1::text[]) AND kind = 'saga_stuck' AND status <> 'resolved'
  AND NOT EXISTS (SELECT FROM questions WHERE questions.order_id = subject_id::uuid AND attempts >= 2)
"""


async def resolve_stuck(tx: Transaction, order_ids: Sequence[str], now: datetime) -> None:
    """Closes the alerts of those orders, locked before, that wait for nobody any more."""
    await tx.execute(RESOLVE_STUCK, list(order_ids), now)


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
    columns = (list(column) for column in zip(*seen, strict=True))
    await tx.execute(ACKNOWLEDGE_ALERTS, *columns)
