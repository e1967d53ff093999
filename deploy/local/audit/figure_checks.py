"""The services' figures, recomputed from the topics; from tables only what no topic tells: promises and past levels."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Final

from deploy.local.audit.books import Books, LedgerRow
from deploy.local.audit.deviation import Deviation, compare
from deploy.local.audit.log import Log
from shared.contracts.bottling import BatchSnapshot
from shared.contracts.inventory import MaterialsSnapshot
from shared.contracts.order import OrderSnapshot

Parts = tuple[Fraction, Fraction]
DAYS: Final = 365
"""Days before and after today of the window that is asked for: all that the topics may tell."""
WITHDRAWN: Final = ("cancelled", "rejected", "expired")


def check_figures(books: Books, log: Log) -> Iterator[Deviation]:
    """Numerator and denominator of every figure, as the service answers and as the topics say.

    Topics from which records are gone cannot tell; that they are gone is a deviation of its own, or their age.
    """
    if books.archived_until is not None or any(first for first, _ in log.ranges.values()):
        return
    expected = {
        "order": _order_figures(books, log),
        "inventory": _inventory_figures(books, log),
        "bottling": _bottling_figures(log),
    }
    for service, answers in books.figures.items():
        for name, parts in expected[service].items():
            found = answers.get(name)
            subject, where = f"{service} {name}", "the topics against GET kpis"
            yield from compare("figure", subject, _shown(parts), _shown(found), where)


def _shown(parts: Parts | None) -> str:
    return "no answer" if parts is None else f"{float(parts[0])} / {float(parts[1])}"


@dataclass(slots=True)
class _Counts:
    """What the orders came to."""

    shipped: int = 0
    released: int = 0
    expired: int = 0
    due: int = 0
    left_on_time: int = 0
    arrived: int = 0
    arrived_due: int = 0
    arrived_on_time: int = 0
    seconds: int = 0


def _order_figures(books: Books, log: Log) -> dict[str, Parts]:
    counts = _Counts()
    parcels: defaultdict[str, list[str]] = defaultdict(list)
    for shipment_id, (order_id, _) in log.shipped.items():
        parcels[order_id].append(shipment_id)
    for order_id, (_, order) in log.orders.items():
        _count_units(counts, order, log)
        _count_days(counts, books, log, order, parcels[order_id])
    ended = counts.shipped + counts.released + counts.expired
    return {
        "fulfillment_rate": (Fraction(counts.left_on_time), Fraction(counts.due)),
        "reservation_accuracy": (Fraction(counts.shipped), Fraction(ended)),
        "delivery_performance": (Fraction(counts.arrived_on_time), Fraction(counts.arrived_due)),
        "order_to_delivery": (Fraction(counts.seconds), Fraction(counts.arrived)),
    }


def _count_units(counts: _Counts, order: OrderSnapshot, log: Log) -> None:
    """Fulfillment's word of what left is newer than order's, order's of what was given up is whole."""
    if order.status == "rejected":
        return
    floor = log.fulfillments.get(order.order_id)
    left = {line.product_id: line.shipped for line in floor[1].lines} if floor else {}
    for line in order.lines:
        shipped = max(line.shipped, left.get(line.product_id, 0))
        rest = max(0, line.quantity - shipped)
        counts.shipped += shipped
        counts.released += min(line.cancelled, rest)
        counts.expired += rest - min(line.cancelled, rest) if order.status == "expired" else 0


