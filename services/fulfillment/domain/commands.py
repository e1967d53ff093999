"""What the floor does: pick, pack, ship, deliver; which of them a fulfillment allows follows from its quantities."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from services.fulfillment.domain.copies import replace
from services.fulfillment.domain.state import (
    Action,
    Fulfillment,
    Line,
    Parcel,
    Quantities,
    Shipment,
    Status,
    added,
    settle,
    settled,
    without,
)

ShortReason = Literal["missing", "damaged", "recalled"]
ACTIONS: Final[tuple[Action, ...]] = ("pick", "pack", "ship", "deliver")


@dataclass(frozen=True)
class PickLine:
    """Units put on the bench, and units that could not be; `quantity` 0: also units that were on the bench already."""

    product_id: str
    quantity: int
    short_quantity: int = 0
    short_reason: ShortReason | None = None
    lot_id: str | None = None
    other_lot_reason: str | None = None


@dataclass(frozen=True, slots=True)
class PackedParcel:
    """A box as somebody closed it."""

    contents: Quantities
    weight_grams: int | None = None


@dataclass(frozen=True, slots=True)
class IllegalTransition:
    """The present state does not allow the command, or these recalled lots on the bench do not."""

    status: Status
    action: Action
    allowed: tuple[Action, ...]
    recalled: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Excess:
    """More units than there are to do it with; each error is (detail, place in the command)."""

    errors: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class OtherContent:
    """The carrier's number is taken by a shipment of this order with other lines."""

    shipment_id: UUID


Refusal = IllegalTransition | Excess | OtherContent


@dataclass(frozen=True)
class Done:
    """The fulfillment after a command; what was picked or found short, the shipment concerned, whether it is news."""

    fulfillment: Fulfillment
    picks: tuple[PickLine, ...] = ()
    shipment: Shipment | None = None
    news: bool = False


def allowed(fulfillment: Fulfillment) -> tuple[Action, ...]:
    """The commands that the present quantities allow, with what is recalled left on the bench."""
    sound = [line for line in fulfillment.lines.values() if not line.lots.recalled_on_bench]
    may: Mapping[Action, bool] = {
        "pick": fulfillment.left > 0,
        "pack": not fulfillment.closed and any(line.unpacked for line in sound),
        "ship": not fulfillment.closed and any(line.picked for line in sound),
        "deliver": bool(fulfillment.shipments),
    }
    return tuple(action for action in ACTIONS if may[action])


def refuse(fulfillment: Fulfillment, action: Action) -> IllegalTransition:
    return IllegalTransition(fulfillment.status, action, allowed(fulfillment))


def _refuse_recalled(fulfillment: Fulfillment, action: Action, product_ids: Iterable[str]) -> IllegalTransition | None:
    """While a unit of a recalled lot is on the bench, none of its product goes on: one looks like the other."""
    lines = [line for product_id in product_ids if (line := fulfillment.lines.get(product_id)) is not None]
    lots = tuple(lot for line in lines for lot in line.lots.recalled_on_bench)
    return IllegalTransition(fulfillment.status, action, allowed(fulfillment), lots) if lots else None


def decide_pick(fulfillment: Fulfillment, lines: Sequence[PickLine] | None) -> Done | Refusal:
    """Units onto the bench as listed (`None`) or as told, and shortages, which lower the target at once."""
    if fulfillment.closed:
        return refuse(fulfillment, "pick")
    if lines is None:
        left = {line.product_id: listed_units(line) for line in fulfillment.lines.values() if line.left > 0}
        lines = [PickLine(product_id, units) for product_id, units in left.items() if units]
    elif fulfillment.left == 0 and not (fulfillment.picked and all(line.quantity == 0 for line in lines)):
        return refuse(fulfillment, "pick")
    return _picked(fulfillment, lines) if lines else Done(fulfillment)


def listed_units(line: Line) -> int:
    """Units that a picking list names: not those that wait for another lot than a recalled one."""
    return sum(units for _, units in line.lots.listed(line.left))


