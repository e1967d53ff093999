"""The figures of stock: sums by item and day, counts, and alerts that ended."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from shared.runtime.kpis import Figure, Figures, Window

READ_SHELVES = """
WITH spans AS (
    SELECT of_item.day, of_item.sold, of_item.closing_current, of_item.closing_available, of_item.was_out,
        greatest(of_item.day, $1) AS begins,
        lead(of_item.day, 1, $3) OVER (PARTITION BY items.id ORDER BY of_item.day) AS ends, items.active
    FROM items
    CROSS JOIN LATERAL (
        (SELECT day, 0 AS sold, closing_current, closing_available, was_out
         FROM item_days
         WHERE item_days.item_id = items.id AND item_days.day < $1
         ORDER BY day DESC
         LIMIT 1)
        UNION ALL
        SELECT day, sold, closing_current, closing_available, was_out
        FROM item_days
        WHERE item_days.item_id = items.id AND item_days.day >= $1 AND item_days.day < $2
    ) AS of_item
    WHERE items.kind = 'product'
)
SELECT coalesce(sum(sold), 0)::bigint AS sold,
    coalesce(sum(closing_current * greatest(0, ends - begins)), 0)::bigint AS unit_days,
    coalesce(sum(greatest(0, ends - begins)) FILTER (WHERE active), 0)::bigint AS product_days,
    coalesce(sum(CASE WHEN closing_available = 0 THEN greatest(0, ends - begins)
                      ELSE (was_out AND day >= $1)::integer END) FILTER (WHERE active), 0)::bigint AS days_out,
    (SELECT least(first.day, $3) FROM item_days AS first ORDER BY first.day LIMIT 1) AS first_day
FROM spans
"""
READ_COUNTS = """
SELECT coalesce(sum(least(expected, counted)), 0)::bigint AS agreed,
    coalesce(sum(greatest(expected, counted)), 0)::bigint AS known, count(*) AS counts
FROM counts
WHERE at >= $1 AND at < $2
"""
READ_RESTOCKED = """
SELECT coalesce(sum(floor(extract(epoch FROM resolved_at - raised_at))), 0)::bigint AS seconds, count(*) AS alerts
FROM alerts
WHERE kind = 'low_stock' AND status = 'resolved' AND resolved_at >= $1 AND resolved_at < $2
  AND EXISTS (
      SELECT FROM lots
      WHERE lots.item_id = alerts.item_id AND lots.kind IN ('receipt', 'batch')
        AND lots.made_at > alerts.raised_at AND lots.made_at <= alerts.resolved_at)
"""
READ_AS_OF = """
SELECT min(entry.at)
FROM stock
LEFT JOIN item_sums ON item_sums.item_id = stock.item_id
CROSS JOIN LATERAL (
    SELECT ledger.at
    FROM ledger
    WHERE ledger.item_id = stock.item_id AND ledger.version > coalesce(item_sums.version, 0)
      AND ledger.at >= coalesce(item_sums.at, '-infinity') - interval '1 day'
    ORDER BY ledger.version
    LIMIT 1
) AS entry
WHERE stock.version > coalesce(item_sums.version, 0)
"""


async def read_figures(connection: Any, window: Window, now: datetime) -> Figures:
    """The four figures of stock; days after today have no stock yet."""
    as_of = await sums_as_of(connection, now)
    until = min(window.until, now.astimezone(UTC).date() + timedelta(days=1))
    shelves = await connection.fetchrow(READ_SHELVES, window.since, window.until, until)
    counts = await connection.fetchrow(READ_COUNTS, *window.moments)
    restocked = await connection.fetchrow(READ_RESTOCKED, *window.moments)
    days = 0 if shelves["first_day"] is None else (until - max(window.since, shelves["first_day"])).days
    return Figures(
        as_of,
        (
            Figure("stock_turnover", "times", shelves["sold"], _mean(shelves["unit_days"], days)),
            Figure("stock_accuracy", "ratio", counts["agreed"], counts["known"], {"counts": counts["counts"]}),
            Figure("reorder_efficiency", "seconds", restocked["seconds"], restocked["alerts"]),
            Figure("stockout_frequency", "ratio", shelves["days_out"], shelves["product_days"]),
        ),
    )


def _mean(unit_days: int, days: int) -> Decimal:
    """Units on the shelf on a day, to four decimals."""
    return Decimal((unit_days * 20_000 + days) // (2 * days)).scaleb(-4) if days > 0 else Decimal(0)


async def sums_as_of(connection: Any, now: datetime) -> datetime:
    """The moment up to which the sums know the ledger; asked before they are read."""
    oldest: datetime | None = await connection.fetchval(READ_AS_OF)
    return now if oldest is None else min(oldest, now)
