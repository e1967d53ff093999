"""Sums by item and day: each row of the ledger is added once, in the order of its item's versions."""

from shared.runtime.transaction import Transaction

ADD_LEDGER = """
WITH behind AS (
    SELECT stock.item_id, stock.version AS newest, coalesce(item_sums.version, 0) AS after,
        coalesce(item_sums.at, '-infinity') AS since
    FROM stock
    LEFT JOIN item_sums ON item_sums.item_id = stock.item_id
    WHERE stock.version > coalesce(item_sums.version, 0)
    ORDER BY item_sums.added_at NULLS FIRST, stock.item_id
    LIMIT $1
), entries AS (
    SELECT behind.item_id, entry.version, entry.at, (entry.at AT TIME ZONE 'UTC')::date AS day, entry.type,
        entry.quantity, entry.new_current, entry.new_current - entry.new_reserved - entry.new_held AS available,
        entry.previous_current - entry.previous_reserved - entry.previous_held AS previous_available
    FROM behind
    CROSS JOIN LATERAL (
        SELECT version, at, type, quantity, previous_current, new_current, previous_reserved, new_reserved,
            previous_held, new_held
        FROM ledger
        WHERE ledger.item_id = behind.item_id AND ledger.version > behind.after AND ledger.version <= behind.newest
          AND ledger.at >= behind.since - interval '1 day'
        ORDER BY ledger.version
        LIMIT $2
    ) AS entry
), days AS (
    SELECT item_id, day,
        coalesce(-sum(quantity) FILTER (WHERE type = 'sale'), 0)::bigint AS sold,
        coalesce(-sum(quantity) FILTER (WHERE type IN ('material_issue', 'material_return')), 0)::bigint AS used,
        coalesce(sum(quantity) FILTER (WHERE type IN ('receipt', 'batch_output')), 0)::bigint AS received,
        (array_agg(new_current ORDER BY version DESC))[1] AS closing_current,
        (array_agg(available ORDER BY version DESC))[1] AS closing_available,
        bool_or(available = 0) AS ran_out,
        (array_agg(previous_available ORDER BY version))[1] = 0 AS began_out,
        min(day) OVER (PARTITION BY item_id) AS first_day
    FROM entries
    GROUP BY item_id, day
), kept AS (
    INSERT INTO item_days (item_id, day, sold, used, received, closing_current, closing_available, was_out)
    SELECT item_id, day, sold, used, received, closing_current, closing_available,
        ran_out OR (began_out AND (day > first_day OR EXISTS (
            SELECT FROM item_days AS earlier WHERE earlier.item_id = days.item_id)))
    FROM days
    ORDER BY item_id, day
    ON CONFLICT (item_id, day) DO UPDATE
    SET sold = item_days.sold + excluded.sold, used = item_days.used + excluded.used,
        received = item_days.received + excluded.received, closing_current = excluded.closing_current,
        closing_available = excluded.closing_available, was_out = item_days.was_out OR excluded.was_out
), reached AS (
    SELECT behind.item_id, behind.newest, behind.since, count(entries.version) AS found,
        max(entries.version) AS version, max(entries.at) AS at
    FROM behind
    LEFT JOIN entries ON entries.item_id = behind.item_id
    GROUP BY behind.item_id, behind.newest, behind.since
)
INSERT INTO item_sums (item_id, version, at, added_at)
SELECT item_id, CASE WHEN found < $2 THEN newest ELSE version END, coalesce(at, since), clock_timestamp()
FROM reached
ORDER BY item_id
ON CONFLICT (item_id) DO UPDATE
SET version = excluded.version, at = excluded.at, added_at = excluded.added_at
RETURNING version < (SELECT newest FROM reached WHERE reached.item_id = item_sums.item_id) AS has_more
"""


async def add_ledger(tx: Transaction, items_max: int, rows_max: int) -> tuple[int, bool]:
    """Adds up to `rows_max` rows of each of the items that have new ones, who waited longest first.

    Returns of how many items, and whether one of them has more.
    """
    rows = await tx.fetch(ADD_LEDGER, items_max, rows_max)
    return len(rows), any(row["has_more"] for row in rows)
