"""Parcels of orders, by the natural key of the fact."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Shipment:
    """What is known of a parcel; a delivery may be heard of before its departure.

    `units` of each product are told to the customer and kept by nobody but fulfillment.
    """

    shipment_id: str
    order_id: str
    carrier: str | None = None
    tracking_number: str | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    units: tuple[tuple[str, int], ...] = ()


SAVE_SHIPMENTS = """
INSERT INTO order_shipments (shipment_id, order_id, carrier, tracking_number, shipped_at, delivered_at)
SELECT shipment_id, order_id, carrier, tracking_number, shipped_at, delivered_at
FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
    AS new (shipment_id, order_id, carrier, tracking_number, shipped_at, delivered_at)
ORDER BY shipment_id
ON CONFLICT (shipment_id) DO UPDATE
SET carrier = coalesce(order_shipments.carrier, excluded.carrier),
    tracking_number = coalesce(order_shipments.tracking_number, excluded.tracking_number),
    shipped_at = coalesce(order_shipments.shipped_at, excluded.shipped_at),
    delivered_at = coalesce(order_shipments.delivered_at, excluded.delivered_at)
RETURNING shipment_id, old.shipped_at IS NULL AND new.shipped_at IS NOT NULL AS has_left
"""


async def save_shipments(tx: Transaction, shipments: Sequence[Shipment]) -> list[Shipment]:
    """Adds what is new about each parcel; `shipments` names a parcel once. Returns those whose departure is news."""
    rows = await tx.fetch(
        SAVE_SHIPMENTS,
        [shipment.shipment_id for shipment in shipments],
        [shipment.order_id for shipment in shipments],
        [shipment.carrier for shipment in shipments],
        [shipment.tracking_number for shipment in shipments],
        [shipment.shipped_at for shipment in shipments],
        [shipment.delivered_at for shipment in shipments],
    )
    left = {row["shipment_id"] for row in rows if row["has_left"]}
    return [shipment for shipment in shipments if shipment.shipment_id in left]


LOAD_SHIPMENTS = """
SELECT shipment_id, carrier, tracking_number, shipped_at, delivered_at
FROM order_shipments
WHERE order_id = $1::uuid AND shipped_at IS NOT NULL
ORDER BY shipped_at, shipment_id
"""


async def load_shipments(tx: Transaction, order_id: str) -> list[Shipment]:
    """The parcels of an order that left, oldest first."""
    rows = await tx.fetch(LOAD_SHIPMENTS, order_id)
    return [Shipment(order_id=order_id, **dict(row)) for row in rows]


SHIPMENTS_OF = """
SELECT order_id, shipment_id FROM order_shipments
WHERE order_id = ANY($1::uuid[]) AND shipped_at IS NOT NULL
ORDER BY order_id, shipped_at, shipment_id
"""


async def shipments_of(tx: Transaction, order_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The parcels of each order that left."""
    found: dict[str, tuple[str, ...]] = {}
    for row in await tx.fetch(SHIPMENTS_OF, list(order_ids)):
        order_id = str(row["order_id"])
        found[order_id] = (*found.get(order_id, ()), row["shipment_id"])
    return found
