"""Sums by day: each touched order moves them by what it is now, less what they knew of it."""

from collections.abc import Sequence
from uuid import UUID

from shared.runtime.transaction import Transaction

TAKE_TOUCHED = """
WITH taken AS (
    DELETE FROM orders_touched
    WHERE place IN (SELECT place FROM orders_touched ORDER BY place LIMIT $1)
    RETURNING order_ids
)
SELECT order_ids FROM taken
"""


async def take_touched(tx: Transaction, limit: int) -> tuple[int, list[UUID]]:
    """How many notes were taken, the oldest first, and the orders that they name, each once."""
    rows = await tx.fetch(TAKE_TOUCHED, limit)
    return len(rows), sorted({order_id for row in rows for order_id in row["order_ids"]})


FOLD_ORDERS = """
WITH units AS (
    SELECT order_id, sum(shipped)::bigint AS shipped,
        sum(greatest(0, least(cancelled, quantity - shipped)))::bigint AS released,
        sum(greatest(0, quantity - shipped - cancelled))::bigint AS open
    FROM order_lines
    WHERE order_id = ANY($1::uuid[])
    GROUP BY order_id
), parcels AS (
    SELECT order_id, max(shipped_at) AS left_at, max(delivered_at) AS delivered_at,
        bool_and(shipped_at IS NOT NULL AND delivered_at IS NOT NULL) AS all_delivered
    FROM order_shipments
    WHERE order_id = ANY($1::uuid[])
    GROUP BY order_id
), promised AS (
    SELECT order_id, promised_on FROM order_promises WHERE order_id = ANY($1::uuid[]) AND number = 1
), known AS (
    SELECT orders.order_id, orders.status, orders.rejection ->> 'reason' AS refused_for,
        date_trunc('milliseconds', orders.accepted_at) AS accepted_at,
        CASE WHEN orders.status = 'rejected' THEN 0 ELSE units.shipped END AS shipped,
        CASE WHEN orders.status = 'rejected' THEN 0 ELSE units.released END AS released,
        CASE WHEN orders.status = 'expired' THEN units.open ELSE 0 END AS expired,
        orders.status = 'fulfilled' AND parcels.left_at IS NOT NULL AS has_left,
        orders.status = 'fulfilled' AND coalesce(parcels.all_delivered, false) AS has_arrived,
        orders.status IN ('cancelled', 'rejected', 'expired') AS withdrawn,
        (parcels.left_at AT TIME ZONE 'UTC')::date <= promised.promised_on AS left_in_time,
        (parcels.delivered_at AT TIME ZONE 'UTC')::date <= promised.promised_on AS arrived_in_time,
        parcels.delivered_at, promised.promised_on
    FROM orders
    LEFT JOIN units USING (order_id)
    LEFT JOIN parcels USING (order_id)
    LEFT JOIN promised USING (order_id)
    WHERE orders.order_id = ANY($1::uuid[])
), judged AS (
    SELECT order_id, (accepted_at AT TIME ZONE 'UTC')::date AS accepted_on,
        status <> 'rejected' OR refused_for = 'insufficient_stock' AS demanded,
        coalesce(shipped, 0) AS shipped, coalesce(released, 0) AS released, coalesce(expired, 0) AS expired,
        CASE WHEN NOT withdrawn THEN promised_on END AS due_on,
        CASE WHEN NOT withdrawn AND promised_on IS NOT NULL THEN has_left AND left_in_time END AS left_on_time,
        CASE WHEN NOT withdrawn AND promised_on IS NOT NULL THEN NOT has_left END AS is_open,
        CASE WHEN has_arrived THEN (delivered_at AT TIME ZONE 'UTC')::date END AS arrived_on,
        CASE WHEN has_arrived THEN arrived_in_time END AS arrived_on_time,
        CASE WHEN has_arrived THEN greatest(0, floor(extract(epoch FROM delivered_at - accepted_at)))::bigint
            END AS arrived_seconds
    FROM known
), kept AS (
    INSERT INTO order_figures (order_id, accepted_on, demanded, shipped, released, expired, due_on, left_on_time,
        is_open, arrived_on, arrived_on_time, arrived_seconds)
    SELECT order_id, accepted_on, demanded, shipped, released, expired, due_on, left_on_time, is_open, arrived_on,
        arrived_on_time, arrived_seconds
    FROM judged
    ORDER BY order_id
    ON CONFLICT (order_id) DO UPDATE
    SET demanded = excluded.demanded, shipped = excluded.shipped, released = excluded.released,
        expired = excluded.expired, due_on = excluded.due_on, left_on_time = excluded.left_on_time,
        is_open = excluded.is_open, arrived_on = excluded.arrived_on, arrived_on_time = excluded.arrived_on_time,
        arrived_seconds = excluded.arrived_seconds
    WHERE (order_figures.demanded, order_figures.shipped, order_figures.released, order_figures.expired,
           order_figures.due_on, order_figures.left_on_time, order_figures.is_open, order_figures.arrived_on,
           order_figures.arrived_on_time, order_figures.arrived_seconds)
        IS DISTINCT FROM (excluded.demanded, excluded.shipped, excluded.released, excluded.expired, excluded.due_on,
           excluded.left_on_time, excluded.is_open, excluded.arrived_on, excluded.arrived_on_time,
           excluded.arrived_seconds)
    RETURNING new.order_id, new.accepted_on, old.order_id IS NULL AS is_new,
        new.demanded::integer - coalesce(old.demanded::integer, 0) AS demand,
        new.shipped - coalesce(old.shipped, 0) AS shipped, new.released - coalesce(old.released, 0) AS released,
        new.expired - coalesce(old.expired, 0) AS expired,
        old.due_on AS was_due_on, old.left_on_time AS was_left_on_time, old.is_open AS was_open,
        new.due_on, new.left_on_time, new.is_open,
        old.arrived_on AS was_there_on, old.arrived_on_time AS was_there_on_time,
        old.arrived_seconds AS was_there_after,
        new.arrived_on, new.arrived_on_time, new.arrived_seconds
), wanted AS (
    SELECT order_lines.product_id, kept.accepted_on AS day, sum(kept.demand * order_lines.quantity)::bigint AS ordered,
        sum(kept.demand)::bigint AS orders
    FROM kept
    JOIN order_lines USING (order_id)
    WHERE kept.demand <> 0
    GROUP BY order_lines.product_id, kept.accepted_on
), demand AS (
    MERGE INTO demand_days USING wanted ON demand_days.product_id = wanted.product_id AND demand_days.day = wanted.day
    WHEN MATCHED THEN UPDATE SET ordered = demand_days.ordered + wanted.ordered,
        orders = demand_days.orders + wanted.orders
    WHEN NOT MATCHED THEN INSERT (product_id, day, ordered, orders)
        VALUES (wanted.product_id, wanted.day, wanted.ordered, wanted.orders)
), moved AS (
    SELECT accepted_on AS day, is_new::integer AS orders, shipped, released, expired, 0 AS due,
        0 AS due_left_on_time, 0 AS due_open, 0 AS arrived, 0 AS arrived_due, 0 AS arrived_on_time,
        0::bigint AS arrived_seconds
    FROM kept
    UNION ALL
    SELECT due_on, 0, 0, 0, 0, 1, left_on_time::integer, is_open::integer, 0, 0, 0, 0
    FROM kept WHERE due_on IS NOT NULL
    UNION ALL
    SELECT was_due_on, 0, 0, 0, 0, -1, -was_left_on_time::integer, -was_open::integer, 0, 0, 0, 0
    FROM kept WHERE was_due_on IS NOT NULL
    UNION ALL
    SELECT arrived_on, 0, 0, 0, 0, 0, 0, 0, 1, (arrived_on_time IS NOT NULL)::integer,
        coalesce(arrived_on_time, false)::integer, arrived_seconds
    FROM kept WHERE arrived_on IS NOT NULL
    UNION ALL
    SELECT was_there_on, 0, 0, 0, 0, 0, 0, 0, -1, -(was_there_on_time IS NOT NULL)::integer,
        -coalesce(was_there_on_time, false)::integer, -was_there_after
    FROM kept WHERE was_there_on IS NOT NULL
), summed AS (
    SELECT day, sum(orders)::bigint AS orders, sum(shipped)::bigint AS shipped, sum(released)::bigint AS released,
        sum(expired)::bigint AS expired, sum(due)::bigint AS due, sum(due_left_on_time)::bigint AS due_left_on_time,
        sum(due_open)::bigint AS due_open, sum(arrived)::bigint AS arrived, sum(arrived_due)::bigint AS arrived_due,
        sum(arrived_on_time)::bigint AS arrived_on_time, sum(arrived_seconds)::bigint AS arrived_seconds
    FROM moved
    GROUP BY day
)
MERGE INTO order_days AS days USING summed ON days.day = summed.day
WHEN MATCHED THEN UPDATE SET orders = days.orders + summed.orders, shipped = days.shipped + summed.shipped,
    released = days.released + summed.released, expired = days.expired + summed.expired, due = days.due + summed.due,
    due_left_on_time = days.due_left_on_time + summed.due_left_on_time, due_open = days.due_open + summed.due_open,
    arrived = days.arrived + summed.arrived, arrived_due = days.arrived_due + summed.arrived_due,
    arrived_on_time = days.arrived_on_time + summed.arrived_on_time,
    arrived_seconds = days.arrived_seconds + summed.arrived_seconds
WHEN NOT MATCHED THEN INSERT (day, orders, shipped, released, expired, due, due_left_on_time, due_open, arrived,
        arrived_due, arrived_on_time, arrived_seconds)
    VALUES (summed.day, summed.orders, summed.shipped, summed.released, summed.expired, summed.due,
        summed.due_left_on_time, summed.due_open, summed.arrived, summed.arrived_due, summed.arrived_on_time,
        summed.arrived_seconds)
"""


async def fold_orders(tx: Transaction, order_ids: Sequence[UUID]) -> None:
    """Brings the sums up to date with these orders; one transaction at a time."""
    await tx.execute(FOLD_ORDERS, order_ids)
