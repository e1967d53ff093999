"""What is done to alerts in every service that raises some: seen by somebody, counted; the columns are the same."""

from collections.abc import Sequence
from uuid import UUID

from shared.runtime.transaction import Transaction

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
