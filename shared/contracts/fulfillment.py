"""Events of the fulfillment service: picking, parcels and shipments of one order."""

from typing import Literal

from shared.contracts.inventory import ProductQuantity
from shared.contracts.values import LotQuantity, Payload, Quantity, Timestamp, Value

FulfillmentStatus = Literal["created", "picked", "packed", "partially_shipped", "shipped", "delivered", "cancelled"]


class FulfillmentLine(Value):
    """One product: units to ship in all, on the bench, gone, given up, and ever reported short."""

    product_id: str
    target: Quantity
    picked: Quantity
    shipped: Quantity
    cancelled: Quantity
    short: Quantity


class FulfillmentSnapshot(Payload):
    """Shape F: the whole state of a fulfillment; `order_version` = the newest target taken into account."""

    order_id: str
    fulfillment_id: str
    customer_id: str | None
    order_version: int
    status: FulfillmentStatus
    closed: bool
    lines: tuple[FulfillmentLine, ...]


class FulfillmentCreated(FulfillmentSnapshot):
    """The first `order.ready` arrived: a picking list exists."""


class ShortPick(Value):
    """Units that were listed and could not be picked."""

    product_id: str
    lot_id: str | None
    quantity: Quantity
    reason: Literal["missing", "damaged", "recalled"]


class FulfillmentShortPicked(FulfillmentSnapshot):
    """Units were found missing or damaged."""

    short_pick_id: str
    shorts: tuple[ShortPick, ...]


class ShippedLine(ProductQuantity):
    """Units that left the building."""

    lots: tuple[LotQuantity, ...] = ()


class FulfillmentShipped(FulfillmentSnapshot):
    """A parcel left; a fact that is never refused."""

    shipment_id: str
    carrier: str
    tracking_number: str
    shipped_at: Timestamp
    shipped: tuple[ShippedLine, ...]


class FulfillmentDelivered(FulfillmentSnapshot):
    """A parcel arrived."""

    shipment_id: str
    delivered_at: Timestamp


class FulfillmentCancelled(FulfillmentSnapshot):
    """Answers a cancel: what had not shipped is given up; `closed` when the whole order is."""
