"""Statements on alerts: one open of a kind and item."""

from collections.abc import Sequence
from datetime import datetime

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
"""


async def raise_(tx: Transaction, subjects: Sequence[tuple[str, str]], now: datetime) -> None:
    """Opens the alerts (item, kind) that are not open; the items must be locked."""
    ids = [tx.new_id() for _ in subjects]
    await tx.execute(RAISE_ALERTS, ids, [item_id for item_id, _ in subjects], [kind for _, kind in subjects], now)


async def resolve(tx: Transaction, subjects: Sequence[tuple[str, str]], now: datetime) -> None:
    """Closes the alerts (item, kind) that are open; the items must be locked."""
    await tx.execute(RESOLVE_ALERTS, [item_id for item_id, _ in subjects], [kind for _, kind in subjects], now)