def _picked(fulfillment: Fulfillment, lines: Sequence[PickLine]) -> Done | Excess:
    after: dict[str, Line] = {}
    picks: list[PickLine] = []
    errors: list[tuple[str, str]] = []
    for place, told in enumerate(lines):
        line = after.get(told.product_id) or fulfillment.lines.get(told.product_id)
        if line is None:
            errors.append((f"{told.product_id} is not of this order", f"/lines/{place}/product_id"))
        elif told.quantity + told.short_quantity > line.left + (line.picked if told.quantity == 0 else 0):
            errors.append((f"more than the target: {line.left} left to pick", f"/lines/{place}/quantity"))
        elif wrong := _wrong_lot(line, told):
            errors.append((wrong, f"/lines/{place}/lot_id"))
        else:
            for part in _by_lots(line, told):
                line = settled(_picked_line(line, part, told.quantity == 0), fulfillment.closed)
                picks.append(part)
            after[told.product_id] = line
    if errors:
        return Excess(tuple(errors))
    short = any(line.short_quantity for line in picks)
    return Done(settle(fulfillment, after.values()), picks=tuple(picks), news=short)


def _wrong_lot(line: Line, told: PickLine) -> str | None:
    """Why the scanned lot is not the one to take from; a reason makes another lot right, but never a recalled one."""
    if told.quantity and told.lot_id is not None and line.lots.is_recalled(told.lot_id):
        return f"lot {told.lot_id} of {told.product_id} is recalled; report its units short (`recalled`)"
    if told.quantity > listed_units(line) and told.lot_id is None:
        return f"only {listed_units(line)} of {told.product_id} are of lots that are not recalled"
    if told.lot_id is None or told.other_lot_reason is not None or not line.lots.told:
        return None
    lot = line.lots.known(told.lot_id)
    listed = 0 if lot is None else line.lots.left(lot)
    if told.quantity <= listed:
        return None
    found = f"{listed} of lot {told.lot_id} are listed" if listed else f"lot {told.lot_id} is not listed"
    return f"{found} for {told.product_id}; take a listed lot, or say why another in `other_lot_reason`"


def _by_lots(line: Line, told: PickLine) -> list[PickLine]:
    """The same pick with a lot on each line, as far as lots are listed: what was put on the bench before what is short.

    Units found short without any that were picked may have been on the bench already: only who says so knows their lot.
    """
    if told.lot_id is not None:
        lot = line.lots.known(told.lot_id)
        return [told if lot is None else replace(told, lot_id=lot.lot_id)]
    if told.quantity == 0 and told.short_reason == "recalled":
        return _recalled_parts(line, told)
    if not line.lots.told or told.quantity == 0:
        return [told]
    parts, picked, units_told = [], told.quantity, told.quantity + told.short_quantity
    listed_lots = line.lots.listed(units_told)
    for listed, units in [*listed_lots, *line.lots.awaited(units_told - sum(units for _, units in listed_lots))]:
        put = min(picked, units)
        picked -= put
        reason = told.short_reason if units > put else None
        lot_id = None if listed is None else listed.lot_id
        parts.append(PickLine(told.product_id, put, units - put, reason, lot_id, told.other_lot_reason))
    return parts


def _recalled_parts(line: Line, told: PickLine) -> list[PickLine]:
    """Units reported as recalled without a scan: those on the bench first, then listed ones, then any."""
    parts, rest = [], told.short_quantity
    lots = [*line.lots.recalled_on_bench.items(), *((lot.lot_id, n) for lot, n in line.lots.awaited(rest))]
    for lot_id, units in lots:
        if part := min(units, rest):
            parts.append(replace(told, lot_id=lot_id, short_quantity=part))
            rest -= part
    return [*parts, replace(told, short_quantity=rest)] if rest else parts


