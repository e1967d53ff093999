"""Alerts about orders: one open of a kind and order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from shared.runtime.transaction import Transaction

Kind = Literal["saga_stuck", "promise_missed"]

RAISE_ALERTS = """
INSERT INTO alerts (alert_id, kind, subject_type, subject_id, name, detail, status, raised_at)
SELECT alert_id, $5, 'order', order_id, 'order ' || order_id, detail, 'raised', $4
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS about (alert_id, order_id, detail)
ORDER BY order_id
ON CONFLICT (subject_id, kind) WHERE status <> 'resolved' DO NOTHING
"""


async def raise_alerts(tx: Transaction, kind: Kind, about: Sequence[tuple[str, str]], now: datetime) -> None:
    """Opens an alert of that kind for each (order, detail) that has none open."""
    ids = [tx.new_id() for _ in about]
    details = [detail for _, detail in about]
    await tx.execute(RAISE_ALERTS, ids, [order_id for order_id, _ in about], details, now, kind)


RESOLVE_STUCK = """
UPDATE alerts
SET status = 'resolved', resolved_at = $2
WHERE subject_id = ANY($1::text[]) AND kind = 'saga_stuck' AND status <> 'resolved'
  AND NOT EXISTS (SELECT FROM questions WHERE questions.order_id = subject_id::uuid AND attempts >= 2)
"""


async def resolve_stuck(tx: Transaction, order_ids: Sequence[str], now: datetime) -> None:
    """Closes the alerts of those orders, locked before, that wait for nobody any more."""
    await tx.execute(RESOLVE_STUCK, list(order_ids), now)


RESOLVE_KEPT = """
UPDATE alerts
SET status = 'resolved', resolved_at = clock_timestamp()
FROM (
    SELECT alert_id FROM alerts
    WHERE kind = 'promise_missed' AND status <> 'resolved' AND NOT EXISTS (
        SELECT FROM order_promises
        WHERE order_id = subject_id::uuid AND open AND promised_on < (clock_timestamp() AT TIME ZONE 'UTC')::date)
    ORDER BY alert_id
    LIMIT $1
    FOR UPDATE
) AS kept
WHERE alerts.alert_id = kept.alert_id
RETURNING alerts.alert_id
"""


async def resolve_kept(tx: Transaction, limit: int) -> int:
    """Closes the alerts of missed promises whose orders ended or have a later promise; returns how many."""
    return len(await tx.fetch(RESOLVE_KEPT, limit))
