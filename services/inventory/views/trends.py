"""Sales and stock by day, and for how long what is there lasts."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any, Final

from services.inventory.views.figures import sums_as_of
from shared.runtime.kpis import Window

COVER_DAYS: Final = 28
"""Today and the days before, over which what leaves is averaged."""

READ_MOVED = """
WITH moved AS (
    SELECT of_item.day, of_item.sold, of_item.used, of_item.received,
        of_item.closing_current - lag(of_item.closing_current, 1, 0) OVER days AS current,
        of_item.closing_available - lag(of_item.closing_available, 1, 0) OVER days AS available
    FROM items
    CROSS JOIN LATERAL (
        (SELECT day, 0 AS sold, 0 AS used, 0 AS received, closing_current, closing_available
         FROM item_days
         WHERE item_days.item_id = items.id AND item_days.day < $1
         ORDER BY day DESC
         LIMIT 1)
        UNION ALL
        SELECT day, sold, used, received, closing_current, closing_available
        FROM item_days
        WHERE item_days.item_id = items.id AND item_days.day >= $1 AND item_days.day < $2
    ) AS of_item
    WHERE CASE WHEN $3::text IS NULL THEN items.kind = 'product' ELSE items.id = $3 END
    WINDOW days AS (PARTITION BY items.id ORDER BY of_item.day)
)
SELECT greatest(day, $1 - 1) AS day, sum(sold)::bigint AS sold, sum(used)::bigint AS used,
    sum(received)::bigint AS received, sum(current)::bigint AS current, sum(available)::bigint AS available
FROM moved
GROUP BY greatest(day, $1 - 1)
ORDER BY 1
"""
READ_COVER = """
SELECT items.id, items.kind, items.name, items.unit, items.min_stock_level, items.reorder_point, items.lead_days,
    stock.available, began.day AS first_day,
    ARRAY[coalesce(outgoing.first, 0), coalesce(outgoing.second, 0), coalesce(outgoing.third, 0),
          coalesce(outgoing.fourth, 0)]::bigint[] AS weeks
FROM items
JOIN stock ON stock.item_id = items.id
LEFT JOIN LATERAL (
    SELECT sum(sold + used) FILTER (WHERE day > $1::date - 7) AS first,
        sum(sold + used) FILTER (WHERE day > $1::date - 14 AND day <= $1::date - 7) AS second,
        sum(sold + used) FILTER (WHERE day > $1::date - 21 AND day <= $1::date - 14) AS third,
        sum(sold + used) FILTER (WHERE day <= $1::date - 21) AS fourth
    FROM item_days
    WHERE item_days.item_id = items.id AND day > $1::date - 28 AND day <= $1::date
) AS outgoing ON true
LEFT JOIN LATERAL (
    SELECT day FROM item_days WHERE item_days.item_id = items.id ORDER BY day LIMIT 1
) AS began ON true
WHERE items.active AND items.id > $2 AND ($3::text IS NULL OR items.id = $3)
ORDER BY items.id
LIMIT $4
"""


async def read_trends(connection: Any, window: Window, item_id: str | None, now: datetime) -> dict[str, Any]:
    """Every day of the window up to today: of one item, or of all products together."""
    as_of = await sums_as_of(connection, now)
    rows = {row["day"]: row for row in await connection.fetch(READ_MOVED, window.since, window.until, item_id)}
    until = min(window.until, now.astimezone(UTC).date() + timedelta(days=1))
    before = rows.get(window.since - timedelta(days=1))
    current, available = (before["current"], before["available"]) if before else (0, 0)
    days = []
    for number in range(max(0, (until - window.since).days)):
        day = window.since + timedelta(days=number)
        row = rows.get(day)
        current, available = (current + row["current"], available + row["available"]) if row else (current, available)
        days.append({"day": day, **_flows(row), "current": current, "available": available})
    return {"as_of": as_of, "item_id": item_id, "days": days}


def _flows(row: Any) -> dict[str, int]:
    return {name: row[name] if row else 0 for name in ("sold", "used", "received")}


async def read_cover(
    connection: Any, after: str, item_id: str | None, limit: int, now: datetime
) -> list[dict[str, Any]]:
    """Active items after an id, each with what left in the last four weeks and how long the rest lasts."""
    today = now.astimezone(UTC).date()
    return [_cover(row, today) for row in await connection.fetch(READ_COVER, today, after, item_id, limit)]


def _cover(row: Any, today: date) -> dict[str, Any]:
    days = min(COVER_DAYS, (today - row["first_day"]).days + 1) if row["first_day"] else 0
    outgoing = max(0, sum(row["weeks"]))
    return {
        "item_id": row["id"],
        "item_kind": row["kind"],
        "name": row["name"],
        "unit": row["unit"],
        "available_stock": row["available"],
        "min_stock_level": row["min_stock_level"],
        "reorder_point": row["reorder_point"],
        "lead_days": row["lead_days"],
        "weeks": [
            {
                "from": today - timedelta(days=7 * week + 6),
                "to": today - timedelta(days=7 * week - 1),
                "outgoing": units,
            }
            for week, units in enumerate(row["weeks"])
        ],
        "outgoing_per_day": _quotient(outgoing, days),
        "days_of_cover": _quotient(row["available"] * days, outgoing),
        "reorder_point_days": _quotient(row["reorder_point"] * days, outgoing),
    }


def _quotient(numerator: int, denominator: int) -> Decimal | None:
    """To four decimals, half up; None where there is nothing to divide by."""
    if not denominator:
        return None
    return Decimal(floor(Fraction(numerator * 10_000, denominator) + Fraction(1, 2))).scaleb(-4)
