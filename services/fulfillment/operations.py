"""What fulfillment can do: each on a list, in one transaction: load and lock, decide, save, publish."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.fulfillment import store, views
from services.fulfillment.domain import commands
from services.fulfillment.domain.commands import Done, PackedParcel, PickLine, Refusal
from services.fulfillment.domain.copies import replace
from services.fulfillment.domain.questions import Cancel, Ready, decide_cancel, decide_ready
from services.fulfillment.domain.records import Row
from services.fulfillment.domain.state import Fulfillment, Quantities, Shipment
from shared.contracts.fulfillment import (
    FulfillmentCancelled,
    FulfillmentCreated,
    FulfillmentDelivered,
    FulfillmentLine,
    FulfillmentShipped,
    FulfillmentShortPicked,
    ShippedLine,
    ShortPick,
)
from shared.contracts.values import LotQuantity
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of order; `cause` is its event."""

    order_id: str
    question: Ready | Cancel
    cause: UUID


@dataclass(frozen=True, slots=True)
class Pick:
    """`lines` None: as listed. The same `pick_id` again is the same pick."""

    fulfillment_id: UUID
    pick_id: UUID
    lines: tuple[PickLine, ...] | None
    actor: str


@dataclass(frozen=True, slots=True)
class Pack:
    """`parcels` None: one of all that is picked. The same `pack_id` again is the same pack."""

    fulfillment_id: UUID
    pack_id: UUID
    parcels: tuple[PackedParcel, ...] | None


@dataclass(frozen=True, slots=True)
class Ship:
    """`quantities` None: all that is picked. `shipment_id` is for a shipment that is not known by its number."""

    fulfillment_id: UUID
    shipment_id: UUID
    carrier: str
    tracking_number: str
    quantities: Quantities | None
    actor: str


@dataclass(frozen=True, slots=True)
class Deliver:
    """`delivered_at` None: now."""

    shipment_id: UUID
    delivered_at: datetime | None


Outcome = Done | Refusal | None
"""What came of a command; None: there is no such fulfillment or shipment."""


class Work:
    """The fulfillments that this transaction has locked: as they were, and as they are by now."""

    def __init__(self, tx: Transaction, found: Iterable[Fulfillment], now: datetime) -> None:
        self.tx = tx
        self.now = now
        self.before = {fulfillment.order_id: fulfillment for fulfillment in found}
        self.after = dict(self.before)

    def keep(self, after: Fulfillment) -> Fulfillment:
        """Takes over a decision; a change is one revision more."""
        known = self.after[after.order_id]
        if after != known:
            self.after[after.order_id] = replace(after, revision=known.revision + 1)
        return self.after[after.order_id]

    def told(self, order_id: str) -> Fulfillment:
        """The fulfillment with the number of its next event."""
        after = self.after[order_id]
        self.after[order_id] = replace(after, version=after.version + 1)
        return self.after[order_id]

    async def save(self) -> None:
        changes = [(self.before[id], after) for id, after in self.after.items() if after != self.before[id]]
        await store.save(self.tx, changes, self.now)


async def _work(tx: Transaction, heads: Sequence[Row], scanned: Iterable[str] = ()) -> Work:
    found = await views.with_parts(tx, heads, scanned)
    return Work(tx, found, await tx.clock())


async def answer_order(tx: Transaction, asked: Sequence[Asked]) -> None:
    """Takes targets and judges cancels, in the order of arrival, and answers them."""
    order_ids = sorted({question.order_id for question in asked})
    await store.add_fulfillments(tx, {order_id: tx.new_id() for order_id in order_ids})
    work = await _work(tx, await store.lock_fulfillments_of_orders(tx, order_ids))
    for each in asked:
        _answer(work, each)
    await work.save()


def _answer(work: Work, asked: Asked) -> None:
    known = work.after[asked.order_id]
    if isinstance(asked.question, Ready):
        after, telling = decide_ready(known, asked.question)
    else:
        after, telling = decide_cancel(known, asked.question)
    work.keep(after)
    if telling is None:
        return
    told = work.told(asked.order_id)
    event = FulfillmentCreated if telling == "created" else FulfillmentCancelled
    work.tx.publish(event(**_snapshot(told, work.now)), version=told.version, cause=asked.cause)


