"""Lots as they are shown: one, a page of them, and where their units came from and went."""

from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from services.inventory.domain.levels import MONEY
from shared.runtime.database import fetch_planned

LAST: Final = UUID(int=2**128 - 1)

READ_LOTS = """
SELECT lot_id, item_id, kind, lot_code, supplier_lot, batch_id, quantity, status, total_cost, made, produced_on,
       expires_on
FROM lots
WHERE ($1::uuid IS NULL OR lot_id = $1)
  AND ($2::text IS NULL OR item_id = $2)
  AND ($3::text IS NULL OR status = $3)
  AND lot_id < $4
ORDER BY lot_id DESC
LIMIT $5
"""


async def lots_page(
    connection: Any, item_id: str | None, status: str | None, before: UUID | None, limit: int, currency: str
) -> list[dict[str, Any]]:
    """The newest lots before one, of an item and in a status if told."""
    rows = await fetch_planned(connection, READ_LOTS, None, item_id, status, before or LAST, limit)
    return [_lot(row, currency) for row in rows]


async def read_lot(connection: Any, lot_id: UUID, currency: str) -> dict[str, Any] | None:
    """The lot of that id."""
    rows = await fetch_planned(connection, READ_LOTS, lot_id, None, None, LAST, 1)
    return _lot(rows[0], currency) if rows else None


def _lot(row: Any, currency: str) -> dict[str, Any]:
    told = dict(row)
    made, cost = told.pop("made"), told.pop("total_cost")
    unit = None if cost is None or made == 0 else (cost / made).quantize(MONEY)
    return {**told, "total_cost": _money(cost, currency), "unit_cost": _money(unit, currency)}


def _money(amount: Decimal | None, currency: str) -> dict[str, Any] | None:
    return None if amount is None else {"amount": amount, "currency": currency}


# Both ways go from lot to lot over the batches that used the one and made the other; a lot is entered once, and none
# over a batch that gave back all that it had of it.
TRACE_BACK = """
WITH RECURSIVE origins (lot_id) AS (
    SELECT $1::uuid
    UNION
    SELECT used.lot_id
    FROM origins
    JOIN lots AS made ON made.lot_id = origins.lot_id
    CROSS JOIN LATERAL (
        SELECT lot_id
        FROM lot_movements
        WHERE reference_id = made.batch_id::text AND type IN ('material_issue', 'material_return')
        GROUP BY lot_id
        HAVING sum(quantity) < 0
    ) AS used
)
SELECT used.lot_id, lots.item_id, lots.supplier_lot, made.batch_id, -sum(used.quantity)::bigint AS quantity
FROM origins
JOIN lots AS made ON made.lot_id = origins.lot_id
JOIN lot_movements AS used
    ON used.reference_id = made.batch_id::text AND used.type IN ('material_issue', 'material_return')
JOIN lots ON lots.lot_id = used.lot_id
GROUP BY used.lot_id, lots.item_id, lots.supplier_lot, made.batch_id
HAVING sum(used.quantity) < 0
ORDER BY made.batch_id, used.lot_id
"""
TRACE_ON = """
WITH RECURSIVE uses (lot_id) AS (
    SELECT $1::uuid
    UNION
    SELECT made.lot_id
    FROM uses
    CROSS JOIN LATERAL (
        SELECT reference_id
        FROM lot_movements
        WHERE lot_id = uses.lot_id AND type IN ('material_issue', 'material_return')
        GROUP BY reference_id
        HAVING sum(quantity) < 0
    ) AS used
    JOIN lots AS made ON made.batch_id = used.reference_id::uuid
)
SELECT CASE WHEN moved.reference_type = 'batch' THEN moved.reference_id END AS batch_id, moved.lot_id,
       CASE WHEN moved.reference_type = 'order' THEN moved.reference_id END AS order_id, moved.shipment_id,
       parcel.customer_id, -sum(moved.quantity)::bigint AS quantity
FROM uses
JOIN lot_movements AS moved
    ON moved.lot_id = uses.lot_id AND moved.type IN ('material_issue', 'material_return', 'sale')
LEFT JOIN shipments_deducted AS parcel ON parcel.shipment_id = moved.shipment_id
GROUP BY moved.reference_type, moved.reference_id, moved.lot_id, moved.shipment_id, parcel.customer_id
HAVING sum(moved.quantity) < 0
ORDER BY moved.lot_id, moved.reference_type, moved.reference_id, moved.shipment_id
"""


async def trace(connection: Any, lot_id: UUID, currency: str) -> dict[str, Any] | None:
    """Where a lot's units came from, and the batches, parcels and customers that got them."""
    lot = await read_lot(connection, lot_id, currency)
    if lot is None:
        return None
    backward = [dict(row) for row in await connection.fetch(TRACE_BACK, lot_id)]
    forward = [dict(row) for row in await connection.fetch(TRACE_ON, lot_id)]
    return {"lot": lot, "backward": backward, "forward": forward}
