"""What is read of fulfillments: one, a page of them, and their lines, parcels and shipments."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from uuid import UUID

from services.fulfillment.domain.records import Row, whole, with_recalled
from services.fulfillment.domain.state import Fulfillment
from shared.runtime.database import fetch_planned


class Reader(Protocol):
    """A connection or a transaction."""

    async def fetch(self, sql: str, *args: Any) -> list[Any]: ...


FULFILLMENT_BY_ID = """
SELECT order_id, fulfillment_id, version, revision, ready_version, asked_version, closed,
       customer_id, priority, requested_delivery, ship_to, accepted_at, wave_id
FROM fulfillments
WHERE fulfillment_id = $1
"""


async def fulfillment_by_id(reader: Reader, fulfillment_id: UUID) -> Fulfillment | None:
    """The fulfillment of that id."""
    found = await with_parts(reader, await reader.fetch(FULFILLMENT_BY_ID, fulfillment_id))
    return found[0] if found else None


FULFILLMENTS_PAGE = """
SELECT order_id, fulfillment_id, version, revision, ready_version, asked_version, closed,
       customer_id, priority, requested_delivery, ship_to, accepted_at, wave_id
FROM fulfillments
WHERE ($1::text IS NULL OR status = $1)
  AND ($2::text IS NULL OR order_id = $2)
  AND ($3::boolean IS NOT TRUE OR (
        requested_delivery < CURRENT_DATE AND status IN ('created', 'picked', 'packed', 'partially_shipped')))
  AND ($3::boolean IS NOT FALSE OR NOT coalesce(
        requested_delivery < CURRENT_DATE AND status IN ('created', 'picked', 'packed', 'partially_shipped'), false))
  AND ($4::uuid IS NULL OR fulfillment_id < $4)
ORDER BY fulfillment_id DESC
LIMIT $5
"""


async def fulfillments_page(
    connection: Any, *, status: str | None, order_id: str | None, late: bool | None, before: UUID | None, limit: int
) -> list[Fulfillment]:
    """Newest first; `late`: open after the day that was asked for (UTC)."""
    heads = await fetch_planned(connection, FULFILLMENTS_PAGE, status, order_id, late, before, limit)
    return await with_parts(connection, heads)


@dataclass(frozen=True, slots=True)
class Wave:
    """A picking list of many orders: what is still to be picked of it, by priority, then age."""

    wave_id: UUID
    made_by: str
    made_at: datetime
    orders: int
    fulfillments: list[Fulfillment]


READ_WAVE = """
SELECT wave_id, order_ids, made_by, made_at FROM waves WHERE wave_id = $1
"""
FULFILLMENTS_OF_WAVE = """
SELECT order_id, fulfillment_id, version, revision, ready_version, asked_version, closed,
       customer_id, priority, requested_delivery, ship_to, accepted_at, wave_id
FROM fulfillments
WHERE order_id = ANY($1::text[]) AND wave_id = $2 AND to_pick > 0
ORDER BY -priority, accepted_at, order_id
"""


async def wave_by_id(reader: Reader, wave_id: UUID) -> Wave | None:
    """The wave of that id, as much of it as is still to be picked."""
    for row in await reader.fetch(READ_WAVE, wave_id):
        heads = await reader.fetch(FULFILLMENTS_OF_WAVE, row["order_ids"], wave_id)
        open_ones = {found.order_id: found for found in await with_parts(reader, heads)}
        in_turn = [open_ones[head["order_id"]] for head in heads]
        return Wave(wave_id, row["made_by"], row["made_at"], len(row["order_ids"]), in_turn)
    return None


async def with_parts(reader: Reader, heads: Sequence[Row], scanned: Iterable[str] = ()) -> list[Fulfillment]:
    """The fulfillments of these rows with their lines, parcels and shipments, and which of their lots, and of those
    scanned, are recalled."""
    order_ids = [row["order_id"] for row in heads]
    if not order_ids:
        return []
    found = whole(
        heads,
        await reader.fetch(LINES_OF, order_ids),
        await reader.fetch(PARCELS_OF, order_ids),
        await reader.fetch(SHIPMENTS_OF, order_ids),
    )
    names = {name for one in found for line in one.lines.values() for name in line.lots.names}
    return with_recalled(found, await recalled_among(reader, [*names.union(scanned)]))


RECALLED_AMONG = """
SELECT item_id, lot_id, lot_code FROM recalled_lots WHERE lot_id = ANY($1::text[]) OR lot_code = ANY($1::text[])
"""


async def recalled_among(reader: Reader, names: list[str]) -> dict[str, frozenset[str]]:
    """Ids and codes of the recalled lots among those of these ids or codes, by item."""
    found: dict[str, frozenset[str]] = {}
    for row in await reader.fetch(RECALLED_AMONG, names) if names else ():
        found[row["item_id"]] = found.get(row["item_id"], frozenset()) | {row["lot_id"], row["lot_code"]}
    return found


LINES_OF = """
SELECT line.order_id, line.product_id, COALESCE(line.name, item.name) AS name, line.quantity, line.wanted,
       line.short_known, line.target, line.picked, line.packed, line.shipped, line.cancelled, line.short, line.lots
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
SELECT order_id, shipment_id, carrier, tracking_number, contents, lots, status, shipped_at, shipped_by, delivered_at
FROM shipments
WHERE order_id = ANY($1::text[])
ORDER BY order_id, number
"""


Place = tuple[int, datetime, str]
"""Where an order stands in the work: by its priority (the higher the sooner: negative), then its age, then its id."""

WORK_TO_PICK = """
SELECT order_id, fulfillment_id, customer_id, status, priority, accepted_at, requested_delivery, to_pick, to_pack,
       to_ship, wave_id
