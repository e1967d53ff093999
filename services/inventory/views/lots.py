"""Lots as they are shown: one, and a page of them."""

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
WHERE ($1::text IS NULL OR item_id = $1)
  AND ($2::text IS NULL OR status = $2)
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
SELECT lot_id, item_id, kind, lot_code, supplier_lot, batch_id, quantity, status, total_cost, made, produced_on,
       expires_on
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
    unit = None if cost is None or made == 0 else (cost / made).quantize(MONEY)
    return {**told, "total_cost": _money(cost, currency), "unit_cost": _money(unit, currency)}


def _money(amount: Decimal | None, currency: str) -> dict[str, Any] | None:
    return None if amount is None else {"amount": amount, "currency": currency}
