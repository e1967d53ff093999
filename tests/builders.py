"""Events for tests: each payload of the contract, minimal and valid, with whatever a test wants to be different."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from pydantic import BaseModel

from shared.contracts import bottling, fulfillment, inventory, order
from shared.contracts.catalog import BY_PAYLOAD, EVENTS
from shared.contracts.envelope import Event, headers_of, source_of
from shared.contracts.values import rfc3339
from shared.runtime.clock import new_id

P = TypeVar("P", bound=BaseModel)

AT: Final = datetime(2026, 1, 31, 12, tzinfo=UTC)
PRODUCT: Final = "ROSE-50"
MATERIAL: Final = "ROSE-OIL"
MONEY: Final = {"amount": "1.0000", "currency": "EUR"}

_SNAPSHOTS: Final[tuple[tuple[type[BaseModel], dict[str, Any]], ...]] = (
    (
        order.OrderSnapshot,
        {
            "source": None,
            "external_id": None,
            "customer_id": "c-1",
            "status": "created",
            "priority": 0,
            "on_shortage": "reject",
            "protect_safety_stock": False,
            "confirm": False,
            "accepted_at": AT,
            "requested_delivery": None,
            "lines": [{}],
        },
    ),
    (
        inventory.StockSnapshot,
        {"order_version": 1, "status": "active", "expires_at": None, "reason": "new", "lines": [{}]},
    ),
    (
        fulfillment.FulfillmentSnapshot,
        {"customer_id": "c-1", "order_version": 1, "status": "created", "closed": False, "lines": [{}]},
    ),
    (
        bottling.BatchSnapshot,
        {
            "product_id": PRODUCT,
            "recipe_id": "recipe-1",
            "recipe_version": 1,
            "status": "planned",
            "reason": None,
            "quantity_planned": 10,
            "quantity_produced": 0,
            "quantity_defective": 0,
            "quantity_good": 0,
            "materials": [{}],
            "expected_completion_at": None,
        },
    ),
    (inventory.MaterialsSnapshot, {"batch_version": 1, "status": "reserved", "materials": [{}]}),
)

_OWN: Final[dict[type[BaseModel], dict[str, Any]]] = {
    order.OrderSubmitted: {
        "source": "shop",
        "external_id": "A-1",
        "customer_id": "c-1",
        "items": [{"product_id": PRODUCT, "quantity": 1}],
        "shipping_address": {},
    },
    order.OrderReady: {"status": "confirmed", "confirm": True, "ship_to": {"address": {}, "email": None}},
    order.OrderCancellationRequested: {"status": "cancelling", "cancel_reason": "", "whole": True},
    order.OrderCancelled: {"status": "cancelled", "cancel_reason": "", "actor": "test", "closed": True},
    order.OrderRejected: {"status": "rejected", "reject_reason": "invalid", "detail": "not acceptable"},
    order.OrderExpired: {"status": "expired", "confirmable_until": AT},
    order.OrderFulfilled: {"status": "fulfilled", "shipment_ids": []},
    inventory.StockRejected: {"status": "rejected", "reason": "insufficient_stock"},
    inventory.StockConfirmed: {"status": "confirmed", "reason": "confirmed"},
    inventory.StockShortfall: {"status": "confirmed", "reason": "count"},
    inventory.StockReleased: {"status": "closed", "reason": "cancelled", "released": []},
    inventory.StockDeducted: {"status": "confirmed", "shipment_id": "s-1", "deducted": []},
    inventory.StockLevelChanged: {
        "item_id": PRODUCT,
        "item_kind": "product",
        **dict.fromkeys(("current", "reserved", "held", "available", "incoming", "queued", "projected"), 0),
    },
    inventory.LotRecalled: {
        "lot_id": "lot-1",
        "item_id": PRODUCT,
        "item_kind": "product",
        "lot_code": "L-1",
        "reason": "splinters",
        "cause_lot_id": None,
        "held_quantity": 3,
    },
    inventory.StockLow: {
        "item_id": PRODUCT,
        "alert_id": None,
        "item_kind": "product",
        "kind": "low_stock",
        "status": "raised",
        **dict.fromkeys(
            ("available", "incoming", "queued", "min_stock_level", "reorder_point", "suggested_quantity"), 0
        ),
    },
    inventory.ItemChanged: {
        "item_id": PRODUCT,
        "item_kind": "product",
        "name": "Rose 50 ml",
        "unit": "pcs",
        "active": True,
        "alternatives": [],
        "lead_days": 14,
        "min_stock_level": 0,
        "reorder_point": 0,
    },
    inventory.MaterialsShort: {"status": "short"},
    inventory.MaterialsIssued: {"status": "issued"},
    inventory.MaterialsSettled: {"status": "settled"},
    inventory.MaterialsReleased: {"status": "released"},
    bottling.BatchPlanned: {"plan_reason": "manual"},
    bottling.BatchStartRequested: {"status": "starting"},
    bottling.BatchStarted: {"status": "in_progress"},
    bottling.BatchConsumed: {"status": "in_progress"},
    bottling.BatchCompleted: {
        "status": "completed",
        "quantity_produced": 10,
        "quantity_good": 10,
        "lot_code": "L-1",
        "produced_on": date(2026, 1, 31),
        "expires_on": None,
        "cost": dict.fromkeys(("materials", "labour", "overhead", "total", "unit"), MONEY),
    },
    bottling.BatchFailed: {"status": "failed"},
    bottling.BatchCancelled: {"status": "cancelled"},
    fulfillment.FulfillmentShortPicked: {"short_pick_id": "sp-1", "shorts": []},
    fulfillment.FulfillmentShipped: {
        "status": "shipped",
        "shipment_id": "s-1",
        "carrier": "DHL",
        "tracking_number": "1",
        "shipped_at": AT,
        "shipped": [],
    },
    fulfillment.FulfillmentDelivered: {"status": "delivered", "shipment_id": "s-1", "delivered_at": AT},
    fulfillment.FulfillmentCancelled: {"status": "cancelled", "closed": True},
}

_COUNTED: Final = ("shipped", "cancelled", "short", "picked", "held", "backordered", "deducted")
_LINE: Final[dict[str, Any]] = {
    **dict.fromkeys(_COUNTED, 0),
    "product_id": PRODUCT,
    "name": "Rose 50 ml",
    "quantity": 1,
    "want": 1,
    "target": 1,
    "cancel": 1,
    "expected_date": None,
    "expected_basis": None,
}
_MATERIAL: Final[dict[str, Any]] = {
    "material_id": MATERIAL,
    "name": "Rose oil",
    "required": 10,
    "consumed": None,
    "want": 10,
    "held": 10,
    "backordered": 0,
    "issued": 0,
    "returned": 0,
    "cancelled": 0,
}


def make(payload: type[P], **overrides: Any) -> P:
    """A payload; `lines` and `materials` are lists of dicts that need only tell what is different.

    An order's or batch's id is a new one unless given. A line that tells a `quantity` has it as `want`, `target` and
    `cancel` too, unless it tells those.
    """
    values: dict[str, Any] = {"occurred_at": AT, "order_id": str(new_id()), "batch_id": str(new_id())}
    values["fulfillment_id"] = str(new_id())
    for shape, defaults in _SNAPSHOTS:
        if issubclass(payload, shape):
            values |= defaults
    values |= _OWN.get(payload, {}) | overrides
    if "lines" in values:
        values["lines"] = [_line(told) for told in values["lines"]]
    if "materials" in values:
        values["materials"] = [{**_MATERIAL, **told} for told in values["materials"]]
    known = payload.model_fields
    return payload.model_validate({name: value for name, value in values.items() if name in known})


def _line(told: Mapping[str, Any]) -> dict[str, Any]:
    quantity = told.get("quantity", told.get("want", 1))
    return {**_LINE, **dict.fromkeys(("quantity", "want", "target", "cancel"), quantity), **told}


def event(payload: P, version: int = 1, *, id: UUID | None = None, cause: UUID | None = None) -> Event[P]:
    """The payload as its owner would send it; `version` counts the owner's events about this subject."""
    kind = BY_PAYLOAD[type(payload)]
    key = kind.key_of(payload)
    return Event(
        id=id or new_id(),
        type=kind.name,
        source=source_of(kind.owner),
        subject=key,
        version=version,
        data=payload,
        correlation_id=key,
        causation_id=None if cause is None else str(cause),
    )


def record(event: Event[Any]) -> tuple[bytes, bytes, list[tuple[str, bytes]]]:
    """Key, value and headers of the event on its topic."""
    headers = headers_of(
        id=event.id,
        type=event.type,
        source=event.source,
        subject=event.subject,
        time=rfc3339(AT),
        version=event.version,
        correlation_id=event.correlation_id or event.subject,
        causation_id=event.causation_id,
    )
    value = event.data.model_dump_json().encode()
    return event.subject.encode(), value, [(name, text.encode()) for name, text in headers.items()]


PAYLOADS: Final = tuple(kind.payload for kind in EVENTS)
"""Every payload that can be made."""