def _picked_line(line: Line, told: PickLine, maybe_on_bench: bool) -> Line:
    """A unit damaged or recalled is looked for on the bench first when nothing was picked with it."""
    off_bench = 0
    if maybe_on_bench:
        listed_first = told.short_reason == "missing"
        off_bench = max(0, told.short_quantity - line.left) if listed_first else min(told.short_quantity, line.picked)
        if told.short_reason == "recalled" and told.lot_id is not None:
            of_no_lot = line.picked - sum(line.lots.bench.values())
            off_bench = min(off_bench, line.lots.bench.get(told.lot_id, 0) + of_no_lot)
    picked = line.picked + told.quantity - off_bench
    lots = line.lots.picked(told.lot_id, told.quantity).put_back(told.lot_id, off_bench)
    lots = lots.reported_short(told.lot_id, told.short_quantity)
    short = line.short + told.short_quantity
    return replace(line, picked=picked, packed=min(line.packed, picked), short=short, lots=lots)


def decide_pack(fulfillment: Fulfillment, parcels: Sequence[PackedParcel] | None, *, pack_id: UUID) -> Done | Refusal:
    """Picked units into parcels, `None`: one parcel of all that is not packed yet; the same `pack_id` is a repeat."""
    if any(parcel.pack_id == pack_id for parcel in fulfillment.parcels):
        return Done(fulfillment)
    if fulfillment.closed:
        return refuse(fulfillment, "pack")
    if fulfillment.picked == fulfillment.packed:
        packed_before = fulfillment.packed or fulfillment.shipments
        return Done(fulfillment) if parcels is None and packed_before else refuse(fulfillment, "pack")
    if parcels is None:
        rest = {line.product_id: line.unpacked for line in fulfillment.lines.values() if line.unpacked}
        parcels = [PackedParcel(rest)]
    if recalled := _refuse_recalled(fulfillment, "pack", dict.fromkeys(id for box in parcels for id in box.contents)):
        return recalled
    errors = _unpackable(fulfillment, parcels)
    return Excess(errors) if errors else Done(_packed(fulfillment, parcels, pack_id))


def _unpackable(fulfillment: Fulfillment, parcels: Sequence[PackedParcel]) -> tuple[tuple[str, str], ...]:
    unpacked = {line.product_id: line.unpacked for line in fulfillment.lines.values()}
    errors = []
    for place, parcel in enumerate(parcels):
        for product_id, quantity in parcel.contents.items():
            if quantity > unpacked.get(product_id, 0):
                errors.append((f"{product_id}: more than is picked and not packed", f"/parcels/{place}/lines"))
            unpacked[product_id] = unpacked.get(product_id, 0) - quantity
    return tuple(errors)


def _packed(fulfillment: Fulfillment, parcels: Sequence[PackedParcel], pack_id: UUID) -> Fulfillment:
    number = _next_number(fulfillment.parcels)
    boxes = tuple(Parcel(number + n, box.contents, box.weight_grams, pack_id) for n, box in enumerate(parcels))
    boxed: Quantities = {}
    for box in boxes:
        boxed = added(boxed, box.contents)
    lines = fulfillment.lines
    after = [replace(lines[product_id], packed=lines[product_id].packed + n) for product_id, n in boxed.items()]
    return settle(replace(fulfillment, parcels=fulfillment.parcels + boxes), after)


def _next_number(parcels: Iterable[Parcel]) -> int:
    return max((parcel.number for parcel in parcels), default=0) + 1