def _count_days(counts: _Counts, books: Books, log: Log, order: OrderSnapshot, parcels: Sequence[str]) -> None:
    promised = books.first_promises.get(order.order_id)
    has_left = order.status == "fulfilled" and bool(parcels)
    if promised is not None and order.status not in WITHDRAWN and (has_left or promised < books.now.date()):
        counts.due += 1
        counts.left_on_time += has_left and max(log.left_at[parcel] for parcel in parcels).date() <= promised
    if has_left and all(parcel in log.arrived_at for parcel in parcels):
        arrived_at = max(log.arrived_at[parcel] for parcel in parcels)
        counts.arrived += 1
        counts.seconds += max(0, (arrived_at - order.accepted_at) // timedelta(seconds=1))
        counts.arrived_due += promised is not None
        counts.arrived_on_time += promised is not None and arrived_at.date() <= promised


@dataclass(slots=True)
class _Shelf:
    """Days of products: how many, on how many nothing was available, and the units that stood there."""

    days: int = 0
    out: int = 0
    unit_days: int = 0
    first: date = field(default=date.max)


def _inventory_figures(books: Books, log: Log) -> dict[str, Parts]:
    today = books.now.date()
    shelf = _Shelf()
    entries: defaultdict[str, list[tuple[datetime, LedgerRow]]] = defaultdict(list)
    for row in books.ledger:
        if row.at is not None:
            entries[row.item_id].append((row.at, row))
    for item_id, rows in entries.items():
        shelf.first = min(shelf.first, rows[0][0].date())
        if books.items[item_id].kind == "product":
            is_active = item_id not in log.items or log.items[item_id][1].active
            _count_item(shelf, rows, today, is_active)
    sold = sum(sum(units.values()) for _, units in log.deducted.values())
    days = (today - shelf.first).days + 1 if entries else 0
    mean = _four_places(Fraction(shelf.unit_days, days)) if days else Fraction(0)
    return {
        "stock_turnover": (Fraction(sold), mean),
        "stockout_frequency": (Fraction(shelf.out), Fraction(shelf.days)),
    }


def _count_item(shelf: _Shelf, rows: Sequence[tuple[datetime, LedgerRow]], today: date, is_active: bool) -> None:
    by_day: defaultdict[date, list[LedgerRow]] = defaultdict(list)
    for at, row in rows:
        by_day[at.date()].append(row)
    current, available, was_there = 0, 0, False
    day = rows[0][0].date()
    while day <= today:
        is_out = was_there and available == 0
        for row in by_day.get(day, []):
            current, available = row.new_current, row.new_current - row.new_reserved - row.new_held
            is_out, was_there = is_out or available == 0, True
        shelf.unit_days += current
        shelf.days += is_active
        shelf.out += is_active and is_out
        day += timedelta(days=1)


def _bottling_figures(log: Log) -> dict[str, Parts]:
    planned = produced = put_out = good = 0
    cost = used = standard = Fraction(0)
    for batch_id, (_, batch) in log.batches.items():
        if batch.status not in ("completed", "failed"):
            continue
        planned, produced = planned + batch.quantity_planned, produced + batch.quantity_produced
        if batch_id in log.costs:
            put_out, good = put_out + batch.quantity_produced, good + batch.quantity_good
            cost += Fraction(log.costs[batch_id])
        if batch_id in log.materials:
            spent, allowed = _materials(batch, log.materials[batch_id][1])
            used, standard = used + spent, standard + allowed
    return {
        "production_efficiency": (Fraction(put_out), Fraction(planned)),
        "quality_rate": (Fraction(good), Fraction(produced)),
        "material_utilization": (used, standard),
        "cost_per_unit": (cost, Fraction(good)),
    }


def _materials(batch: BatchSnapshot, told: MaterialsSnapshot) -> Parts:
    """What the materials of a batch cost, and what the planned ones had cost at the same prices."""
    required = {material.material_id: material.required for material in batch.materials}
    spent = allowed = Fraction(0)
    for line in told.materials if told.status == "settled" else ():
        units = line.issued - line.returned
        if line.cost is not None and line.cost.amount > 0 and units > 0:
            spent += Fraction(line.cost.amount)
            allowed += _four_places(Fraction(line.cost.amount) * required[line.material_id] / units)
    return spent, allowed


def _four_places(amount: Fraction) -> Fraction:
    exact = Decimal(amount.numerator) / Decimal(amount.denominator)
    return Fraction(exact.quantize(Decimal("0.0001"), ROUND_HALF_UP))