FROM fulfillments
WHERE to_pick > 0 AND (-priority, accepted_at, order_id) > ($1::integer, $2::timestamptz, $3::text)
ORDER BY -priority, accepted_at, order_id
LIMIT $4
"""
WORK_TO_PACK = """
SELECT order_id, fulfillment_id, customer_id, status, priority, accepted_at, requested_delivery, to_pick, to_pack,
       to_ship, wave_id
FROM fulfillments
WHERE to_pack > 0 AND (-priority, accepted_at, order_id) > ($1::integer, $2::timestamptz, $3::text)
ORDER BY -priority, accepted_at, order_id
LIMIT $4
"""
WORK_TO_SHIP = """
SELECT order_id, fulfillment_id, customer_id, status, priority, accepted_at, requested_delivery, to_pick, to_pack,
       to_ship, wave_id
FROM fulfillments
WHERE to_ship > 0 AND (-priority, accepted_at, order_id) > ($1::integer, $2::timestamptz, $3::text)
ORDER BY -priority, accepted_at, order_id
LIMIT $4
"""
WORK_LATE = """
SELECT order_id, fulfillment_id, customer_id, status, priority, accepted_at, requested_delivery, to_pick, to_pack,
       to_ship, wave_id
FROM fulfillments
WHERE status IN ('created', 'picked', 'packed', 'partially_shipped')
  AND requested_delivery < CURRENT_DATE
  AND (-priority, accepted_at, order_id) > ($1::integer, $2::timestamptz, $3::text)
ORDER BY -priority, accepted_at, order_id
LIMIT $4
"""
WORK: Final = {"pick": WORK_TO_PICK, "pack": WORK_TO_PACK, "ship": WORK_TO_SHIP, "late": WORK_LATE}
FIRST: Final[Place] = (-10, datetime.min.replace(tzinfo=UTC), "")


async def work_page(reader: Reader, stage: str, after: Place | None, limit: int) -> list[Row]:
    """What waits at a stage of the floor, in the order in which it should be done."""
    return await reader.fetch(WORK[stage], *(after or FIRST), limit)


COUNT_WORK = """
SELECT count(*) FILTER (WHERE to_pick > 0) AS pick_orders, coalesce(sum(to_pick), 0)::bigint AS pick_units,
       min(accepted_at) FILTER (WHERE to_pick > 0) AS pick_oldest,
       count(*) FILTER (WHERE to_pack > 0) AS pack_orders, coalesce(sum(to_pack), 0)::bigint AS pack_units,
       min(accepted_at) FILTER (WHERE to_pack > 0) AS pack_oldest,
       count(*) FILTER (WHERE to_ship > 0) AS ship_orders, coalesce(sum(to_ship), 0)::bigint AS ship_units,
       min(accepted_at) FILTER (WHERE to_ship > 0) AS ship_oldest,
       count(*) FILTER (WHERE late) AS late_orders,
       coalesce(sum(to_pick + to_pack + to_ship) FILTER (WHERE late), 0)::bigint AS late_units,
       min(accepted_at) FILTER (WHERE late) AS late_oldest,
       clock_timestamp() AS as_of
FROM (
    SELECT to_pick, to_pack, to_ship, accepted_at, coalesce(
        requested_delivery < CURRENT_DATE, false) AS late
    FROM fulfillments
    WHERE status IN ('created', 'picked', 'packed', 'partially_shipped')
) AS open
"""


async def work_counts(reader: Reader) -> dict[str, Any]:
    """Orders, units and the oldest order at each stage, at one moment of the database."""
    [row] = await reader.fetch(COUNT_WORK)
    stages = [
        {
            "stage": stage,
            "orders": row[f"{stage}_orders"],
            "units": row[f"{stage}_units"],
            "oldest_accepted_at": row[f"{stage}_oldest"],
        }
        for stage in WORK
    ]
    return {"as_of": row["as_of"], "stages": stages}