def decide_ship(
    fulfillment: Fulfillment,
    carrier: str,
    tracking_number: str,
    quantities: Quantities | None,
    *,
    shipment_id: UUID,
    actor: str,
    now: datetime,
) -> Done | Refusal:
    """Units leave under a carrier's number, all that is picked (`None`) or as told; the same number again is a repeat.

    A repeat that names no lines, or the same, gets the shipment of the first time, whatever the state is by now.
    """
    known = fulfillment.tracked(carrier, tracking_number)
    if known is not None:
        same = quantities is None or dict(quantities) == dict(known.contents)
        return Done(fulfillment, shipment=known) if same else OtherContent(known.shipment_id)
    if fulfillment.closed or fulfillment.picked == 0:
        return refuse(fulfillment, "ship")
    if quantities is None:
        quantities = {line.product_id: line.picked for line in fulfillment.lines.values() if line.picked}
    if recalled := _refuse_recalled(fulfillment, "ship", quantities):
        return recalled
    errors = _unshippable(fulfillment, quantities)
    if errors:
        return Excess(errors)
    left = _left_the_bench(fulfillment, quantities, shipment_id)
    lots = {product_id: fulfillment.lines[product_id].lots.shipped(n)[1] for product_id, n in quantities.items()}
    lots = {product_id: units for product_id, units in lots.items() if units}
    shipment = Shipment(shipment_id, carrier, tracking_number, quantities, "shipped", now, actor, lots=lots)
    after = replace(left, shipments=(*left.shipments, shipment))
    shipment = replace(shipment, status=after.status)
    return Done(replace(after, shipments=(*left.shipments, shipment)), shipment=shipment, news=True)


def _unshippable(fulfillment: Fulfillment, quantities: Quantities) -> tuple[tuple[str, str], ...]:
    errors = []
    for product_id, quantity in quantities.items():
        line = fulfillment.lines.get(product_id)
        if line is None:
            errors.append((f"{product_id} is not of this order", "/lines"))
        elif quantity > line.picked:
            errors.append((f"{product_id}: {quantity} to ship, {line.picked} picked", "/lines"))
    return tuple(errors)


def _left_the_bench(fulfillment: Fulfillment, quantities: Quantities, shipment_id: UUID) -> Fulfillment:
    """The shipped units out of their parcels, then from the bench; what filled no whole parcel makes one of its own."""
    parcels, loose = _taken_from_parcels(fulfillment.parcels, quantities, shipment_id)
    if loose:
        parcels = (*parcels, Parcel(_next_number(fulfillment.parcels), loose, shipment_id=shipment_id))
    after = [_shipped_line(fulfillment.lines[product_id], n) for product_id, n in quantities.items()]
    return settle(replace(fulfillment, parcels=parcels), after)


def _taken_from_parcels(
    parcels: tuple[Parcel, ...], quantities: Quantities, shipment_id: UUID
) -> tuple[tuple[Parcel, ...], dict[str, int]]:
    """A parcel of exactly these units leaves first, else the oldest; second: the units that left in no whole parcel."""
    wanted = dict(quantities)
    loose = dict(quantities)
    after: dict[int, Parcel] = {parcel.number: parcel for parcel in parcels}
    for parcel in sorted(parcels, key=lambda parcel: (dict(parcel.contents) != wanted, parcel.number)):
        if parcel.shipment_id is not None:
            continue
        rest, taken = without(parcel, wanted)
        wanted = {product_id: n - taken.get(product_id, 0) for product_id, n in wanted.items()}
        after[parcel.number] = rest
        if not rest.contents:
            after[parcel.number] = replace(parcel, shipment_id=shipment_id)
            loose = {product_id: n - taken.get(product_id, 0) for product_id, n in loose.items()}
    return tuple(after.values()), {product_id: n for product_id, n in loose.items() if n}


def _shipped_line(line: Line, quantity: int) -> Line:
    boxed = min(line.packed, quantity)
    lots, _ = line.lots.shipped(quantity)
    picked, shipped = line.picked - quantity, line.shipped + quantity
    return replace(line, picked=picked, packed=line.packed - boxed, shipped=shipped, lots=lots)


def decide_deliver(fulfillment: Fulfillment, shipment_id: UUID, delivered_at: datetime) -> Done | Refusal:
    """The parcel arrived; again: nothing new. A shipment that this order does not have is an illegal transition."""
    known = fulfillment.shipment(shipment_id)
    if known is None:
        return refuse(fulfillment, "deliver")
    if known.delivered_at is not None:
        return Done(fulfillment, shipment=known)
    arrived = replace(known, delivered_at=delivered_at)
    shipments = tuple(arrived if shipment is known else shipment for shipment in fulfillment.shipments)
    return Done(replace(fulfillment, shipments=shipments), shipment=arrived, news=True)
