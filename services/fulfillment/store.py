"""Every statement of fulfillment that writes or locks; whole lists in one statement, locks in order of the order id."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import orjson

from services.fulfillment.domain.commands import PickLine
from services.fulfillment.domain.records import lots_text
from services.fulfillment.domain.state import Fulfillment, Line, Parcel, Shipment
from shared.runtime.transaction import Transaction

ADD_FULFILLMENTS = """
INSERT INTO fulfillments (order_id, fulfillment_id)
SELECT order_id, fulfillment_id
FROM unnest($1::text[], $2::uuid[]) AS missing (order_id, fulfillment_id)
ORDER BY order_id
ON CONFLICT (order_id) DO NOTHING
"""


async def add_fulfillments(tx: Transaction, ids: Mapping[str, UUID]) -> None:
    """Blank fulfillments for the orders that have none; ids by order id."""
    await tx.execute(ADD_FULFILLMENTS, list(ids), list(ids.values()))


LOCK_FULFILLMENTS_OF_ORDERS = """
SELECT order_id, fulfillment_id, version, revision, ready_version, asked_version, closed,
       customer_id, priority, requested_delivery, ship_to, accepted_at, wave_id
FROM fulfillments
WHERE order_id = ANY($1::text[])
ORDER BY order_id
FOR UPDATE
"""


async def lock_fulfillments_of_orders(tx: Transaction, order_ids: Sequence[str]) -> Sequence[Any]:
    return await tx.fetch(LOCK_FULFILLMENTS_OF_ORDERS, order_ids)


LOCK_FULFILLMENTS = """
SELECT order_id, fulfillment_id, version, revision, ready_version, asked_version, closed,
       customer_id, priority, requested_delivery, ship_to, accepted_at, wave_id
FROM fulfillments
WHERE fulfillment_id = ANY($1::uuid[])
ORDER BY order_id
FOR UPDATE
"""


async def lock_fulfillments(tx: Transaction, fulfillment_ids: Sequence[UUID]) -> Sequence[Any]:
    return await tx.fetch(LOCK_FULFILLMENTS, fulfillment_ids)


LOCK_FULFILLMENTS_OF_SHIPMENTS = """
SELECT order_id, fulfillment_id, version, revision, ready_version, asked_version, closed,
       customer_id, priority, requested_delivery, ship_to, accepted_at, wave_id
FROM fulfillments
WHERE order_id IN (SELECT order_id FROM shipments WHERE shipment_id = ANY($1::uuid[]))
ORDER BY order_id
FOR UPDATE
"""


async def lock_fulfillments_of_shipments(tx: Transaction, shipment_ids: Sequence[UUID]) -> Sequence[Any]:
    return await tx.fetch(LOCK_FULFILLMENTS_OF_SHIPMENTS, shipment_ids)


FIND_PICKS = "SELECT DISTINCT pick_id FROM picks WHERE pick_id = ANY($1::uuid[])"


async def find_picks(tx: Transaction, pick_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these picks are written already."""
    return {row["pick_id"] for row in await tx.fetch(FIND_PICKS, pick_ids)}


@dataclass(frozen=True, slots=True)
class Pick:
    """One pick as it is kept."""

    pick_id: UUID
    order_id: str
    lines: tuple[PickLine, ...]
    picked_by: str


Change = tuple[Fulfillment, Fulfillment]
"""A fulfillment before and after."""


async def save(tx: Transaction, changes: Sequence[Change], now: datetime) -> None:
    """Writes what changed, one statement per table that has a change."""
    if not changes:
        return
    await save_fulfillments(tx, [after for _, after in changes], now)
    await save_lines(tx, list(_changed_lines(changes)))
    await save_shipments(tx, list(_changed_shipments(changes)))
    await save_parcels(tx, list(_changed_parcels(changes)))
    await remove_parcels(tx, list(_gone_parcels(changes)))


SAVE_FULFILLMENTS = """
UPDATE fulfillments
SET version = saved.version, revision = saved.revision, ready_version = saved.ready_version,
    asked_version = saved.asked_version, status = saved.status, closed = saved.closed,
    customer_id = saved.customer_id, priority = saved.priority, requested_delivery = saved.requested_delivery,
    ship_to = saved.ship_to, accepted_at = saved.accepted_at, to_pick = saved.to_pick, to_pack = saved.to_pack,
    to_ship = saved.to_ship, wave_id = CASE WHEN saved.to_pick > 0 THEN wave_id END,
    waved_at = CASE WHEN saved.to_pick > 0 THEN waved_at END, updated_at = $16
FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::boolean[], $8::text[],
            $9::integer[], $10::date[], $11::json[], $12::timestamptz[], $13::bigint[], $14::bigint[], $15::bigint[])
     AS saved (order_id, version, revision, ready_version, asked_version, status, closed, customer_id,
               priority, requested_delivery, ship_to, accepted_at, to_pick, to_pack, to_ship)
WHERE fulfillments.order_id = saved.order_id
"""


