"""Lots as they are shown: one, and a page of them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from services.inventory.domain.lots import MONEY
from shared.runtime.database import fetch_planned

LAST: Final = UUID(int=2**128 - 1)

READ_LOTS = """
SELECT lot_id, item_id, kind, lot_code, supplier_lot, batch_id, quantity, status, pending AS pending_quantity,
       pinned AS promised_quantity, total_cost, made, produced_on, expires_on, sell_by
FROM lots
WHERE ($1::text IS NULL OR item_id = $1)
  AND ($2::text IS NULL
       OR $2 = CASE
           WHEN status = 'available' AND quantity > 0 AND pending = quantity THEN 'pending_count'
           ELSE status
       END)
  AND lot_id < $3
ORDER BY lot_id DESC
LIMIT $4
"""


async def lots_page(
    connection: Any, item_id: str | None, status: str | None, before: UUID | None, limit: int, currency: str
) -> list[dict[str, Any]]:
    """The newest lots before one, of an item and in a status if told."""
    rows = await fetch_planned(connection, READ_LOTS, item_id, status, before or LAST, limit)
    return [_lot(row, currency) for row in rows]


READ_LOT = """
SELECT lot_id, item_id, kind, lot_code, supplier_lot, batch_id, quantity, status, pending AS pending_quantity,
       pinned AS promised_quantity, total_cost, made, produced_on, expires_on, sell_by
FROM lots
WHERE lot_id = $1
"""


async def read_lot(connection: Any, lot_id: UUID, currency: str) -> dict[str, Any] | None:
    """The lot of that id."""
    row = await connection.fetchrow(READ_LOT, lot_id)
    return None if row is None else _lot(row, currency)


def _lot(row: Any, currency: str) -> dict[str, Any]:
    told = dict(row)
    made, cost = told.pop("made"), told.pop("total_cost")
    if told["status"] == "available" and 0 < told["quantity"] == told["pending_quantity"]:
        told["status"] = "pending_count"
    unit = None if cost is None or made == 0 else (cost / made).quantize(MONEY)
    return {**told, "total_cost": _money(cost, currency), "unit_cost": _money(unit, currency)}


def _money(amount: Decimal | None, currency: str) -> dict[str, Any] | None:
    return None if amount is None else {"amount": amount, "currency": currency}


READ_PARCELS = """
SELECT moved.lot_id, moved.item_id, moved.reference_id AS order_id, moved.shipment_id, parcel.customer_id,
       -sum(moved.quantity)::bigint AS quantity
FROM lot_movements AS moved
LEFT JOIN shipments_deducted AS parcel ON parcel.shipment_id = moved.shipment_id
WHERE moved.lot_id = ANY($1::uuid[]) AND moved.type = 'sale'
GROUP BY moved.lot_id, moved.item_id, moved.reference_id, moved.shipment_id, parcel.customer_id
ORDER BY moved.lot_id, moved.reference_id, moved.shipment_id
LIMIT $2
"""


async def parcels_of(connection: Any, lot_ids: Sequence[UUID], limit: int) -> list[dict[str, Any]]:
    """The parcels, orders and customers that got units of these lots, up to so many."""
    return [dict(row) for row in await connection.fetch(READ_PARCELS, lot_ids, limit)]
