"""Facts of the building: shipped, reported short, received, counted, adjusted; never refused, each applied once."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from services.inventory.domain.claims import Claim, Line
from services.inventory.domain.levels import Reference
from services.inventory.domain.shelf import Deduction, Shelf, UnknownItem


@dataclass(frozen=True, slots=True)
class Shipment:
    """One parcel of an order that left the building: units by product, and when by fulfillment's word; the lots of each
    product as far as they were seen."""

    shipment_id: str
    order_id: str
    quantities: tuple[tuple[str, int], ...]
    shipped_at: datetime
    cause: str | None = None
    customer_id: str | None = None
    lots: Mapping[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Short:
    """Units of a product that were listed and could not be picked."""

    item_id: str
    quantity: int
    reason: Literal["missing", "damaged", "recalled"]


@dataclass(frozen=True, slots=True)
class ShortPick:
    """One report of units that were not found, or found damaged."""

    short_pick_id: str
    order_id: str
    shorts: tuple[Short, ...]
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """A cycle count; `current` and `held` are the books' at the version at which it was counted."""

    count_id: str
    item_id: str
    counted: int
    current: int
    held: int
    actor: str
    reason: str


def _claim_of(shelf: Shelf, order_id: str) -> Claim:
    """The order's claim; a fact that comes before every question makes one that has asked for nothing."""
    claim = shelf.claims.get(order_id)
    if claim is None:
        claim = shelf.claims[order_id] = unheard_of(order_id, shelf.now)
    return claim


def unheard_of(order_id: str, now: datetime) -> Claim:
    return Claim(order_id, "order", "new", "backorder", 0, False, now)


def summed(quantities: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Units by product, the same product twice as its sum."""
    found: Counter[str] = Counter()
    for item_id, quantity in quantities:
        found[item_id] += quantity
    return {item_id: quantity for item_id, quantity in found.items() if quantity > 0}


def decide_shipments(
    shelf: Shelf, shipments: Iterable[Shipment], counted_at: Mapping[str, datetime] = MappingProxyType({})
) -> None:
    """Stock leaves with each shipment and closes the order's hold on it.

    `counted_at`: when each item was counted last. What had left by then was missed by that count, and is given back to
    the books before it is deducted.
    """
    for shipment in shipments:
        shelf.cause = shipment.cause
        _correct_counts(shelf, shipment, counted_at)
        _ship(shelf, _claim_of(shelf, shipment.order_id), shipment)


def _correct_counts(shelf: Shelf, shipment: Shipment, counted_at: Mapping[str, datetime]) -> None:
    by = Reference("order", shipment.order_id, "fulfillment", f"shipment {shipment.shipment_id} left before the count")
    for item_id, quantity in summed(shipment.quantities).items():
        if item_id in counted_at and shipment.shipped_at < counted_at[item_id]:
            shelf.entries.append(shelf.level(item_id).post("count_correction", quantity, by, current=quantity))


def _ship(shelf: Shelf, claim: Claim, shipment: Shipment) -> None:
    by = Reference("order", claim.id, "fulfillment", f"shipment {shipment.shipment_id}", shipment.shipment_id)
    quantities = summed(shipment.quantities)
    told = shelf.telling(claim)
    told.cause = shipment.cause
    for item_id, quantity in quantities.items():
        line = claim.lines.setdefault(item_id, Line(item_id))
        unheld = shelf.depart(claim, line, quantity, "sale", by, "shipped")
        line.deducted += quantity
        line.kept = line.kept and line.held > 0
        line.balance()
        told.unheld = told.unheld or unheld > 0
    told.deductions.append(Deduction(shipment.shipment_id, tuple(quantities.items()), shipment.cause))
    shelf.fill_all(quantities)


def decide_short_picks(shelf: Shelf, picks: Iterable[ShortPick]) -> None:
    """Missing units are held for a count, damaged ones scrapped; then other stock, the queue, or cancelled."""
    for pick in picks:
        shelf.cause = pick.cause
        claim = _claim_of(shelf, pick.order_id)
        told = shelf.telling(claim)
        told.taken, told.cause = "short_pick", pick.cause
        by = Reference("order", claim.id, "fulfillment", f"short pick {pick.short_pick_id}")
        for short in pick.shorts:
            if short.quantity > 0:
                _report_short(shelf, claim, short, by)


def _report_short(shelf: Shelf, claim: Claim, short: Short, by: Reference) -> None:
    line = claim.lines.setdefault(short.item_id, Line(short.item_id))
    level = shelf.level(short.item_id)
    own = min(short.quantity, line.held)
    line.short += short.quantity
    if short.reason == "damaged":
        _scrap(shelf, claim, line, short.quantity, by)
    elif own > 0:
        shelf.entries.append(level.post("hold", own, by, reserved=-own, held=own))
        line.held -= own
    _replace(shelf, claim, line, own)
    line.balance()
    shelf.fill(short.item_id)


def _scrap(shelf: Shelf, claim: Claim, line: Line, quantity: int, by: Reference) -> None:
    level = shelf.level(line.item_id)
    own = min(quantity, line.held)
    if quantity > own:
        shelf.make_room(level, quantity - own, by, "short_pick", claim)
    shelf.entries.append(level.post("scrap", -quantity, by, current=-quantity, reserved=-own))
    line.held -= own


def _replace(shelf: Shelf, claim: Claim, line: Line, lost: int) -> None:
    """Other stock at once, else the queue at the order's age; under `reject` what is not there is cancelled."""
    if not claim.live:
        line.cancelled += lost
        return
    if claim.policy == "reject":
        shelf.serve_first([line.item_id])
        found = min(lost, shelf.room(shelf.level(line.item_id), claim))
        line.cancelled += lost - found
        lost = found
    shelf.join_queue(claim, line, lost)


def decide_count(shelf: Shelf, count: Counted) -> None:
    """The books follow the count: what was pending is settled, the difference taken from or added to stock."""
    level = shelf.level(count.item_id)
    by = Reference("count", count.count_id, count.actor, count.reason)
    pending = min(level.held, count.held)
    if pending > 0:
        shelf.entries.append(level.post("unhold", -pending, by, held=-pending))
    variance = max(count.counted - count.current, -level.current)
    if variance < 0:
        shelf.make_room(level, -variance, by, "count")
    if variance != 0:
        shelf.entries.append(level.post("count", variance, by, current=variance))
    shelf.fill(count.item_id)


def decide_adjustment(shelf: Shelf, item_id: str, quantity: int, by: Reference) -> bool:
    """Moves `current` by hand; False, and nothing moves, if that were less than what is promised."""
    level = shelf.level(item_id)
    if level.available + quantity < 0:
        return False
    shelf.arrive(item_id, "adjust", quantity, by)
    return True


def known(shelf: Shelf, item_ids: Iterable[str]) -> None:
    """Raises UnknownItem for the first that inventory has never heard of."""
    for item_id in item_ids:
        if item_id not in shelf.levels:
            raise UnknownItem(item_id)