_HEAD = attrgetter(
    *("order_id", "version", "revision", "ready_version", "asked_version", "status", "closed"),
    *("customer_id", "priority", "requested_delivery", "ship_to", "accepted_at", "left", "unpacked", "packed"),
)


async def save_fulfillments(tx: Transaction, fulfillments: Sequence[Fulfillment], now: datetime) -> None:
    rows = [_HEAD(fulfillment) for fulfillment in fulfillments]
    await tx.execute(SAVE_FULFILLMENTS, *columns(rows), now)


SAVE_LINES = """
INSERT INTO lines (order_id, position, product_id, name, quantity, wanted, short_known, target, picked, packed, shipped,
                   cancelled, short, lots)
SELECT order_id, position, product_id, name, quantity, wanted, short_known, target, picked, packed, shipped,
       cancelled, short, lots
FROM unnest($1::text[], $2::integer[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
            $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[], $14::jsonb[])
     AS saved (order_id, position, product_id, name, quantity, wanted, short_known, target, picked, packed, shipped,
               cancelled, short, lots)
ON CONFLICT (order_id, product_id) DO UPDATE
SET name = EXCLUDED.name, wanted = EXCLUDED.wanted, short_known = EXCLUDED.short_known, target = EXCLUDED.target,
    picked = EXCLUDED.picked, packed = EXCLUDED.packed, shipped = EXCLUDED.shipped, cancelled = EXCLUDED.cancelled,
    short = EXCLUDED.short, lots = EXCLUDED.lots
"""


_LINE = attrgetter(
    *("product_id", "name", "quantity", "wanted", "short_known", "target"),
    *("picked", "packed", "shipped", "cancelled", "short"),
)


async def save_lines(tx: Transaction, lines: Sequence[tuple[str, int, Line]]) -> None:
    """Lines with their order and place."""
    rows = [(order_id, position, *_LINE(line), lots_text(line.lots)) for order_id, position, line in lines]
    if rows:
        await tx.execute(SAVE_LINES, *columns(rows))


def _changed_lines(changes: Iterable[Change]) -> Iterable[tuple[str, int, Line]]:
    for before, after in changes:
        for position, line in enumerate(after.lines.values(), start=1):
            if before.lines.get(line.product_id) != line:
                yield after.order_id, position, line


SAVE_SHIPMENTS = """
INSERT INTO shipments (shipment_id, order_id, number, contents, lots, carrier, tracking_number, status, shipped_at,
                       shipped_by, delivered_at)
SELECT shipment_id, order_id, number, contents, lots, carrier, tracking_number, status, shipped_at, shipped_by,
       delivered_at
FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::jsonb[], $5::jsonb[], $6::text[], $7::text[], $8::text[],
            $9::timestamptz[], $10::text[], $11::timestamptz[])
     AS saved (shipment_id, order_id, number, contents, lots, carrier, tracking_number, status, shipped_at, shipped_by,
               delivered_at)
ON CONFLICT (shipment_id) DO UPDATE SET delivered_at = EXCLUDED.delivered_at
"""


_SHIPMENT = attrgetter("carrier", "tracking_number", "status", "shipped_at", "shipped_by", "delivered_at")


async def save_shipments(tx: Transaction, shipments: Sequence[tuple[str, int, Shipment]]) -> None:
    """Shipments with their order and place; of a known one only the delivery can be new."""
    rows = [
        (
            *(shipment.shipment_id, order_id, number, _text(shipment.contents)),
            *(_text(shipment.lots), *_SHIPMENT(shipment)),
        )
        for order_id, number, shipment in shipments
    ]
    if rows:
        await tx.execute(SAVE_SHIPMENTS, *columns(rows))


def _changed_shipments(changes: Iterable[Change]) -> Iterable[tuple[str, int, Shipment]]:
    for before, after in changes:
        for number, shipment in enumerate(after.shipments, start=1):
            if shipment not in before.shipments:
                yield after.order_id, number, shipment


SAVE_PARCELS = """
INSERT INTO parcels (order_id, contents, number, weight_grams, pack_id, shipment_id)
SELECT order_id, contents, number, weight_grams, pack_id, shipment_id
FROM unnest($1::text[], $2::jsonb[], $3::integer[], $4::bigint[], $5::uuid[], $6::uuid[])
     AS saved (order_id, contents, number, weight_grams, pack_id, shipment_id)
ON CONFLICT (order_id, number) DO UPDATE
SET weight_grams = EXCLUDED.weight_grams, contents = EXCLUDED.contents, pack_id = EXCLUDED.pack_id,
    shipment_id = EXCLUDED.shipment_id
"""


_PARCEL = attrgetter("number", "weight_grams", "pack_id", "shipment_id")


async def save_parcels(tx: Transaction, parcels: Sequence[tuple[str, Parcel]]) -> None:
    rows = [(order_id, _text(parcel.contents), *_PARCEL(parcel)) for order_id, parcel in parcels]
    if rows:
        await tx.execute(SAVE_PARCELS, *columns(rows))


