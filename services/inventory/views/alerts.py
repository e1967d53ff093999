"""Alerts as they are shown, newest first; what each is about is told as it is now."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from shared.contracts.values import rfc3339

LIST_ALERTS = """
SELECT alerts.alert_id, alerts.kind, coalesce(claims.kind, items.kind) AS subject_type,
       coalesce(alerts.claim_id::text, alerts.item_id) AS subject_id, items.name, alerts.status, claims.expires_at,
       stock.available, stock.queued, alerts.raised_at, alerts.acknowledged_at, alerts.acknowledged_by, alerts.note,
       alerts.resolved_at
FROM alerts
LEFT JOIN items ON items.id = alerts.item_id
LEFT JOIN stock ON stock.item_id = alerts.item_id
LEFT JOIN claims ON claims.id = alerts.claim_id
WHERE ($1::text IS NULL OR alerts.status = $1) AND ($2::text IS NULL OR alerts.kind = $2)
  AND ($3::uuid IS NULL OR alerts.alert_id < $3)
ORDER BY alerts.alert_id DESC
LIMIT $4
"""
READ_ALERTS = """
SELECT alerts.alert_id, alerts.kind, coalesce(claims.kind, items.kind) AS subject_type,
       coalesce(alerts.claim_id::text, alerts.item_id) AS subject_id, items.name, alerts.status, claims.expires_at,
       stock.available, stock.queued, alerts.raised_at, alerts.acknowledged_at, alerts.acknowledged_by, alerts.note,
       alerts.resolved_at
FROM alerts
LEFT JOIN items ON items.id = alerts.item_id
LEFT JOIN stock ON stock.item_id = alerts.item_id
LEFT JOIN claims ON claims.id = alerts.claim_id
WHERE alerts.alert_id = ANY($1::uuid[])
"""


async def list_alerts(
    reader: Any, status: str | None, kind: str | None, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """The alerts that pass the filters, older than `before`."""
    return [_body(row) for row in await reader.fetch(LIST_ALERTS, status, kind, before, limit)]


async def read_alerts(reader: Any, alert_ids: Sequence[UUID]) -> dict[str, dict[str, Any]]:
    """Those of these alerts that exist, by id."""
    return {str(row["alert_id"]): _body(row) for row in await reader.fetch(READ_ALERTS, list(alert_ids))}


def _body(row: Any) -> dict[str, Any]:
    return {
        "alert_id": str(row["alert_id"]),
        "kind": row["kind"],
        "subject_type": row["subject_type"],
        "subject_id": row["subject_id"],
        "name": row["name"] or f"{row['subject_type']} {row['subject_id']}",
        "status": row["status"],
        "detail": _detail(row),
        **{name: rfc3339(row[name]) if row[name] else None for name in ("raised_at", "acknowledged_at")},
        "acknowledged_by": row["acknowledged_by"],
        "note": row["note"],
        "resolved_at": rfc3339(row["resolved_at"]) if row["resolved_at"] else None,
    }


def _detail(row: Any) -> str:
    if row["kind"] == "hold_overdue":
        return f"confirmed, and was to be used by {rfc3339(row['expires_at'])}" if row["expires_at"] else "confirmed"
    if row["kind"] == "discrepancy":
        return "units left that the books did not have: count the item"
    return f"{row['available']} available, {row['queued']} waited for"
