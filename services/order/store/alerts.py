"""Alerts about orders: one open of a kind and order."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

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


COUNT_OPEN_ALERTS = "SELECT kind, count(*) AS open FROM alerts WHERE status <> 'resolved' GROUP BY kind"


async def count_open_alerts(tx: Transaction) -> dict[str, int]:
    """Alerts that are not resolved, by kind."""
    return {row["kind"]: row["open"] for row in await tx.fetch(COUNT_OPEN_ALERTS)}
