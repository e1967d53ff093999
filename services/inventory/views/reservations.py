"""Reservations as they are shown: of an order, of a batch, of an item, or all."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from shared.runtime.database import fetch_planned

# The limit of the inner query makes Postgres go along the reservations and look each one's claim up.
READ_RESERVATIONS = """
SELECT shown.claim_id, shown.item_id, shown.kind, shown.want, shown.held, shown.backordered, shown.deducted,
       shown.cancelled, shown.short, shown.status, shown.priority, shown.accepted_at, shown.expires_at,
       shown.lots::text AS lots
FROM (
    SELECT reservations.claim_id, reservations.item_id, claims.kind, reservations.want, reservations.held,
           reservations.backordered, reservations.deducted, reservations.cancelled, reservations.short,
           reservations.priority, reservations.accepted_at, reservations.lots,
           CASE WHEN claims.status IN ('active', 'confirmed') THEN claims.expires_at END AS expires_at,
           CASE
               WHEN reservations.held + reservations.backordered > 0 AND claims.status = 'active' THEN 'active'
               WHEN reservations.held + reservations.backordered > 0 THEN 'confirmed'
               WHEN reservations.deducted > 0 THEN 'fulfilled'
               WHEN claims.status = 'expired' THEN 'expired'
               ELSE 'released'
           END AS status
    FROM reservations
    CROSS JOIN LATERAL (
        SELECT kind, status, expires_at FROM claims WHERE claims.id = reservations.claim_id LIMIT 1
    ) AS claims
    WHERE ($1::uuid IS NULL OR (reservations.claim_id = $1 AND claims.kind = 'order'))
      AND ($2::uuid IS NULL OR (reservations.claim_id = $2 AND claims.kind = 'batch'))
      AND ($3::text IS NULL OR reservations.item_id = $3)
      AND ($4::text IS NULL OR $4 NOT IN ('active', 'confirmed')
           OR reservations.held > 0 OR reservations.backordered > 0)
      AND ($5::uuid IS NULL OR (reservations.claim_id, reservations.item_id) < ($5, $6))
) AS shown
WHERE $4::text IS NULL OR shown.status = $4
ORDER BY shown.claim_id DESC, shown.item_id DESC
LIMIT $7
"""


READ_NAMED = "SELECT lot_id, lot_code, expires_on FROM lots WHERE lot_id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which reservations: of an order or a batch, of an item, in a status; None = all."""

    order_id: UUID | None = None
    batch_id: UUID | None = None
    item_id: str | None = None
    status: str | None = None


async def reservations_page(
    connection: Any, wanted: Wanted, after: tuple[UUID, str] | None, limit: int
) -> list[dict[str, Any]]:
    """Reservations, newest order or batch first."""
    claim_id, item_id = after or (None, None)
    asked = (wanted.order_id, wanted.batch_id, wanted.item_id, wanted.status)
    rows = await fetch_planned(connection, READ_RESERVATIONS, *asked, claim_id, item_id, limit)
    shares = [json.loads(row["lots"] or "[]") for row in rows]
    lot_ids = sorted({lot_id for of_row in shares for lot_id, _, _ in of_row})
    named = {str(row["lot_id"]): row for row in await connection.fetch(READ_NAMED, lot_ids)} if lot_ids else {}
    return [_reservation(row, _lots(of_row, named)) for row, of_row in zip(rows, shares, strict=True)]


def _lots(shares: Sequence[Sequence[Any]], named: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the line is promised by name, and got."""
    told = [{**named[lot_id], "quantity": pinned + gone} for lot_id, pinned, gone in shares if lot_id in named]
    return sorted(told, key=lambda lot: (lot["expires_on"] or date.max, lot["lot_id"]))


def _reservation(row: Any, lots: list[dict[str, Any]]) -> dict[str, Any]:
    fields = ("item_id", "want", "held", "backordered", "deducted", "cancelled", "short", "status", "priority")
    return {
        f"{row['kind']}_id": row["claim_id"],
        **{name: row[name] for name in fields},
        "accepted_at": row["accepted_at"],
        "expires_at": row["expires_at"],
        "lots": lots,
    }
