"""Demand by day: what was asked for, whether or not it could be had."""

from datetime import datetime, timedelta
from typing import Any

from shared.runtime.kpis import Window

READ_DEMAND = """
SELECT day, ordered, orders FROM demand_days WHERE product_id = $3 AND day >= $1 AND day < $2 ORDER BY day
"""
READ_ALL_DEMAND = """
SELECT day, sum(ordered)::bigint AS ordered, sum(orders)::bigint AS orders
FROM (
    SELECT day, ordered, 0::bigint AS orders FROM demand_days WHERE day >= $1 AND day < $2
    UNION ALL
    SELECT day, 0::bigint, orders FROM order_days WHERE day >= $1 AND day < $2
) AS found
GROUP BY day
ORDER BY day
"""
READ_WANTED = """
SELECT wanted.product_id, items.name, wanted.ordered, wanted.orders
FROM (
    SELECT product_id, sum(ordered)::bigint AS ordered, sum(orders)::bigint AS orders
    FROM demand_days
    WHERE day >= $1 AND day < $2 AND ($3::text IS NULL OR product_id = $3)
    GROUP BY product_id
    ORDER BY ordered DESC, product_id
    LIMIT $4
) AS wanted
LEFT JOIN items ON items.item_id = wanted.product_id
ORDER BY wanted.ordered DESC, wanted.product_id
"""
READ_OLDEST = "SELECT touched_at FROM orders_touched ORDER BY place LIMIT 1"


async def read_trends(
    connection: Any, window: Window, product_id: str | None, products_max: int, now: datetime
) -> dict[str, Any]:
    """Every day of the window, and the products that were asked for most; of one product or of all."""
    oldest = await connection.fetchval(READ_OLDEST)
    days = (window.since, window.until)
    if product_id is None:
        rows = await connection.fetch(READ_ALL_DEMAND, *days)
    else:
        rows = await connection.fetch(READ_DEMAND, *days, product_id)
    wanted = await connection.fetch(READ_WANTED, *days, product_id, products_max)
    found = {row["day"]: row for row in rows}
    return {
        "as_of": oldest or now,
        "product_id": product_id,
        "days": [_day(window, number, found) for number in range(window.days)],
        "products": [dict(row) for row in wanted],
    }


def _day(window: Window, number: int, found: dict[Any, Any]) -> dict[str, Any]:
    day = window.since + timedelta(days=number)
    row = found.get(day, {"ordered": 0, "orders": 0})
    return {"day": day, "orders": row["orders"], "ordered": row["ordered"]}
