"""Lists of orders by filters, newest first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from services.order.domain.order import Status
from services.order.views.orders import read_orders
from shared.runtime.database import fetch_planned

LAST_ID: Final = UUID(int=2**128 - 1)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of orders is narrowed to; None = all."""

    status: Status | None = None
    customer_id: str | None = None
    product_id: str | None = None
    source: str | None = None
    external_id: str | None = None
    created_from: datetime | None = None
    created_to: datetime | None = None
    stuck: bool | None = None


LIST_NEWEST = """
SELECT orders.order_id
FROM orders
WHERE ($1::text IS NULL OR orders.status = $1)
  AND ($2::text IS NULL OR orders.customer_id = $2)
  AND ($3::text IS NULL OR EXISTS (
        SELECT FROM order_lines WHERE order_lines.order_id = orders.order_id AND order_lines.product_id = $3))
  AND ($4::text IS NULL OR orders.source = $4)
  AND ($5::text IS NULL OR orders.external_id = $5)
  AND ($6::timestamptz IS NULL OR orders.accepted_at >= $6)
  AND ($7::timestamptz IS NULL OR orders.accepted_at < $7)
  AND ($8::bool IS NULL OR $8 = EXISTS (
        SELECT FROM questions WHERE questions.order_id = orders.order_id AND attempts >= 2))
  AND orders.order_id < $9
ORDER BY orders.order_id DESC
LIMIT $10
"""
LIST_STUCK_ONES = """
SELECT orders.order_id
FROM (SELECT DISTINCT order_id FROM questions WHERE attempts >= 2) AS asked
JOIN orders ON orders.order_id = asked.order_id
WHERE ($1::text IS NULL OR orders.status = $1)
  AND ($2::text IS NULL OR orders.customer_id = $2)
  AND ($3::text IS NULL OR EXISTS (
        SELECT FROM order_lines WHERE order_lines.order_id = orders.order_id AND order_lines.product_id = $3))
  AND ($4::text IS NULL OR orders.source = $4)
  AND ($5::text IS NULL OR orders.external_id = $5)
  AND ($6::timestamptz IS NULL OR orders.accepted_at >= $6)
  AND ($7::timestamptz IS NULL OR orders.accepted_at < $7)
  AND $8::bool
  AND orders.order_id < $9
ORDER BY orders.order_id DESC
LIMIT $10
"""
LIST_OF_PRODUCT = """
SELECT orders.order_id
FROM order_lines AS wanted
JOIN orders ON orders.order_id = wanted.order_id
WHERE wanted.product_id = $3 AND wanted.order_id < $9
  AND ($1::text IS NULL OR orders.status = $1)
  AND ($2::text IS NULL OR orders.customer_id = $2)
  AND ($4::text IS NULL OR orders.source = $4)
  AND ($5::text IS NULL OR orders.external_id = $5)
  AND ($6::timestamptz IS NULL OR orders.accepted_at >= $6)
  AND ($7::timestamptz IS NULL OR orders.accepted_at < $7)
  AND ($8::bool IS NULL OR $8 = EXISTS (
        SELECT FROM questions WHERE questions.order_id = orders.order_id AND attempts >= 2))
ORDER BY wanted.order_id DESC
LIMIT $10
"""
LIST_BY_TIME = """
SELECT orders.order_id
FROM orders
WHERE orders.accepted_at >= coalesce($6::timestamptz, '-infinity')
  AND orders.accepted_at < coalesce($7::timestamptz, 'infinity')
  AND (orders.accepted_at, orders.order_id) < (
        coalesce((SELECT last.accepted_at FROM orders AS last WHERE last.order_id = $9), 'infinity'), $9)
  AND ($1::text IS NULL OR orders.status = $1)
  AND ($2::text IS NULL OR orders.customer_id = $2)
  AND ($3::text IS NULL OR EXISTS (
        SELECT FROM order_lines WHERE order_lines.order_id = orders.order_id AND order_lines.product_id = $3))
  AND ($4::text IS NULL OR orders.source = $4)
  AND ($5::text IS NULL OR orders.external_id = $5)
  AND ($8::bool IS NULL OR $8 = EXISTS (
        SELECT FROM questions WHERE questions.order_id = orders.order_id AND attempts >= 2))
ORDER BY orders.accepted_at DESC, orders.order_id DESC
LIMIT $10
"""


def way(filters: Filters) -> str:
    """The statement with which Postgres finds the orders of these filters, and no others, by an index."""
    if filters.stuck:
        return LIST_STUCK_ONES
    if filters.product_id is not None:
        return LIST_OF_PRODUCT
    by_time = filters.created_from is not None or filters.created_to is not None
    return LIST_BY_TIME if by_time else LIST_NEWEST


async def list_orders(connection: Any, filters: Filters, before: UUID | None, limit: int) -> list[dict[str, Any]]:
    """The newest orders that pass the filters, older than `before`."""
    rows = await fetch_planned(
        connection,
        way(filters),
        filters.status,
        filters.customer_id,
        filters.product_id,
        filters.source,
        filters.external_id,
        filters.created_from,
        filters.created_to,
        filters.stuck,
        before or LAST_ID,
        limit,
    )
    ids = [row["order_id"] for row in rows]
    found = await read_orders(connection, ids)
    return [found[str(order_id)] for order_id in ids]


COUNT_OPEN = """
SELECT status, count(*) AS orders
FROM orders
WHERE status IN ('created', 'backordered', 'confirmed', 'processing', 'cancelling', 'partially_fulfilled')
  AND status <> 'fulfilled'
GROUP BY status
"""
OPEN: Final[tuple[Status, ...]] = (
    "created",
    "backordered",
    "confirmed",
    "processing",
    "cancelling",
    "partially_fulfilled",
)


async def count_open(connection: Any) -> list[dict[str, Any]]:
    """How many orders have each status that is not an end; what is read are those orders alone."""
    counts = {row["status"]: row["orders"] for row in await connection.fetch(COUNT_OPEN)}
    return [{"status": status, "orders": counts.get(status, 0)} for status in OPEN]
