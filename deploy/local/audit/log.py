"""What the topics say, read from their beginning by the contracts alone: every record, newest snapshots, facts."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from shared.contracts.bottling import BatchCompleted, BatchSnapshot
from shared.contracts.catalog import BY_NAME
from shared.contracts.envelope import Event, Header, Unreadable, read
from shared.contracts.fulfillment import FulfillmentDelivered, FulfillmentShipped, FulfillmentSnapshot
from shared.contracts.inventory import (
    ItemChanged,
    LotRecalled,
    MaterialsSnapshot,
    StockDeducted,
    StockLevelChanged,
    StockSnapshot,
)
from shared.contracts.order import OrderSnapshot, OrderSubmitted

Place = tuple[str, int]
Units = dict[str, int]
LotName = tuple[str, str]
"""Item and lot code: what is written on a lot that a batch made."""
GotLot = tuple[str, LotName]
"""The id of a lot that an order got units of, and what is written on it."""
SKIPPING: Final = frozenset({"stock.low", "stock.level_changed", "item.changed", "lot.recalled"})
"""Types whose versions are the item's and may skip (contract, section 9)."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the broker keeps it, on the topic of the event type `topic` (without prefix)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """One record: where it stands and which event it is; `id` None = unreadable or a deletion marker."""

    topic: str
    partition: int
    offset: int
    id: UUID | None
    source: str
    subject: str
    version: int
    unreadable: bool = False


@dataclass(slots=True)
class Log:
    """Everything the topics tell; `ranges` = first and end offset of each partition."""

    ranges: Mapping[Place, tuple[int, int]]
    records: list[Seen] = field(default_factory=list)
    orders: dict[str, tuple[int, OrderSnapshot]] = field(default_factory=dict)
    holds: dict[str, tuple[int, StockSnapshot]] = field(default_factory=dict)
    fulfillments: dict[str, tuple[int, FulfillmentSnapshot]] = field(default_factory=dict)
    batches: dict[str, tuple[int, BatchSnapshot]] = field(default_factory=dict)
    materials: dict[str, tuple[int, MaterialsSnapshot]] = field(default_factory=dict)
    levels: dict[str, tuple[int, StockLevelChanged]] = field(default_factory=dict)
    items: dict[str, tuple[int, ItemChanged]] = field(default_factory=dict)
    submitted: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    shipped: dict[str, tuple[str, Units]] = field(default_factory=dict)
    deducted: dict[str, tuple[str, Units]] = field(default_factory=dict)
    delivered: set[str] = field(default_factory=set)
    left_at: dict[str, datetime] = field(default_factory=dict)
    arrived_at: dict[str, datetime] = field(default_factory=dict)
    costs: dict[str, Decimal] = field(default_factory=dict)
    completed: dict[str, tuple[str, int]] = field(default_factory=dict)
    lots_made: dict[str, LotName] = field(default_factory=dict)
    lots_got: dict[str, set[GotLot]] = field(default_factory=dict)
    recalled: dict[str, LotRecalled] = field(default_factory=dict)


def log_of(records: Iterable[Record], ranges: Mapping[Place, tuple[int, int]]) -> Log:
    """Reads every record once; redelivered events (the same `ce_id`) change nothing."""
    log = Log(ranges)
    known: set[UUID] = set()
    for record in records:
        event = _event(record)
        log.records.append(_seen(record, event))
        if isinstance(event, Event) and event.id not in known:
            known.add(event.id)
            _take(log, event, (record.partition, record.offset))
    return log


def _event(record: Record) -> Event[Any] | Unreadable | None:
    try:
        return read(record.topic, record.value, record.headers, BY_NAME)
    except Unreadable as error:
        return error
    except ValueError as error:
        return Unreadable("undecodable", str(error))


def _seen(record: Record, event: Event[Any] | Unreadable | None) -> Seen:
    place = (record.topic, record.partition, record.offset)
    if isinstance(event, Event):
        return Seen(*place, event.id, event.source, event.subject, event.version)
    return Seen(*place, None, "", "", 0, unreadable=event is not None)


def _take(log: Log, event: Event[Any], place: tuple[int, int]) -> None:
    data = event.data
    match data:
        case OrderSubmitted():
            log.submitted.setdefault((data.source, data.external_id), place)
        case OrderSnapshot():
            _newest(log.orders, data.order_id, event.version, data)
        case StockSnapshot():
            _newest(log.holds, data.order_id, event.version, data)
        case FulfillmentSnapshot():
            _newest(log.fulfillments, data.order_id, event.version, data)
        case BatchSnapshot():
            _newest(log.batches, data.batch_id, event.version, data)
        case MaterialsSnapshot():
            _newest(log.materials, data.batch_id, event.version, data)
        case StockLevelChanged():
            _newest(log.levels, data.item_id, event.version, data)
        case ItemChanged():
            _newest(log.items, data.item_id, event.version, data)
    _take_fact(log, data)


def _take_fact(log: Log, data: Any) -> None:
    match data:
        case FulfillmentShipped():
            log.shipped[data.shipment_id] = (data.order_id, _units(data.shipped))
            log.left_at[data.shipment_id] = data.shipped_at
        case StockDeducted():
            log.deducted[data.shipment_id] = (data.order_id, _units(data.deducted))
            got = log.lots_got.setdefault(data.order_id, set())
            got |= {(lot.lot_id, (line.product_id, lot.lot_code)) for line in data.deducted for lot in line.lots}
        case FulfillmentDelivered():
            log.delivered.add(data.shipment_id)
            log.arrived_at[data.shipment_id] = data.delivered_at
        case BatchCompleted():
            log.completed[data.batch_id] = (data.product_id, data.quantity_good)
            log.lots_made[data.batch_id] = (data.product_id, data.lot_code)
            log.costs[data.batch_id] = data.cost.total.amount
        case LotRecalled():
            log.recalled[data.lot_id] = data


def _newest(known: dict[str, tuple[int, Any]], subject: str, version: int, data: Any) -> None:
    if subject not in known or version >= known[subject][0]:
        known[subject] = (version, data)


def _units(lines: Iterable[Any]) -> Units:
    units: Units = {}
    for line in lines:
        units[line.product_id] = units.get(line.product_id, 0) + line.quantity
    return units
