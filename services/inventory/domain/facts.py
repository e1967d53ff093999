"""Facts of the building: shipped, reported short, received, counted, adjusted; never refused, each applied once."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal
from uuid import UUID

from services.inventory.domain.claims import Claim, Line
from services.inventory.domain.levels import Level, Reference
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
    lot_id: str | None = None


@dataclass(frozen=True, slots=True)
class ShortPick:
    """One report of units that were not found, or found damaged."""

    short_pick_id: str
    order_id: str
    shorts: tuple[Short, ...]
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class Counted:
    """A cycle count, of one lot if told; `current` is the books' at the version at which it was counted, `held`
    what waited for a count then."""

    count_id: str
    item_id: str
    counted: int
    current: int
    held: int
    actor: str
    reason: str
    lot_id: UUID | None = None


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

    `counted_at`: when each item, or each lot by itself, was counted last. What had left by then was missed by that
    count, and is given back to the books before it is deducted.
    """
    for shipment in shipments:
        shelf.cause = shipment.cause
        _correct_counts(shelf, shipment, counted_at)
        _ship(shelf, _claim_of(shelf, shipment.order_id), shipment)


def _correct_counts(shelf: Shelf, shipment: Shipment, counted_at: Mapping[str, datetime]) -> None:
    by = Reference("order", shipment.order_id, "fulfillment", f"shipment {shipment.shipment_id} left before the count")
    for item_id, quantity in summed(shipment.quantities).items():
        lots = shipment.lots.get(item_id, ())
        if not _missed(shipment, item_id, counted_at):
            lots = tuple((lot_id, units) for lot_id, units in lots if _missed(shipment, lot_id, counted_at))
            quantity = min(quantity, sum(units for _, units in lots))
        if quantity > 0:
            _give_back_to_books(shelf, item_id, quantity, by, lots)


def _missed(shipment: Shipment, counted: str, counted_at: Mapping[str, datetime]) -> bool:
    """Whether an item, or a lot, was counted after the parcel had left, and nobody had heard of it."""
    return counted in counted_at and shipment.shipped_at < counted_at[counted]


def _give_back_to_books(
    shelf: Shelf, item_id: str, quantity: int, by: Reference, seen: Iterable[tuple[str, int]]
) -> None:
    """Units that had left before a count that missed them are there again, in the lots that they left."""
    lots = ((shelf.lots.find(item_id, lot_id), units) for lot_id, units in seen)
    parts = shelf.arriving(item_id, quantity, [(lot, units) for lot, units in lots if lot is not None])
    shelf.post(shelf.level(item_id), "count_correction", quantity, by, current=quantity, parts=parts)


def _ship(shelf: Shelf, claim: Claim, shipment: Shipment) -> None:
    by = Reference("order", claim.id, "fulfillment", f"shipment {shipment.shipment_id}", shipment.shipment_id)
    quantities = summed(shipment.quantities)
    told = shelf.telling(claim)
    told.cause = shipment.cause
    for item_id, quantity in quantities.items():
        line = claim.lines.setdefault(item_id, Line(item_id))
        unheld = shelf.depart(claim, line, quantity, "sale", by, "shipped", shipment.lots.get(item_id, ()))
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
    own = min(short.quantity, line.held)
    line.short += short.quantity
    if short.reason == "damaged":
        _scrap(shelf, claim, line, short, by)
    elif own > 0:
        _set_aside(shelf, claim, line, own, short.lot_id, by)
    _replace(shelf, claim, line, own)
    line.balance()
    shelf.fill(short.item_id)


def _scrap(shelf: Shelf, claim: Claim, line: Line, short: Short, by: Reference) -> None:
    own = min(short.quantity, line.held)
    seen = [(short.lot_id, short.quantity)] if short.lot_id is not None else []
    shelf.remove(shelf.level(line.item_id), short.quantity, "scrap", by, "short_pick", own=own, but=claim, seen=seen)
    line.held -= own


