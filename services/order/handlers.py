"""What order hears over Kafka, and which operation that is."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from uuid import UUID

from services.order.domain.answers import FulfillmentAnswer, FulfillmentLine, StockAnswer, StockLine
from services.order.domain.intake import Draft, DraftItem
from services.order.domain.order import Policy, ShortLine
from services.order.operations.hearing import Heard, hear_neighbours
from services.order.operations.learning import learn_items
from services.order.operations.placing import Submission, submit_orders
from services.order.operations.telling import Cause
from services.order.store.items import Item
from services.order.store.shipments import Shipment
from shared.contracts import fulfillment, inventory
from shared.contracts.envelope import Event
from shared.contracts.inventory import ItemChanged
from shared.contracts.order import OrderSubmitted
from shared.runtime.subscriptions import Subscription
from shared.runtime.transaction import Transaction

Handle = Callable[[Transaction, Sequence[Event[Any]]], Awaitable[None]]


async def learn_of_items(tx: Transaction, events: Sequence[Event[ItemChanged]]) -> None:
    """The newest of each item becomes what may be ordered."""
    await learn_items(tx, [_item(event) for event in events])


def _item(event: Event[ItemChanged]) -> Item:
    told = event.data
    return Item(told.item_id, told.item_kind, told.name, told.active, told.lead_days, event.version)


def accept_from_upstream(policy: Policy) -> Handle:
    """Orders published by upstream systems."""

    async def handle(tx: Transaction, events: Sequence[Event[OrderSubmitted]]) -> None:
        await submit_orders(tx, [Submission(draft_of(event.data), event.id) for event in events], policy)

    return handle


def draft_of(submitted: OrderSubmitted) -> Draft:
    """What upstream wrote, as a value."""
    return Draft(
        customer_id=submitted.customer_id,
        items=tuple(
            DraftItem(item.product_id, item.quantity)
            if item.unit_price is None
            else DraftItem(item.product_id, item.quantity, item.unit_price.amount, item.unit_price.currency)
            for item in submitted.items
        ),
        shipping_address=submitted.shipping_address,
        priority=submitted.priority,
        on_shortage=submitted.on_shortage,
        auto_confirm=submitted.auto_confirm,
        protect_safety_stock=submitted.protect_safety_stock,
        requested_delivery=submitted.requested_delivery,
        email=submitted.email,
        source=submitted.source,
        external_id=submitted.external_id,
    )


def hear_inventory(policy: Policy) -> Handle:
    """Snapshots of holds."""

    async def handle(tx: Transaction, events: Sequence[Event[inventory.StockSnapshot]]) -> None:
        await hear_neighbours(tx, [_of_stock(event) for event in events if is_order_id(event.data.order_id)], policy)

    return handle


def is_order_id(text: str) -> bool:
    """True for the ids that order makes; an event about another id is about no order."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _of_stock(event: Event[inventory.StockSnapshot]) -> Heard:
    told = event.data
    answer = StockAnswer(
        version=event.version,
        order_version=told.order_version,
        status=told.status,
        reason=told.reason,
        at=told.occurred_at,
        expires_at=told.expires_at,
        lines=tuple(_stock_line(line) for line in told.lines),
    )
    return Heard(told.order_id, _cause(event, "inventory", told.reason), answer)


def _stock_line(line: inventory.StockLine) -> StockLine:
    return StockLine(
        product_id=line.product_id,
        name=line.name,
        held=line.held,
        backordered=line.backordered,
        deducted=line.deducted,
        cancelled=line.cancelled,
        short=line.short,
        lots=tuple(lot.model_dump(mode="json") for lot in line.lots),
        shortage=_short_line(line),
    )


def _short_line(line: inventory.StockLine) -> ShortLine | None:
    short = line.shortage
    if short is None:
        return None
    return ShortLine(
        product_id=line.product_id,
        name=line.name,
        available=short.available,
        requested=short.requested,
        alternatives=tuple(alternative.model_dump(mode="json") for alternative in short.alternatives),
        earliest_date=short.expected_date,
        earliest_basis=short.expected_basis,
    )


def _cause(event: Event[Any], service: str, detail: str | None) -> Cause:
    return Cause(event.type, event.id, service, event.causation_id, detail)


def hear_fulfillment(policy: Policy) -> Handle:
    """Snapshots of fulfillments, and their parcels."""

    async def handle(tx: Transaction, events: Sequence[Event[fulfillment.FulfillmentSnapshot]]) -> None:
        known = [_of_fulfillment(event) for event in events if is_order_id(event.data.order_id)]
        await hear_neighbours(tx, known, policy)

    return handle


def _of_fulfillment(event: Event[fulfillment.FulfillmentSnapshot]) -> Heard:
    told = event.data
    lines = tuple(FulfillmentLine(line.product_id, line.shipped, line.cancelled) for line in told.lines)
    answer = FulfillmentAnswer(event.version, told.order_version, told.closed, lines)
    return Heard(told.order_id, _cause(event, "fulfillment", _detail(told)), answer, _shipment(told))


def _detail(told: fulfillment.FulfillmentSnapshot) -> str | None:
    if isinstance(told, fulfillment.FulfillmentShipped):
        return f"{told.carrier} {told.tracking_number}"
    return None


def _shipment(told: fulfillment.FulfillmentSnapshot) -> Shipment | None:
    if isinstance(told, fulfillment.FulfillmentShipped):
        units = tuple((line.product_id, line.quantity) for line in told.shipped)
        return Shipment(
            told.shipment_id, told.order_id, told.carrier, told.tracking_number, told.shipped_at, units=units
        )
    if isinstance(told, fulfillment.FulfillmentDelivered):
        return Shipment(told.shipment_id, told.order_id, delivered_at=told.delivered_at)
    return None


STOCK: Final = (
    "stock.reserved",
    "stock.rejected",
    "stock.confirmed",
    "stock.backordered",
    "stock.shortfall",
    "stock.released",
)
FULFILLMENT: Final = (
    "fulfillment.created",
    "fulfillment.short_picked",
    "fulfillment.shipped",
    "fulfillment.delivered",
    "fulfillment.cancelled",
)


def subscriptions(policy: Policy) -> tuple[Subscription, ...]:
    """What order hears, in the order in which the groups of one batch are handled: products before their orders."""
    return (
        Subscription(("item.changed",), learn_of_items),
        Subscription(("order.submitted",), accept_from_upstream(policy)),
        Subscription(STOCK, hear_inventory(policy)),
        Subscription(FULFILLMENT, hear_fulfillment(policy)),
    )


SUBSCRIPTIONS: Final = subscriptions(Policy())
"""The table as it is with the default policy."""