async def pick(tx: Transaction, requests: Sequence[Pick]) -> list[Outcome]:
    """Units onto the bench; what could not be picked is told to inventory and order."""
    locked = await store.lock_fulfillments(tx, [request.fulfillment_id for request in requests])
    scans = {line.lot_id for request in requests for line in request.lines or () if line.lot_id is not None}
    work = await _work(tx, locked, scans)
    written = await store.find_picks(tx, [request.pick_id for request in requests])
    picks: list[store.Pick] = []

    def decide(known: Fulfillment, request: Pick) -> Done | Refusal:
        if request.pick_id in written:
            return Done(known)
        outcome = commands.decide_pick(known, request.lines)
        if isinstance(outcome, Done) and outcome.picks:
            picks.append(store.Pick(request.pick_id, known.order_id, outcome.picks, request.actor))
        return outcome

    outcomes = _decided(work, requests, _by_fulfillment(work), decide, _tell_short_pick)
    await work.save()
    await store.add_picks(tx, picks, work.now)
    return outcomes


async def pack(tx: Transaction, requests: Sequence[Pack]) -> list[Outcome]:
    """Picked units into parcels."""
    work = await _work(tx, await store.lock_fulfillments(tx, [request.fulfillment_id for request in requests]))

    def decide(known: Fulfillment, request: Pack) -> Done | Refusal:
        return commands.decide_pack(known, request.parcels, pack_id=request.pack_id)

    outcomes = _decided(work, requests, _by_fulfillment(work), decide)
    await work.save()
    return outcomes


async def ship(tx: Transaction, requests: Sequence[Ship]) -> list[Outcome]:
    """Parcels leave; once per carrier and number of an order."""
    work = await _work(tx, await store.lock_fulfillments(tx, [request.fulfillment_id for request in requests]))

    def decide(known: Fulfillment, request: Ship) -> Done | Refusal:
        return commands.decide_ship(
            known,
            request.carrier,
            request.tracking_number,
            request.quantities,
            shipment_id=request.shipment_id,
            actor=request.actor,
            now=work.now,
        )

    outcomes = _decided(work, requests, _by_fulfillment(work), decide, _tell_shipped)
    await work.save()
    return outcomes


async def deliver(tx: Transaction, requests: Sequence[Deliver]) -> list[Outcome]:
    """Parcels arrived."""
    shipment_ids = [request.shipment_id for request in requests]
    work = await _work(tx, await store.lock_fulfillments_of_shipments(tx, shipment_ids))
    order_of = {shipment.shipment_id: id for id, found in work.before.items() for shipment in found.shipments}

    def decide(known: Fulfillment, request: Deliver) -> Done | Refusal:
        return commands.decide_deliver(known, request.shipment_id, request.delivered_at or work.now)

    outcomes = _decided(work, requests, lambda request: order_of.get(request.shipment_id), decide, _tell_delivered)
    await work.save()
    return outcomes


def _by_fulfillment(work: Work) -> Callable[[Any], str | None]:
    order_of = {found.fulfillment_id: order_id for order_id, found in work.before.items()}
    return lambda request: order_of.get(request.fulfillment_id)


def _decided(
    work: Work,
    requests: Sequence[Any],
    order_of: Callable[[Any], str | None],
    decide: Callable[[Fulfillment, Any], Done | Refusal],
    tell: Callable[[Work, Any, Done], None] | None = None,
) -> list[Outcome]:
    """One decision after the other; each sees what the earlier ones of the list did."""
    outcomes: list[Outcome] = []
    for request in requests:
        order_id = order_of(request)
        outcome = None if order_id is None else decide(work.after[order_id], request)
        if isinstance(outcome, Done):
            outcome = replace(outcome, fulfillment=work.keep(outcome.fulfillment))
            if tell is not None and outcome.news:
                tell(work, request, outcome)
        outcomes.append(outcome)
    return outcomes


