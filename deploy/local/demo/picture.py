"""What the demo knows of its run, by listening to the public events as any consumer may; the newest snapshot counts."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

Identity = tuple[str, str]
RESTING: Final = frozenset({"fulfilled", "cancelled", "rejected", "expired"})
FOR_THE_WAREHOUSE: Final = frozenset({"order.ready", "fulfillment.created", "fulfillment.shipped"})
NOTHING: Final[Mapping[str, int]] = {}


@dataclass(slots=True)
class OrderSeen:
    """The newest that order told of one order."""

    order_id: str
    identity: Identity
    version: int
    status: str


@dataclass(slots=True)
class HoldSeen:
    """The newest that inventory told of one order."""

    version: int
    status: str
    queued: Mapping[str, int]


@dataclass(slots=True)
class Parcels:
    """The newest that fulfillment told of one order, and its shipments."""

    shipped: set[str] = field(default_factory=set)
    delivered: set[str] = field(default_factory=set)


class Picture:
    """The state of the run's orders and of every batch since it began."""

    def __init__(self) -> None:
        self.submitted: dict[Identity, bool] = {}
        self.orders: dict[str, OrderSeen] = {}
        self.order_of: dict[Identity, str] = {}
        self.holds: dict[str, HoldSeen] = {}
        self.parcels: dict[str, Parcels] = {}
        self.batches: dict[str, tuple[int, str]] = {}
        self.queue: Counter[str] = Counter()
        self.messages = 0
        self.listed = 0
        self.changed_at = time.monotonic()
        self._changed = asyncio.Event()

    def submit(self, identity: Identity, auto_confirm: bool) -> None:
        """Notes that an order was published."""
        self.submitted.setdefault(identity, auto_confirm)
        self.changed_at = time.monotonic()

    def take(self, events: Iterable[tuple[str, int, Mapping[str, Any]]]) -> None:
        """Takes in events as (type, aggregate version, payload) and wakes whoever waits for a change."""
        for type_name, version, payload in events:
            self.messages += 1
            self.listed += type_name in FOR_THE_WAREHOUSE
            self._take[type_name.split(".")[0]](self, type_name, version, payload)
        self.changed_at = time.monotonic()
        self._changed.set()
        self._changed = asyncio.Event()

    def _order(self, _: str, version: int, payload: Mapping[str, Any]) -> None:
        order_id = payload["order_id"]
        identity = (payload["source"] or "", payload["external_id"] or "")
        seen = self.orders.get(order_id)
        if seen is None or version > seen.version:
            self.orders[order_id] = OrderSeen(order_id, identity, version, payload["status"])
            self.order_of[identity] = order_id

    def _stock(self, _: str, version: int, payload: Mapping[str, Any]) -> None:
        before = self.holds.get(payload["order_id"])
        if before is not None and before.version >= version:
            return
        queued = {line["product_id"]: line["backordered"] for line in payload["lines"] if line["backordered"]}
        self.queue.update(queued)
        self.queue.subtract(before.queued if before else NOTHING)
        self.holds[payload["order_id"]] = HoldSeen(version, payload["status"], queued)

    def _fulfillment(self, type_name: str, _: int, payload: Mapping[str, Any]) -> None:
        parcels = self.parcels.setdefault(payload["order_id"], Parcels())
        if type_name == "fulfillment.shipped":
            parcels.shipped.add(payload["shipment_id"])
        elif type_name == "fulfillment.delivered":
            parcels.delivered.add(payload["shipment_id"])

    def _batch(self, _: str, version: int, payload: Mapping[str, Any]) -> None:
        before = self.batches.get(payload["batch_id"])
        if before is None or version > before[0]:
            self.batches[payload["batch_id"]] = (version, payload["status"])

    _take: Final[Mapping[str, Callable[["Picture", str, int, Mapping[str, Any]], None]]] = {
        "order": _order,
        "stock": _stock,
        "fulfillment": _fulfillment,
        "batch": _batch,
    }

    async def until(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Waits for a condition, looking again after every change; False when it was not reached in time."""
        deadline = time.monotonic() + seconds
        while not reached():
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            await self.change(left)
        return True

    async def change(self, seconds: float) -> None:
        """Waits for the next change, or for the time to pass."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    def ours(self) -> set[str]:
        """The orders of this run."""
        return {self.order_of[identity] for identity in self.submitted if identity in self.order_of}

    def status(self, order_id: str) -> str:
        """An order's status as far as events tell it."""
        order, parcels = self.orders[order_id], self.parcels.get(order_id)
        if parcels is None or order.status in RESTING:
            return order.status
        return "partially_fulfilled" if parcels.shipped else "processing"

    def statuses(self) -> Counter[str]:
        """How many of the run's orders stand where; `submitted` = not yet heard of."""
        counts = Counter(self.status(order_id) for order_id in self.ours())
        waiting = len(self.submitted) - counts.total()
        return counts + Counter({"submitted": waiting})

    def answered(self) -> bool:
        """True once inventory, or a refusal, has answered every order."""
        return all(self._answered(identity) for identity in self.submitted)

    def _answered(self, identity: Identity) -> bool:
        order_id = self.order_of.get(identity)
        return order_id is not None and (order_id in self.holds or self.orders[order_id].status in RESTING)

    def knows(self, identity: Identity) -> bool:
        """True once the order exists and inventory, or a refusal, has answered it."""
        return self._answered(identity)

    def open_orders(self) -> list[Identity]:
        """The run's orders that have not come to rest."""
        return [identity for identity in self.submitted if not self._rests(identity)]

    def _rests(self, identity: Identity) -> bool:
        order_id = self.order_of.get(identity)
        return order_id is not None and self.orders[order_id].status in RESTING

    def all_delivered(self) -> bool:
        """True if every parcel that was sent has arrived."""
        return all(parcels.shipped <= parcels.delivered for parcels in self.parcels.values())

    def shipments(self) -> tuple[int, int]:
        """Parcels sent and arrived."""
        sent = sum(len(parcels.shipped) for parcels in self.parcels.values())
        return sent, sum(len(parcels.delivered) for parcels in self.parcels.values())

    def batch_statuses(self) -> Counter[str]:
        """How many batches stand where."""
        return Counter(status for _, status in self.batches.values())
