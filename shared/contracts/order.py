"""Events of the order service, and `order.submitted`, which upstream systems publish to it."""

from datetime import date
from typing import Any, Literal

from shared.contracts.values import Identifier, LotQuantity, Money, Payload, Quantity, Text, Timestamp, Value

OnShortage = Literal["reject", "backorder", "partial"]
RejectReason = Literal["insufficient_stock", "unknown_product", "invalid"]


class SubmittedItem(Value):
    """A line as somebody upstream wrote it; whether it is acceptable is order's decision."""

    product_id: str
    quantity: int
    unit_price: Money | None = None


class OrderSubmitted(Value):
    """An order from upstream, by its identity (`source`, `external_id`): a repeat is the same order."""

    source: Identifier
    external_id: Identifier
    submitted_at: Timestamp | None = None
    customer_id: str
    items: tuple[SubmittedItem, ...]
    shipping_address: dict[str, Any]
    priority: int = 0
    on_shortage: str = "reject"
    auto_confirm: bool = False
    protect_safety_stock: bool = False
    requested_delivery: date | None = None
    email: str | None = None


class OrderLine(Value):
    """One product of an order; `cancelled` = given up for good, in all, by whomever."""

    product_id: str
    quantity: Quantity
    shipped: Quantity
    cancelled: Quantity


class OrderSnapshot(Payload):
    """Shape O: the whole state of an order as order knows it."""

    order_id: str
    source: str | None
    external_id: str | None
    customer_id: str
    status: str
    priority: int
    on_shortage: OnShortage
    protect_safety_stock: bool
    confirm: bool
    accepted_at: Timestamp
    requested_delivery: date | None
    lines: tuple[OrderLine, ...]


class OrderCreated(OrderSnapshot):
    """Asks inventory for a hold; with `confirm` for a confirmed one."""


class OrderConfirmationRequested(OrderSnapshot):
    """Asks inventory to confirm the hold, or to take it confirmed."""


class OrderConfirmed(OrderSnapshot):
    """The order's hold is confirmed."""


class ShipTo(Value):
    """Where the parcels go; the only event that carries address and e-mail."""

    address: dict[str, Any]
    email: Text | None


class ReadyLine(OrderLine):
    """`target` = units to be shipped in all; `short` = short units this target knows of."""

    name: str
    target: Quantity
    short: Quantity
    lots: tuple[LotQuantity, ...] = ()


class OrderReady(OrderSnapshot):
    """What fulfillment is to ship, cumulative; sent again whenever the target changes."""

    ship_to: ShipTo
    lines: tuple[ReadyLine, ...]


class CancelLine(OrderLine):
    """`cancel` = units asked to be cancelled, in all."""

    cancel: Quantity


class OrderCancellationRequested(OrderSnapshot):
    """Asks fulfillment to judge a cancel against shipping."""

    cancel_reason: Text
    whole: bool
    lines: tuple[CancelLine, ...]


class OrderCancelled(OrderSnapshot):
    """The order, or a part of it, is given up; `closed`: it takes no hold ever again."""

    cancel_reason: Text
    actor: str
    closed: bool


class ShortageLine(Value):
    """One short product of a refused order."""

    product_id: str
    name: str
    available: Quantity
    requested: Quantity
    alternatives: tuple[dict[str, Any], ...] = ()
    earliest_date: date | None = None
    earliest_basis: Literal["batch", "lead_days"] | None = None


class FieldError(Value):
    """What is wrong with one field; `pointer` as in `/items/0/product_id`."""

    detail: str
    pointer: str


class RejectedLine(Value):
    """A line of a rejected order, as far as it was readable."""

    product_id: str
    quantity: int
    shipped: Quantity = 0
    cancelled: int = 0


class OrderRejected(OrderSnapshot):
    """The order is refused, at intake or by inventory."""

    on_shortage: str  # type: ignore[assignment]  # as submitted, acceptable or not
    lines: tuple[RejectedLine, ...]  # type: ignore[assignment]  # as far as readable
    reject_reason: RejectReason
    detail: str
    shortages: tuple[ShortageLine, ...] = ()
    errors: tuple[FieldError, ...] = ()


class BackorderedLine(OrderLine):
    """`backordered` = units that queue."""

    backordered: Quantity
    expected_date: date | None
    expected_basis: Literal["batch", "lead_days"] | None


class OrderBackordered(OrderSnapshot):
    """Units of the order queue and none may be picked."""

    lines: tuple[BackorderedLine, ...]


class OrderExpired(OrderSnapshot):
    """The hold lapsed unconfirmed; it may be confirmed anew until then."""

    confirmable_until: Timestamp


class OrderFulfilled(OrderSnapshot):
    """Nothing is open and something was shipped."""

    shipment_ids: tuple[str, ...]