def _set_aside(shelf: Shelf, claim: Claim, line: Line, units: int, lot_id: str | None, by: Reference) -> None:
    """Units of the claim that were not found wait for a count; those of a blocked lot are held as it is."""
    level = shelf.level(line.item_id)
    named = None if lot_id is None else shelf.lots.find(line.item_id, lot_id)
    blocked = min(units, named.blocked) if named is not None and named.status != "available" else 0
    shelf.give_back(claim, line, blocked, "take_back", f"lot {lot_id} is {named.status}" if named else None)
    if units > blocked:
        pinned = [(id, share.pinned) for id, share in line.lots.items()]
        seen = [(named.lot_id, units)] if named is not None else []
        parts = shelf.lots.set_aside(line.item_id, units - blocked, [*seen, *pinned])
        shelf.post(level, "hold", units - blocked, by, reserved=blocked - units, held=units - blocked, parts=parts)
        line.held -= units - blocked


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


def pending_count(shelf: Shelf, item_id: str, lot_id: UUID | None = None) -> int:
    """Units that wait for a count, of one lot if told; those of no known lot count with the item."""
    loose = shelf.level(item_id).held - shelf.lots.blocked(item_id) if lot_id is None else 0
    return max(0, loose) + shelf.lots.pending(item_id, lot_id)


def _settle(shelf: Shelf, level: Level, pending: int, by: Reference, lot_id: UUID | None) -> list[tuple[object, int]]:
    """A count ends the waiting of up to so many units, of one lot if told; returns the lots that they were of."""
    settled = min(pending_count(shelf, level.item_id, lot_id), pending)
    if settled <= 0:
        return []
    parts = shelf.lots.settle(level.item_id, settled, lot_id)
    shelf.post(level, "unhold", -settled, by, held=-settled, parts=parts)
    return [(lot.lot_id, units) for lot, units in parts]


def decide_count(shelf: Shelf, count: Counted) -> None:
    """The books follow the count: what was pending is settled, the difference taken from or added to stock.

    A count of one lot says nothing of the others.
    """
    level = shelf.level(count.item_id)
    by = Reference("count", count.count_id, count.actor, count.reason)
    settled = _settle(shelf, level, count.held, by, count.lot_id)
    lot = None if count.lot_id is None else shelf.lots.find(count.item_id, count.lot_id)
    variance = max(count.counted - count.current, -(level.current if lot is None else lot.quantity))
    seen = [(lot.lot_id, -variance)] if lot is not None else settled
    if variance < 0:
        shelf.remove(level, -variance, "count", by, "count", seen=seen)
    if variance > 0:
        shelf.arrive(count.item_id, "count", variance, by, [(lot, variance)] if lot is not None else None)
    shelf.fill(count.item_id)


def decide_adjustment(shelf: Shelf, item_id: str, quantity: int, by: Reference, lot_id: UUID | None = None) -> bool:
    """Moves `current` by hand, of one lot if told; False, and nothing moves, if that were less than what is promised,
    or than the lot has. What is blocked is promised to nobody."""
    level = shelf.level(item_id)
    lot = None if lot_id is None else shelf.lots.find(item_id, lot_id)
    if quantity > 0:
        shelf.arrive(item_id, "adjust", quantity, by, [(lot, quantity)] if lot is not None else None)
        return True
    unsold = lot.quantity if lot is not None and lot.status != "available" else level.available
    if unsold + quantity < 0 or (lot is not None and lot.quantity + quantity < 0):
        return False
    shelf.remove(level, -quantity, "adjust", by, "count", seen=[(lot.lot_id, -quantity)] if lot is not None else ())
    shelf.fill(item_id)
    return True


def known(shelf: Shelf, item_ids: Iterable[str]) -> None:
    """Raises UnknownItem for the first that inventory has never heard of."""
    for item_id in item_ids:
        if item_id not in shelf.levels:
            raise UnknownItem(item_id)
