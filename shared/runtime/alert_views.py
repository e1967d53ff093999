"""Alerts that say themselves what they are about, as they are shown, newest first."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.contracts.values import rfc3339

LIST_ALERTS = """
SELECT alert_id, kind, subject_type, subject_id, name, status, detail, raised_at, acknowledged_at, acknowledged_by,
    note, resolved_at
FROM alerts
WHERE ($1::text IS NULL OR status = $1) AND ($2::text IS NULL OR kind = $2) AND ($3::uuid IS NULL OR alert_id < $3)
ORDER BY alert_id DESC
LIMIT $4
"""
READ_ALERTS = """
SELECT alert_id, kind, subject_type, subject_id, name, status, detail, raised_at, acknowledged_at, acknowledged_by,
    note, resolved_at
FROM alerts
WHERE alert_id = ANY($1::uuid[])
"""


async def list_alerts(
    reader: Any, status: str | None, kind: str | None, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """The alerts that pass the filters, older than `before`."""
    return [_body(row) for row in await reader.fetch(LIST_ALERTS, status, kind, before, limit)]


async def read_alerts(reader: Any, alert_ids: Sequence[UUID]) -> dict[str, dict[str, Any]]:
    """Those of these alerts that exist, by id."""
    rows = await reader.fetch(READ_ALERTS, list(alert_ids))
    return {str(row["alert_id"]): _body(row) for row in rows}


def _body(row: Any) -> dict[str, Any]:
    times = ("raised_at", "acknowledged_at", "resolved_at")
    shown = {name: rfc3339(row[name]) if row[name] else None for name in times}
    return {**dict(row), "alert_id": str(row["alert_id"]), **shown}
