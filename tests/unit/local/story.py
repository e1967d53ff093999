"""A small installation at rest, right in every number: three orders, a batch, and everything the topics say of them."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from pydantic import BaseModel

from deploy.local.audit.books import (
    Batch,
    Books,
    Claim,
    Fulfillment,
    FulfillmentLine,
    Item,
    LedgerRow,
    Mail,
    Order,
    OrderLine,
    Received,
    Reservation,
    Sent,
    Shipment,
)
from deploy.local.audit.log import Log, Place, Record, log_of
from shared.contracts import bottling, fulfillment, inventory, order
from shared.contracts.catalog import BY_PAYLOAD, SERVICES
from shared.contracts.envelope import read
from shared.runtime.clock import new_id
from tests.builders import AT, event, make, record

ROSE: Final = "ROSE-50"
OIL: Final = "ROSE-OIL"


@dataclass
class Story:
    """What was told, as the topics, the outboxes and the inboxes keep it."""

    records: list[Record] = field(default_factory=list)
    sent: defaultdict[str, list[Sent]] = field(default_factory=lambda: defaultdict(list))
    heard: defaultdict[str, set[Any]] = field(default_factory=lambda: defaultdict(set))
    ends: Counter[str] = field(default_factory=Counter)

    def tell(self, payload: BaseModel, version: int) -> None:
        """Puts one event into its outbox, onto its topic and into the inboxes of its readers."""
        told, kind = event(payload, version), BY_PAYLOAD[type(payload)]
        key, value, headers = record(told)
        upstream = kind.owner == "upstream"
        self.records.append(Record(told.type, 0, self.ends[told.type], key, value, () if upstream else tuple(headers)))
        self.ends[told.type] += 1
        heard = read(told.type, value, ()) if upstream else told
        for reader in kind.readers:
            self.heard[reader].add(heard.id if heard else None)
        if not upstream:
            self.sent[kind.owner].append(Sent(told.id, told.type, told.subject, len(self.sent[kind.owner]) + 1))

    @property
    def ranges(self) -> dict[Place, tuple[int, int]]:
        return {(topic, 0): (0, end) for topic, end in self.ends.items()}

    def log(self) -> Log:
        return log_of(self.records, self.ranges)

    def mail(self) -> dict[str, Mail]:
        return {name: Mail(tuple(self.sent[name]), frozenset(self.heard[name])) for name in SERVICES}


@dataclass(frozen=True)
class Ids:
    """The aggregates of the story."""

    shipped: str = field(default_factory=lambda: str(new_id()))
    cancelled: str = field(default_factory=lambda: str(new_id()))
    rejected: str = field(default_factory=lambda: str(new_id()))
    batch: str = field(default_factory=lambda: str(new_id()))
    shipment: str = field(default_factory=lambda: str(new_id()))


def story() -> tuple[Books, Story, Ids]:
    """10 received, 6 shipped, 2 held and cancelled, 5 bottled of 45 ml; one order was refused."""
    ids, told = Ids(), Story()
    _tell_items(told)
    _tell_orders(told, ids)
    _tell_batch(told, ids)
    return _books(told, ids), told, ids


def _tell_items(told: Story) -> None:
    for item_id, kind, current, version in ((ROSE, "product", 9, 6), (OIL, "material", 55, 4)):
        told.tell(make(inventory.ItemChanged, item_id=item_id, item_kind=kind), 0)
        level = {"item_id": item_id, "item_kind": kind, "current": current, "available": current}
        told.tell(make(inventory.StockLevelChanged, **level), version)


def _tell_orders(told: Story, ids: Ids) -> None:
    for number in ("1", "2", "3"):
        item = {"product_id": ROSE, "quantity": 6}
        told.tell(make(order.OrderSubmitted, source="shop", external_id=number, items=[item]), 0)
    _tell_shipped(told, ids)
    _tell_cancelled(told, ids)
    line = [{"product_id": ROSE, "quantity": 50, "want": 50, "cancelled": 0}]
    told.tell(make(order.OrderCreated, order_id=ids.rejected, lines=line), 1)
    told.tell(make(inventory.StockRejected, order_id=ids.rejected, lines=line), 1)
    told.tell(make(order.OrderRejected, order_id=ids.rejected, lines=line), 2)


def _tell_shipped(told: Story, ids: Ids) -> None:
    about: dict[str, Any] = {"order_id": ids.shipped, "confirm": True}
    waiting, gone = [{"product_id": ROSE, "quantity": 6}], [{"product_id": ROSE, "quantity": 6, "shipped": 6}]
    told.tell(make(order.OrderCreated, lines=waiting, **about), 1)
    held = [{"product_id": ROSE, "quantity": 6, "held": 6}]
    told.tell(make(inventory.StockReserved, order_id=ids.shipped, status="confirmed", lines=held), 1)
    told.tell(make(order.OrderConfirmed, status="confirmed", lines=waiting, **about), 2)
    told.tell(make(order.OrderReady, lines=waiting, **about), 3)
    told.tell(make(fulfillment.FulfillmentCreated, order_id=ids.shipped, lines=waiting), 1)
    parcel = {"shipment_id": ids.shipment}
    units = [{"product_id": ROSE, "quantity": 6}]
    told.tell(make(fulfillment.FulfillmentShipped, order_id=ids.shipped, lines=gone, shipped=units, **parcel), 2)
    left = [{"product_id": ROSE, "quantity": 6, "deducted": 6}]
    told.tell(make(inventory.StockDeducted, order_id=ids.shipped, lines=left, deducted=units, **parcel), 2)
    told.tell(make(order.OrderFulfilled, lines=gone, shipment_ids=[ids.shipment], **about), 4)
    told.tell(make(fulfillment.FulfillmentDelivered, order_id=ids.shipped, lines=gone, **parcel), 3)


def _tell_cancelled(told: Story, ids: Ids) -> None:
    about = {"order_id": ids.cancelled}
    told.tell(make(order.OrderCreated, lines=[{"product_id": ROSE, "quantity": 2}], **about), 1)
    held = [{"product_id": ROSE, "quantity": 2, "held": 2}]
    told.tell(make(inventory.StockReserved, lines=held, **about), 1)
    given_up = [{"product_id": ROSE, "quantity": 2, "cancelled": 2}]
    told.tell(make(order.OrderCancelled, lines=given_up, **about), 2)
    told.tell(make(inventory.StockReleased, lines=given_up, **about), 2)


def _tell_batch(told: Story, ids: Ids) -> None:
    about = {"batch_id": ids.batch, "product_id": ROSE, "quantity_planned": 5}
    told.tell(make(bottling.BatchPlanned, **about), 1)
    oil = {"material_id": OIL, "want": 50}
    told.tell(make(inventory.MaterialsReserved, batch_id=ids.batch, materials=[{**oil, "held": 50}]), 1)
    told.tell(make(bottling.BatchStartRequested, **about), 2)
    issued = {**oil, "held": 0, "issued": 50}
    told.tell(make(inventory.MaterialsIssued, batch_id=ids.batch, materials=[issued]), 2)
    told.tell(make(bottling.BatchStarted, **about), 3)
    told.tell(make(bottling.BatchConsumed, **about), 4)
    told.tell(make(inventory.MaterialsSettled, batch_id=ids.batch, materials=[{**issued, "returned": 5}]), 3)
    good = {"quantity_produced": 6, "quantity_defective": 1, "quantity_good": 5}
    told.tell(make(bottling.BatchCompleted, **{**about, **good, "quantity_planned": 6}), 5)


def _books(told: Story, ids: Ids) -> Books:
    return Books(
        since=AT,
        now=AT + timedelta(days=1),
        items={ROSE: Item(ROSE, "product", 9, 0, 0, 0, 6, 0), OIL: Item(OIL, "material", 55, 0, 0, 0, 4, 0)},
        ledger=_ledger(ids),
        claims={
            ids.shipped: Claim(ids.shipped, "order", "confirmed", 2),
            ids.cancelled: Claim(ids.cancelled, "order", "closed", 2),
            ids.rejected: Claim(ids.rejected, "order", "rejected", 1),
            ids.batch: Claim(ids.batch, "batch", "settled", 3),
        },
        reservations=(
            Reservation(ids.shipped, ROSE, 6, 0, 0, 6, 0, 0),
            Reservation(ids.cancelled, ROSE, 2, 0, 0, 0, 2, 0),
            Reservation(ids.batch, OIL, 50, 0, 0, 50, 0, 5),
        ),
        deducted_shipments={ids.shipment: ids.shipped},
        batches_received=(Received(ids.batch, ROSE, 5),),
        receipts=(Received("r-1", ROSE, 10), Received("r-2", OIL, 100)),
        **_orders(ids),
        fulfillments={ids.shipped: Fulfillment(ids.shipped, "delivered", False, 3)},
        fulfillment_lines=(FulfillmentLine(ids.shipped, ROSE, 6, 0, 6, 0),),
        shipments={ids.shipment: Shipment(ids.shipment, ids.shipped, {ROSE: 6}, True)},
        batches={ids.batch: Batch(ids.batch, ROSE, "completed", 6, 1, 5, 5)},
        mail=told.mail(),
    )


def _orders(ids: Ids) -> dict[str, Any]:
    return {
        "orders": {
            ids.shipped: Order(ids.shipped, "shop", "1", "fulfilled", "reject", 4, "confirmed"),
            ids.cancelled: Order(ids.cancelled, "shop", "2", "cancelled", "reject", 2, "closed"),
            ids.rejected: Order(ids.rejected, "shop", "3", "rejected", "reject", 2, "rejected"),
        },
        "order_lines": (
            OrderLine(ids.shipped, ROSE, 6, 0, 0, 6, 6, 0),
            OrderLine(ids.cancelled, ROSE, 2, 0, 0, 0, 0, 2),
            OrderLine(ids.rejected, ROSE, 50, 0, 0, 0, 0, 0),
        ),
        "order_shipments": {ids.shipment: ids.shipped},
    }


def _ledger(ids: Ids) -> tuple[LedgerRow, ...]:
    rose = (
        ("receipt", 10, "r-1", (10, 0, 0)),
        ("reserve", 6, ids.shipped, (10, 6, 0)),
        ("reserve", 2, ids.cancelled, (10, 8, 0)),
        ("release", -2, ids.cancelled, (10, 6, 0)),
        ("sale", -6, ids.shipped, (4, 0, 0)),
        ("batch_output", 5, ids.batch, (9, 0, 0)),
    )
    oil = (
        ("receipt", 100, "r-2", (100, 0, 0)),
        ("reserve", 50, ids.batch, (100, 50, 0)),
        ("material_issue", -50, ids.batch, (50, 0, 0)),
        ("material_return", 5, ids.batch, (55, 0, 0)),
    )
    return _chain(ROSE, rose) + _chain(OIL, oil)


def _chain(item_id: str, moves: tuple[tuple[str, int, str, tuple[int, int, int]], ...]) -> tuple[LedgerRow, ...]:
    rows: list[LedgerRow] = []
    before = (0, 0, 0)
    for version, (type_name, quantity, reference, after) in enumerate(moves, start=1):
        (old, old_reserved, old_held), (new, reserved, held) = before, after
        levels = (old, new, old_reserved, reserved, old_held, held)
        rows.append(LedgerRow(str(new_id()), item_id, version, type_name, quantity, *levels, reference))
        before = after
    return tuple(rows)
