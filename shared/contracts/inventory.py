"""Events of the inventory service: holds of orders, materials of batches, levels and items."""

from datetime import date
from typing import Literal

from shared.contracts.values import LotQuantity, Money, Payload, Quantity, Timestamp, Value

HoldStatus = Literal["active", "confirmed", "rejected", "expired", "closed"]
ItemKind = Literal["product", "material"]


class Alternative(Value):
    """Another product that could be had now."""

    product_id: str
    name: str
    available: Quantity


class Shortage(Value):
    """Why a line is short: what was available before this order, and what it asked for over all its lines."""

    available: Quantity
    requested: Quantity
    alternatives: tuple[Alternative, ...] = ()
    expected_date: date | None = None
    expected_basis: Literal["batch", "lead_days"] | None = None


class StockLine(Value):
    """One product of one order: `want = held + backordered + deducted + cancelled`; `short` = ever reported short."""

    product_id: str
    name: str
    want: Quantity
    held: Quantity
    backordered: Quantity
    deducted: Quantity
    cancelled: Quantity
    short: Quantity
    lots: tuple[LotQuantity, ...] = ()
    shortage: Shortage | None = None


class StockSnapshot(Payload):
    """Shape S: the whole state of an order's hold; `order_version` = the newest question taken into account."""

    order_id: str
    order_version: int
    status: HoldStatus
    reason: str
    expires_at: Timestamp | None
    lines: tuple[StockLine, ...]


class StockReserved(StockSnapshot):
    """Held + deducted grew; `confirmed` when asked with `confirm`."""

    reason: Literal["new", "backorder_filled", "shipped_unheld"]


class StockRejected(StockSnapshot):
    """Nothing was taken."""

    reason: Literal["insufficient_stock", "unknown_product", "expired", "closed"]


class StockConfirmed(StockSnapshot):
    """The hold is confirmed and no longer expires."""

    reason: Literal["confirmed", "retaken", "lots_changed"]


class StockBackordered(StockSnapshot):
    """Units queue, none newly held."""

    reason: Literal["new", "date_changed"]


class StockShortfall(StockSnapshot):
    """Held units were taken from the order; they queue at its age, or are cancelled."""

    reason: Literal["count", "recall", "lot_hold", "lot_expired", "short_pick", "shipped"]


class ProductQuantity(Value):
    """Units of one product."""

    product_id: str
    quantity: Quantity


class StockReleased(StockSnapshot):
    """The hold ended; `released` may be empty."""

    reason: Literal["cancelled", "expired"]
    released: tuple[ProductQuantity, ...]


class DeductedLine(ProductQuantity):
    """Units that left with a shipment."""

    lots: tuple[LotQuantity, ...] = ()


class StockDeducted(StockSnapshot):
    """Stock left with one shipment and closed its hold."""

    shipment_id: str
    deducted: tuple[DeductedLine, ...]


class StockLow(Payload):
    """What an item needs (gravest alert): when raised, when a batch of it ended, as it grows, daily, when resolved."""

    item_id: str
    alert_id: str | None
    item_kind: ItemKind
    kind: Literal["low_stock", "critical", "stockout"]
    status: Literal["raised", "open", "resolved"]
    available: int
    incoming: Quantity
    queued: Quantity
    min_stock_level: Quantity
    reorder_point: Quantity
    suggested_quantity: Quantity
    batches_ended: Quantity | None = None
    """Batches of the item of whose end inventory knows: what they brought is in `available`."""


class StockLevelChanged(Payload):
    """The newest level of an item (compacted, at most twice a second)."""

    item_id: str
    item_kind: ItemKind
    current: Quantity
    reserved: Quantity
    held: Quantity
    available: int
    incoming: Quantity
    queued: Quantity
    projected: int


class ItemChanged(Payload):
    """What the other services know of an item (compacted)."""

    item_id: str
    item_kind: ItemKind
    name: str
    unit: str
    active: bool
    alternatives: tuple[str, ...]
    lead_days: int
    min_stock_level: int
    reorder_point: int


class LotRecalled(Payload):
    """A lot is not to be sold or used any more; one for each, also of lots made of it (`cause_lot_id`)."""

    lot_id: str
    item_id: str
    item_kind: ItemKind
    lot_code: str
    reason: str
    cause_lot_id: str | None
    held_quantity: Quantity


class UsedLot(Value):
    """Units of one lot that a batch got and did not return; `cost` null: not known."""

    lot_id: str
    supplier_lot: str | None
    quantity: Quantity
    cost: Money | None


class MaterialLine(Value):
    """One material of one batch: `want = held + backordered + issued + cancelled`."""

    material_id: str
    name: str
    want: Quantity
    held: Quantity
    backordered: Quantity
    issued: Quantity
    returned: Quantity
    cancelled: Quantity
    cost: Money | None = None
    lots: tuple[UsedLot, ...] = ()


class MaterialsSnapshot(Payload):
    """Shape M: the whole state of a batch's materials; `batch_version` = the newest question taken into account."""

    batch_id: str
    batch_version: int
    status: Literal["reserved", "short", "issued", "settled", "released"]
    materials: tuple[MaterialLine, ...]


class MaterialsReserved(MaterialsSnapshot):
    """Every material of the batch is held."""


class MaterialsShort(MaterialsSnapshot):
    """Materials queue; also answers a start whose materials were taken back."""


class MaterialsIssued(MaterialsSnapshot):
    """The materials left stock for the batch, at their cost."""


class MaterialsSettled(MaterialsSnapshot):
    """Consumption is settled: extra issued, unused returned, cost final."""


class MaterialsReleased(MaterialsSnapshot):
    """Answers `batch.cancelled`, also when nothing was held."""
