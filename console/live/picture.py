"""The picture that the events draw: stock of every item, the last day hour by hour, the newest news of orders."""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

HOURS: Final = 24
MINUTES_KEPT: Final = HOURS * 60
RECENT_MAX: Final = 8
SEEN_MAX: Final = 50_000
ITEMS_MAX: Final = 200_000
LEVELS: Final = ("current", "reserved", "held", "available", "incoming", "queued")
COUNTED: Final = {
    "order.created": "ordered",
    "fulfillment.shipped": "shipped",
    "batch.completed": "bottled",
    "order.fulfilled": "fulfilled",
}
"""What is counted by the minute, and under which name; heard from a day back."""

WORDS: Final = {
    "order.created": "placed",
    "order.confirmed": "confirmed",
    "order.rejected": "rejected",
    "order.backordered": "waits for stock",
    "order.expired": "hold expired",
    "order.cancelled": "cancelled",
    "order.fulfilled": "fulfilled",
    "fulfillment.shipped": "parcel left",
    "fulfillment.delivered": "parcel arrived",
}


@dataclass(slots=True)
class Minute:
    """What happened in one minute."""

    orders: int = 0
    ordered: int = 0
    shipped: int = 0
    bottled: int = 0
    fulfilled: int = 0


@dataclass(frozen=True, slots=True)
class Level:
    """An item's stock by its newest event."""

    item_id: str
    kind: str
    name: str
    unit: str
    current: int
    reserved: int
    held: int
    available: int
    incoming: int
    queued: int
    min_stock_level: int
    reorder_point: int

    @property
    def watched(self) -> bool:
        """It has levels at which somebody is told."""
        return self.reorder_point > 0 or self.min_stock_level > 0

    @property
    def gravity(self) -> str:
        """`stockout`, `critical`, `low_stock` or `fine`."""
        if not self.watched:
            return "fine"
        if self.available <= 0:
            return "stockout"
        if self.available <= self.min_stock_level:
            return "critical"
        return "low_stock" if self.available <= self.reorder_point else "fine"


@dataclass(frozen=True, slots=True)
class Recent:
    """One piece of news of an order."""

    order_id: str
    customer_id: str
    words: str
    type: str
    at: str


@dataclass(slots=True)
class Picture:
    """Bounded by the number of items and by a day's minutes, however many orders there are."""

    minutes: dict[int, Minute] = field(default_factory=dict)
    recent: deque[Recent] = field(default_factory=lambda: deque(maxlen=RECENT_MAX))
    heard_at: datetime | None = None
    heard: int = 0
    _levels: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _items: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    _seen: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def hear(self, type: str, event_id: str, at: datetime, data: Mapping[str, Any]) -> None:
        """Takes one event; the same one again changes nothing."""
        if type == "stock.level_changed":
            self._keep(self._levels, data)
        elif type == "item.changed":
            self._keep(self._items, data)
        elif not self._is_repeat(event_id):
            self._count(type, at, data)
            self._tell(type, at, data)
        self.heard_at = at if self.heard_at is None else max(at, self.heard_at)
        self.heard += 1

    def levels(self) -> list[Level]:
        """Every item that is known, by id."""
        return [self._level(item_id) for item_id in sorted(self._items.keys() | self._levels.keys())]

    def hours(self, now: datetime) -> list[Minute]:
        """The last 24 hours, the oldest first; the present one is the last."""
        this_hour = int(now.timestamp()) // 3600
        sums = [Minute() for _ in range(HOURS)]
        for minute, found in self.minutes.items():
            place = HOURS - 1 - (this_hour - minute // 60)
            if 0 <= place < HOURS:
                _add(sums[place], found)
        return sums

    def lately(self, now: datetime, minutes: int) -> Minute:
        """The sum of the last full minutes and the present one."""
        last, total = int(now.timestamp()) // 60, Minute()
        for minute in range(last - minutes + 1, last + 1):
            if (found := self.minutes.get(minute)) is not None:
                _add(total, found)
        return total

    def _keep(self, kept: dict[str, Mapping[str, Any]], data: Mapping[str, Any]) -> None:
        if data["item_id"] in kept or len(kept) < ITEMS_MAX:
            kept[data["item_id"]] = data

    def _is_repeat(self, event_id: str) -> bool:
        if event_id in self._seen:
            return True
        self._seen[event_id] = None
        if len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)
        return False

    def _count(self, type: str, at: datetime, data: Mapping[str, Any]) -> None:
        if type not in COUNTED:
            return
        number = int(at.timestamp()) // 60
        minute = self.minutes.setdefault(number, Minute())
        minute.orders += type == "order.created"
        minute.fulfilled += type == "order.fulfilled"
        if type == "order.created":
            minute.ordered += sum(line["quantity"] for line in data["lines"])
        elif type == "fulfillment.shipped":
            minute.shipped += sum(line["quantity"] for line in data["shipped"])
        elif type == "batch.completed":
            minute.bottled += data["quantity_good"]
        if len(self.minutes) > MINUTES_KEPT:
            del self.minutes[min(self.minutes)]

    def _tell(self, type: str, at: datetime, data: Mapping[str, Any]) -> None:
        if type not in WORDS:
            return
        news = Recent(data["order_id"], data.get("customer_id") or "", WORDS[type], type, at.isoformat())
        if not self.recent or news.at >= self.recent[0].at:
            self.recent.appendleft(news)

    def _level(self, item_id: str) -> Level:
        item, level = self._items.get(item_id, {}), self._levels.get(item_id, {})
        return Level(
            item_id=item_id,
            kind=item.get("item_kind") or level.get("item_kind", "product"),
            name=item.get("name", item_id),
            unit=item.get("unit", "pcs"),
            **{name: level.get(name, 0) for name in LEVELS},
            min_stock_level=item.get("min_stock_level", 0),
            reorder_point=item.get("reorder_point", 0),
        )


def _add(total: Minute, one: Minute) -> None:
    total.orders += one.orders
    total.ordered += one.ordered
    total.shipped += one.shipped
    total.bottled += one.bottled
    total.fulfilled += one.fulfilled


def moment_of(milliseconds: int) -> datetime:
    """A record's time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
