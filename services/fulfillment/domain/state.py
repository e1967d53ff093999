"""One order's fulfillment as a value: lines, parcels, shipments, and what follows from their quantities."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from services.fulfillment.domain.copies import replace
from services.fulfillment.domain.lots import NO_LOTS, Lots, Units

Status = Literal["created", "picked", "packed", "partially_shipped", "shipped", "delivered", "cancelled"]
Action = Literal["pick", "pack", "ship", "deliver"]
Quantities = Mapping[str, int]
"""Units by product id."""


@dataclass(frozen=True)
class Line:
    """One product of the order, in units.

    `wanted` and `short_known` are the newest target as order told it and the short units it knew of; `target` is what
    follows from them. `picked` stands on the bench, `packed` is the part of it in parcels; `shipped` is gone.
    `cancelled` is given up for good, by whomever; `short` is all that was ever reported short.
    """

    product_id: str
    quantity: int
    name: str | None = None
    wanted: int = 0
    short_known: int = 0
    target: int = 0
    picked: int = 0
    packed: int = 0
    shipped: int = 0
    cancelled: int = 0
    short: int = 0
    lots: Lots = NO_LOTS

    @property
    def left(self) -> int:
        """Units still to pick."""
        return self.target - self.picked - self.shipped

    @property
    def unpacked(self) -> int:
        return self.picked - self.packed

    @property
    def open(self) -> int:
        """Units that are neither gone nor given up."""
        return self.quantity - self.cancelled - self.shipped


@dataclass(frozen=True)
class Parcel:
    """A closed box; without `shipment_id` it stands on the bench. `pack_id`: the command that closed it, if one did."""

    number: int
    contents: Quantities
    weight_grams: int | None = None
    pack_id: UUID | None = None
    shipment_id: UUID | None = None


@dataclass(frozen=True)
class Shipment:
    """What left under one tracking number, as far as known by lot (of each product); `status` is the fulfillment's
    right after, told again on a repeat."""

    shipment_id: UUID
    carrier: str
    tracking_number: str
    contents: Quantities
    status: Status
    shipped_at: datetime
    shipped_by: str
    delivered_at: datetime | None = None
    lots: Mapping[str, Units] = field(default_factory=dict)


@dataclass(frozen=True)
class Fulfillment:
    """One order's fulfillment.

    `version` counts the events about it, `revision` its changes. `ready_version` and `asked_version` are the order's
    newest `order.ready` and `order.cancellation_requested` taken into account (0: none). `ship_to` is JSON, passed on.
    `accepted_at` is the order's age; `wave_id` the picking list of many orders that it is on.
    """

    order_id: str
    fulfillment_id: UUID
    version: int = 0
    revision: int = 0
    ready_version: int = 0
    asked_version: int = 0
    closed: bool = False
    customer_id: str | None = None
    priority: int = 0
    requested_delivery: date | None = None
    ship_to: str | None = None
    accepted_at: datetime | None = None
    wave_id: UUID | None = None
    lines: Mapping[str, Line] = field(default_factory=dict)
    parcels: tuple[Parcel, ...] = ()
    shipments: tuple[Shipment, ...] = ()

    @property
    def order_version(self) -> int:
        """The newest question of order that is taken into account."""
        return max(self.ready_version, self.asked_version)

    @property
    def left(self) -> int:
        """Units still to pick."""
        return 0 if self.closed else sum(line.left for line in self.lines.values())

    @property
    def picked(self) -> int:
        """Units on the bench."""
        return sum(line.picked for line in self.lines.values())

    @property
    def packed(self) -> int:
        return sum(line.packed for line in self.lines.values())

    @property
    def unpacked(self) -> int:
        return self.picked - self.packed

    @property
    def shipped(self) -> int:
        return sum(line.shipped for line in self.lines.values())

    @property
    def status(self) -> Status:
        """What the quantities say."""
        if self.shipments:
            return self._status_after_shipping()
        if self.closed:
            return "cancelled"
        if self.picked == 0 or self.left > 0:
            return "created"
        return "picked" if self.picked > self.packed else "packed"

    def _status_after_shipping(self) -> Status:
        if any(line.open > 0 for line in self.lines.values()):
            return "partially_shipped"
        return "delivered" if all(shipment.delivered_at for shipment in self.shipments) else "shipped"

    def shipment(self, shipment_id: UUID) -> Shipment | None:
        """The shipment of that id, if it is of this order."""
        return next((shipment for shipment in self.shipments if shipment.shipment_id == shipment_id), None)

    def tracked(self, carrier: str, tracking_number: str) -> Shipment | None:
        """The shipment that left under this carrier and number."""
        wanted = (carrier, tracking_number)
        return next((found for found in self.shipments if (found.carrier, found.tracking_number) == wanted), None)


def settle(fulfillment: Fulfillment, changed: Iterable[Line]) -> Fulfillment:
    """The fulfillment with these lines put in order; what is no longer packed is taken out of its parcels."""
    lines = {**fulfillment.lines, **{line.product_id: settled(line, fulfillment.closed) for line in changed}}
    return replace(fulfillment, lines=lines, parcels=unpacked_to(fulfillment.parcels, lines))


def settled(line: Line, closed: bool) -> Line:
    """What follows from a line's quantities.

    What is given up never overlaps what shipped, the bench keeps at most what may still ship, and the target is never
    below what is picked and shipped. A target that knows fewer short units than were reported is lowered by the
    difference. `wanted` is cut to what may ship, so that a cancel does not hide a later short pick.
    """
    unshipped = line.quantity - line.shipped
    cancelled = unshipped if closed else min(line.cancelled, unshipped)
    may_ship = line.quantity - cancelled
    unknown = max(0, line.short - line.short_known)
    wanted = min(line.wanted, may_ship + unknown)
    picked = min(line.picked, may_ship - line.shipped)
    packed = min(line.packed, picked)
    target = max(wanted - unknown, picked + line.shipped)
    lots = line.lots.within(picked)
    if (cancelled, wanted, picked, packed, target, lots) == (
        line.cancelled, line.wanted, line.picked, line.packed, line.target, line.lots
    ):  # fmt: skip
        return line
    return replace(line, cancelled=cancelled, wanted=wanted, picked=picked, packed=packed, target=target, lots=lots)


def unpacked_to(parcels: tuple[Parcel, ...], lines: Mapping[str, Line]) -> tuple[Parcel, ...]:
    """The parcels without the units that lines no longer count as packed, newest parcel first; empty ones are gone."""
    excess = {product_id: boxed - lines[product_id].packed for product_id, boxed in boxed_units(parcels).items()}
    if not any(excess.values()):
        return parcels
    kept: list[Parcel] = []
    for parcel in sorted(parcels, key=lambda parcel: parcel.number, reverse=True):
        if parcel.shipment_id is None:
            parcel, taken = without(parcel, excess)
            excess = {product_id: n - taken.get(product_id, 0) for product_id, n in excess.items()}
        if parcel.contents:
            kept.append(parcel)
    return tuple(reversed(kept))


def boxed_units(parcels: Iterable[Parcel]) -> dict[str, int]:
    """Units in parcels that stand on the bench."""
    boxed: dict[str, int] = {}
    for parcel in parcels:
        if parcel.shipment_id is None:
            boxed = added(boxed, parcel.contents)
    return boxed


def without(parcel: Parcel, wanted: Quantities) -> tuple[Parcel, dict[str, int]]:
    """The parcel after taking out up to the wanted units, and what was taken."""
    taken = {product_id: min(n, wanted.get(product_id, 0)) for product_id, n in parcel.contents.items()}
    taken = {product_id: n for product_id, n in taken.items() if n > 0}
    rest = {product_id: n - taken.get(product_id, 0) for product_id, n in parcel.contents.items()}
    return replace(parcel, contents={product_id: n for product_id, n in rest.items() if n > 0}), taken


def added(one: Quantities, other: Quantities) -> dict[str, int]:
    """Both together."""
    return {product_id: one.get(product_id, 0) + other.get(product_id, 0) for product_id in {**one, **other}}
