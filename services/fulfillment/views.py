"""What is read of fulfillments: one, a page of them, and their lines, parcels and shipments."""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from services.fulfillment.domain.records import Row, whole
from services.fulfillment.domain.state import Fulfillment


class Reader(Protocol):
    """A connection or a transaction."""

    async def fetch(self, sql: str, *args: Any) -> list[Any]: ...


FULFILLMENT_BY_ID = """
SELECT order_id, fulfillment_id, version, revision, ready_version, asked_version, closed,
       customer_id, priority, requested_delivery, ship_to
FROM fulfillments
WHERE fulfillment_id = $1
"""


async def fulfillment_by_id(reader: Reader, fulfillment_id: UUID) -> Fulfillment | None:
    """The fulfillment of that id."""
    found = await with_parts(reader, await reader.fetch(FULFILLMENT_BY_ID, fulfillment_id))
    return found[0] if found else None


FULFILLMENTS_PAGE = """
SELECT order_id, fulfillment_id, version, revision, ready_version, asked_version, closed,
       customer_id, priority, requested_delivery, ship_to
FROM fulfillments
WHERE ($1::text IS NULL OR status = $1)
  AND ($2::text IS NULL OR order_id = $2)
  AND ($3::boolean IS NULL OR $3 = COALESCE(
        requested_delivery < (clock_timestamp() AT TIME ZONE 'UTC')::date
        AND status IN ('created', 'picked', 'packed', 'partially_shipped'), false))
  AND ($4::uuid IS NULL OR fulfillment_id < $4)
ORDER BY fulfillment_id DESC
LIMIT $5
"""


async def fulfillments_page(
    reader: Reader, *, status: str | None, order_id: str | None, late: bool | None, before: UUID | None, limit: int
) -> list[Fulfillment]:
    """Newest first; `late`: open after the day that was asked for (UTC)."""
    return await with_parts(reader, await reader.fetch(FULFILLMENTS_PAGE, status, order_id, late, before, limit))


async def with_parts(reader: Reader, heads: Sequence[Row]) -> list[Fulfillment]:
    """The fulfillments of these rows with their lines, parcels and shipments."""
    order_ids = [row["order_id"] for row in heads]
    if not order_ids:
        return []
    return whole(
        heads,
        await reader.fetch(LINES_OF, order_ids),
        await reader.fetch(PARCELS_OF, order_ids),
        await reader.fetch(SHIPMENTS_OF, order_ids),
    )


LINES_OF = """
SELECT line.order_id, line.product_id, COALESCE(line.name, item.name) AS name, line.quantity, line.wanted,
       line.short_known, line.target, line.picked, line.packed, line.shipped, line.cancelled, line.short
FROM lines AS line
LEFT JOIN items AS item ON item.item_id = line.product_id
WHERE line.order_id = ANY($1::text[])
ORDER BY line.order_id, line.position
"""
PARCELS_OF = """
SELECT order_id, number, contents, weight_grams, pack_id, shipment_id
FROM parcels
WHERE order_id = ANY($1::text[])
ORDER BY order_id, number
"""
SHIPMENTS_OF = """
SELECT order_id, shipment_id, carrier, tracking_number, contents, status, shipped_at, shipped_by, delivered_at
FROM shipments
WHERE order_id = ANY($1::text[])
ORDER BY order_id, number
"""
