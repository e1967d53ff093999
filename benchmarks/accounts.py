"""Accounts: every unit that was ordered was sold, shipped and written in the ledger, product by product."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

from benchmarks.orders import STOCK
from deploy.local.stack import Stack

SOLD: Final = "SELECT item_id AS id, -sum(quantity)::bigint AS units FROM ledger WHERE type = 'sale' GROUP BY item_id"
STOCK_LEFT: Final = "SELECT item_id AS id, current, reserved, held FROM stock"
SHIPPED: Final = "SELECT product_id AS id, sum(shipped)::bigint AS units FROM lines GROUP BY product_id"


@dataclass(frozen=True, slots=True)
class Units:
    """Units by product as three services' tables tell them."""

    sold: Mapping[str, int]
    shipped: Mapping[str, int]
    left: Mapping[str, int]
    promised: int


async def count_units(stack: Stack) -> Units:
    """What the tables say now."""
    sold = await _units(stack.postgres["inventory"], SOLD)
    shipped = await _units(stack.postgres["fulfillment"], SHIPPED)
    rows = await _rows(stack.postgres["inventory"], STOCK_LEFT)
    left = {row["id"]: row["current"] for row in rows}
    return Units(sold, shipped, left, sum(row["reserved"] + row["held"] for row in rows))


def deviations(ordered: Counter[str], before: Units, after: Units) -> list[str]:
    """What does not add up, one line each; empty if every unit is accounted for."""
    wrong = [f"{after.promised} units are still promised"] if after.promised else []
    for id in sorted(after.left):
        told = {
            "ordered": ordered[id],
            "sold in the ledger": after.sold.get(id, 0) - before.sold.get(id, 0),
            "shipped": after.shipped.get(id, 0) - before.shipped.get(id, 0),
            "gone from stock": before.left.get(id, STOCK) - after.left[id],
        }
        if len(set(told.values())) > 1:
            wrong.append(f"{id}: " + ", ".join(f"{what} {units}" for what, units in told.items()))
    return wrong


async def _units(dsn: str, sql: str) -> dict[str, int]:
    return {row["id"]: row["units"] for row in await _rows(dsn, sql)}


async def _rows(dsn: str, sql: str) -> list[Any]:
    connection: Any = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()