def _tell_short_pick(work: Work, request: Pick, done: Done) -> None:
    told = work.told(done.fulfillment.order_id)
    shorts = tuple(
        ShortPick(product_id=line.product_id, lot_id=line.lot_id, quantity=line.short_quantity, reason=reason)
        for line in done.picks
        if line.short_quantity and (reason := line.short_reason)
    )
    event = FulfillmentShortPicked(**_snapshot(told, work.now), short_pick_id=str(request.pick_id), shorts=shorts)
    work.tx.publish(event, version=told.version)


def _tell_shipped(work: Work, request: Ship, done: Done) -> None:
    told, shipment = work.told(done.fulfillment.order_id), _concerned(done)
    event = FulfillmentShipped(
        **_snapshot(told, work.now),
        shipment_id=str(shipment.shipment_id),
        carrier=shipment.carrier,
        tracking_number=shipment.tracking_number,
        shipped_at=shipment.shipped_at,
        shipped=tuple(_shipped_line(told, shipment, id, quantity) for id, quantity in shipment.contents.items()),
    )
    work.tx.publish(event, version=told.version)


def _shipped_line(fulfillment: Fulfillment, shipment: Shipment, product_id: str, quantity: int) -> ShippedLine:
    lots = fulfillment.lines[product_id].lots.named(shipment.lots.get(product_id, {}))
    told = tuple(
        LotQuantity(lot_id=lot.lot_id, lot_code=lot.lot_code, expires_on=lot.expires_on, quantity=lot.quantity)
        for lot in lots
    )
    return ShippedLine(product_id=product_id, quantity=quantity, lots=told)


def _tell_delivered(work: Work, request: Deliver, done: Done) -> None:
    told, shipment = work.told(done.fulfillment.order_id), _concerned(done)
    event = FulfillmentDelivered(
        **_snapshot(told, work.now), shipment_id=str(shipment.shipment_id), delivered_at=shipment.delivered_at
    )
    work.tx.publish(event, version=told.version)


def _concerned(done: Done) -> Shipment:
    assert done.shipment is not None, "news of a parcel name it"
    return done.shipment


def _snapshot(fulfillment: Fulfillment, now: datetime) -> dict[str, Any]:
    """Shape F."""
    return {
        "occurred_at": now,
        "order_id": fulfillment.order_id,
        "fulfillment_id": str(fulfillment.fulfillment_id),
        "customer_id": fulfillment.customer_id,
        "order_version": fulfillment.order_version,
        "status": fulfillment.status,
        "closed": fulfillment.closed,
        "lines": tuple(
            FulfillmentLine(
                product_id=line.product_id,
                target=line.target,
                picked=line.picked,
                shipped=line.shipped,
                cancelled=line.cancelled,
                short=line.short,
            )
            for line in fulfillment.lines.values()
        ),
    }


@dataclass(frozen=True, slots=True)
class MakeWave:
    """A picking list of up to `limit` orders; one that is not picked in `lapse_seconds` gives them back."""

    wave_id: UUID
    limit: int
    actor: str
    lapse_seconds: float


async def make_waves(tx: Transaction, requests: Sequence[MakeWave]) -> list[views.Wave]:
    """Picking lists, by priority, then age; no order is on two."""
    for request in requests:
        await store.make_wave(tx, request.wave_id, request.limit, request.actor, request.lapse_seconds)
    return [wave for request in requests if (wave := await views.wave_by_id(tx, request.wave_id))]


async def keep_recalled(tx: Transaction, lots: Sequence[store.RecalledLot]) -> None:
    """Takes over which lots must not leave any more; what has left has left."""
    await store.keep_recalled(tx, lots)


async def keep_names(tx: Transaction, names: Sequence[tuple[str, int, str]]) -> None:
    """Takes over names of items, given as (item, version, name); the newest version wins."""
    newest = {item_id: (item_id, version, name) for item_id, version, name in sorted(names)}
    await store.keep_items(tx, list(newest.values()))
