"""The one table of events: type, payload, owner, readers, key; topics, documents and tests are made from it."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from shared.contracts import bottling, fulfillment, inventory, order

Service = Literal["order", "inventory", "bottling", "fulfillment"]
SERVICES: tuple[Service, ...] = ("order", "inventory", "bottling", "fulfillment")
RETENTION_DAYS = 7


@dataclass(frozen=True, slots=True)
class EventType:
    """One event. `key` names the payload's fields that make the record's key, joined by `:`."""

    name: str
    payload: type[BaseModel]
    owner: Service | Literal["upstream"]
    readers: frozenset[Service]
    key: tuple[str, ...]
    public: bool = False
    question: bool = False
    fact: bool = False
    compacted: bool = False

    def key_of(self, payload: BaseModel) -> str:
        """The record's key: the aggregate's id."""
        return ":".join(str(getattr(payload, field)) for field in self.key)


_READERS: dict[str, Service] = {"o": "order", "i": "inventory", "b": "bottling", "f": "fulfillment"}
_MARKS = {"P": "public", "Q": "question", "F": "fact", "C": "compacted"}
_KEYS = {
    "order": "order_id",
    "stock": "order_id",
    "materials": "batch_id",
    "batch": "batch_id",
    "fulfillment": "order_id",
}


def _event(
    name: str, payload: type[BaseModel], readers: str = "", marks: str = "", key: str | None = None
) -> EventType:
    owner: Service = {
        "order": "order",
        "stock": "inventory",
        "item": "inventory",
        "lot": "inventory",
        "materials": "inventory",
        "batch": "bottling",
        "fulfillment": "fulfillment",
    }[name.split(".")[0]]  # type: ignore[assignment]
    return EventType(
        name=name,
        payload=payload,
        owner=owner,
        readers=frozenset(_READERS[reader] for reader in readers),
        key=(key or _KEYS[name.split(".")[0]],),
        **{_MARKS[mark]: True for mark in marks},
    )


ORDER_SUBMITTED = EventType(
    "order.submitted",
    order.OrderSubmitted,
    "upstream",
    frozenset({"order"}),
    ("source", "external_id"),
    public=True,
    fact=True,
)

EVENTS: tuple[EventType, ...] = (
    ORDER_SUBMITTED,
    _event("order.created", order.OrderCreated, "i", "PQ"),
    _event("order.confirmation_requested", order.OrderConfirmationRequested, "i", "Q"),
    _event("order.confirmed", order.OrderConfirmed, "", "P"),
    _event("order.ready", order.OrderReady, "f", "Q"),
    _event("order.cancellation_requested", order.OrderCancellationRequested, "f", "Q"),
    _event("order.cancelled", order.OrderCancelled, "i", "PQ"),
    _event("order.rejected", order.OrderRejected, "", "P"),
    _event("order.backordered", order.OrderBackordered, "", "P"),
    _event("order.expired", order.OrderExpired, "", "P"),
    _event("order.fulfilled", order.OrderFulfilled, "", "P"),
    _event("stock.reserved", inventory.StockReserved, "o", "P"),
    _event("stock.rejected", inventory.StockRejected, "o", "P"),
    _event("stock.confirmed", inventory.StockConfirmed, "o", "P"),
    _event("stock.backordered", inventory.StockBackordered, "o", "P"),
    _event("stock.shortfall", inventory.StockShortfall, "o", "P"),
    _event("stock.released", inventory.StockReleased, "o", "P"),
    _event("stock.deducted", inventory.StockDeducted, "", "P"),
    _event("stock.low", inventory.StockLow, "b", "P", key="item_id"),
    _event("lot.recalled", inventory.LotRecalled, "bf", "P", key="lot_id"),
    _event("stock.level_changed", inventory.StockLevelChanged, "", "PC", key="item_id"),
    _event("item.changed", inventory.ItemChanged, "obf", "PC", key="item_id"),
    _event("materials.reserved", inventory.MaterialsReserved, "b"),
    _event("materials.short", inventory.MaterialsShort, "b"),
    _event("materials.issued", inventory.MaterialsIssued, "b"),
    _event("materials.settled", inventory.MaterialsSettled, "b"),
    _event("materials.released", inventory.MaterialsReleased, "b"),
    _event("batch.planned", bottling.BatchPlanned, "i", "Q"),
    _event("batch.start_requested", bottling.BatchStartRequested, "i", "Q"),
    _event("batch.started", bottling.BatchStarted, "i"),
    _event("batch.consumed", bottling.BatchConsumed, "i", "Q"),
    _event("batch.completed", bottling.BatchCompleted, "i", "PF"),
    _event("batch.failed", bottling.BatchFailed, "i", "Q"),
    _event("batch.cancelled", bottling.BatchCancelled, "i", "Q"),
    _event("fulfillment.created", fulfillment.FulfillmentCreated, "o"),
    _event("fulfillment.short_picked", fulfillment.FulfillmentShortPicked, "io", "F"),
    _event("fulfillment.shipped", fulfillment.FulfillmentShipped, "io", "PF"),
    _event("fulfillment.delivered", fulfillment.FulfillmentDelivered, "o", "P"),
    _event("fulfillment.cancelled", fulfillment.FulfillmentCancelled, "o"),
)

BY_NAME: dict[str, EventType] = {event.name: event for event in EVENTS}
BY_PAYLOAD: dict[type[BaseModel], EventType] = {event.payload: event for event in EVENTS}


def read_by(service: Service) -> tuple[EventType, ...]:
    """The events that a service subscribes to."""
    return tuple(event for event in EVENTS if service in event.readers)


def published_by(service: Service) -> tuple[EventType, ...]:
    """The events that a service owns."""
    return tuple(event for event in EVENTS if event.owner == service)


def dead_letter_topic(service: Service) -> str:
    """The topic that gets a copy of each of a service's dead letters."""
    return f"{service}.dlq"
