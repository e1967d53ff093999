"""The figures of orders, from the sums by day."""

from datetime import datetime
from typing import Any

from shared.runtime.kpis import Figure, Figures, Window

READ_SUMS = """
SELECT coalesce((SELECT touched_at FROM orders_touched ORDER BY place LIMIT 1), $3::timestamptz) AS as_of,
    coalesce(sum(due_left_on_time), 0)::bigint AS left_on_time,
    coalesce(sum(due), 0)::bigint
        - coalesce(sum(due_open) FILTER (WHERE day >= ($3::timestamptz AT TIME ZONE 'UTC')::date), 0)::bigint AS due,
    coalesce(sum(shipped), 0)::bigint AS shipped, coalesce(sum(released), 0)::bigint AS released,
    coalesce(sum(expired), 0)::bigint AS expired,
    coalesce(sum(arrived), 0)::bigint AS arrived, coalesce(sum(arrived_due), 0)::bigint AS arrived_due,
    coalesce(sum(arrived_on_time), 0)::bigint AS arrived_on_time,
    coalesce(sum(arrived_seconds), 0)::bigint AS arrived_seconds
FROM order_days
WHERE day >= $1 AND day < $2
"""


async def read_figures(connection: Any, window: Window, now: datetime) -> Figures:
    """The four figures of orders; `now` tells which promised days are over."""
    row = await connection.fetchrow(READ_SUMS, window.since, window.until, now)
    ended = {name: row[name] for name in ("shipped", "released", "expired")}
    return Figures(
        row["as_of"],
        (
            Figure("fulfillment_rate", "ratio", row["left_on_time"], row["due"]),
            Figure("reservation_accuracy", "ratio", row["shipped"], sum(ended.values()), ended),
            Figure("delivery_performance", "ratio", row["arrived_on_time"], row["arrived_due"]),
            Figure("order_to_delivery", "seconds", row["arrived_seconds"], row["arrived"]),
        ),
    )