def _changed_parcels(changes: Iterable[Change]) -> Iterable[tuple[str, Parcel]]:
    for before, after in changes:
        yield from ((after.order_id, parcel) for parcel in after.parcels if parcel not in before.parcels)


REMOVE_PARCELS = """
DELETE FROM parcels
USING unnest($1::text[], $2::integer[]) AS gone (order_id, number)
WHERE parcels.order_id = gone.order_id AND parcels.number = gone.number
"""


async def remove_parcels(tx: Transaction, parcels: Sequence[tuple[str, int]]) -> None:
    """Parcels that were emptied."""
    if parcels:
        await tx.execute(REMOVE_PARCELS, *columns(parcels))


def _gone_parcels(changes: Iterable[Change]) -> Iterable[tuple[str, int]]:
    for before, after in changes:
        kept = {parcel.number for parcel in after.parcels}
        yield from ((after.order_id, parcel.number) for parcel in before.parcels if parcel.number not in kept)


ADD_PICKS = """
INSERT INTO picks (pick_id, order_id, picked_by, number, product_id, lot_id, other_lot_reason, quantity, short_quantity,
                   short_reason, picked_at)
SELECT pick_id, order_id, picked_by, number, product_id, lot_id, other_lot_reason, quantity, short_quantity,
       short_reason, $11
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::bigint[],
            $9::bigint[], $10::text[])
     AS added (pick_id, order_id, picked_by, number, product_id, lot_id, other_lot_reason, quantity, short_quantity,
               short_reason)
"""
_PICK = attrgetter("pick_id", "order_id", "picked_by")
_PICK_LINE = attrgetter("product_id", "lot_id", "other_lot_reason", "quantity", "short_quantity", "short_reason")


async def add_picks(tx: Transaction, picks: Iterable[Pick], now: datetime) -> None:
    rows = [
        (*_PICK(pick), number, *_PICK_LINE(line)) for pick in picks for number, line in enumerate(pick.lines, start=1)
    ]
    if rows:
        await tx.execute(ADD_PICKS, *columns(rows), now)


KEEP_ITEMS = """
INSERT INTO items (item_id, version, name)
SELECT item_id, version, name
FROM unnest($1::text[], $2::bigint[], $3::text[]) AS told (item_id, version, name)
ORDER BY item_id
ON CONFLICT (item_id) DO UPDATE SET version = EXCLUDED.version, name = EXCLUDED.name
WHERE items.version < EXCLUDED.version
"""


async def keep_items(tx: Transaction, items: Sequence[tuple[str, int, str]]) -> None:
    """Names by item, newest version wins; each item once in the list."""
    await tx.execute(KEEP_ITEMS, *columns(items))


@dataclass(frozen=True, slots=True)
class RecalledLot:
    """A lot that must not leave any more, for good."""

    lot_id: str
    item_id: str
    lot_code: str
    reason: str
    recalled_at: datetime


KEEP_RECALLED = """
INSERT INTO recalled_lots (lot_id, item_id, lot_code, reason, recalled_at)
SELECT lot_id, item_id, lot_code, reason, recalled_at
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[])
     AS told (lot_id, item_id, lot_code, reason, recalled_at)
ORDER BY lot_id
ON CONFLICT (lot_id) DO NOTHING
"""
_RECALLED = attrgetter("lot_id", "item_id", "lot_code", "reason", "recalled_at")


async def keep_recalled(tx: Transaction, lots: Sequence[RecalledLot]) -> None:
    await tx.execute(KEEP_RECALLED, *columns([_RECALLED(lot) for lot in lots]))


def _text(units: Mapping[str, Any]) -> str:
    return orjson.dumps(dict(units)).decode()


def columns(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Rows as the arrays that `unnest` takes."""
    return [list(column) for column in zip(*rows, strict=True)]


MAKE_WAVE = """
WITH chosen AS (
    SELECT order_id
    FROM fulfillments
    WHERE to_pick > 0 AND (waved_at IS NULL OR waved_at < clock_timestamp() - $4::float8 * interval '1 second')
      AND NOT EXISTS (SELECT FROM waves WHERE wave_id = $1)
    ORDER BY -priority, accepted_at, order_id
    LIMIT $2
    FOR UPDATE SKIP LOCKED
), made AS (
    INSERT INTO waves (wave_id, order_ids, made_by, made_at)
    SELECT $1, coalesce(array_agg(order_id), '{}'), $3, clock_timestamp() FROM chosen
    ON CONFLICT DO NOTHING
)
UPDATE fulfillments
SET wave_id = $1, waved_at = clock_timestamp()
FROM chosen
WHERE fulfillments.order_id = chosen.order_id
"""


async def make_wave(tx: Transaction, wave_id: UUID, limit: int, made_by: str, lapse_seconds: float) -> None:
    """Puts the first orders that wait for a picker on one list, once per id; one that somebody else has in hand is left
    for the next."""
    await tx.execute(MAKE_WAVE, wave_id, limit, made_by, lapse_seconds)
