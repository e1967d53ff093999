"""All that a batch of events brings, in one plan: facts first, then questions, each table locked and written once."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from services.inventory.domain.batches import decide_batch_questions
from services.inventory.domain.claims import BatchQuestion, OrderQuestion, newest, newest_of_batches
from services.inventory.domain.facts import (
    Shipment,
    ShortPick,
    decide_shipments,
    decide_short_picks,
    known,
)
from services.inventory.domain.levels import Level, Reference
from services.inventory.domain.lots import Lot
from services.inventory.domain.orders import decide_questions
from services.inventory.domain.shelf import Shelf
from services.inventory.operations.lot_commands import recalls_of, tell_recalls
from services.inventory.operations.shelves import House, Scope, load, save, with_lapsed
from services.inventory.store import facts
from services.inventory.store import levels as level_rows
from services.inventory.store import lots as lot_rows
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Completion:
    """Good units of a batch, that enter stock, and what all of them cost."""

    batch_id: str
    item_id: str
    quantity: int
    lot_code: str
    produced_on: date
    expires_on: date | None
    cost: Decimal
    cause: str | None = None


@dataclass(frozen=True, slots=True)
class BatchNews:
    """What bottling says of a batch: units to come, and when; or that none come any more."""

    batch_id: str
    item_id: str
    quantity: int
    open: bool
    expected_at: datetime | None
    version: int
    cause: str | None = None


@dataclass(slots=True)
class Work:
    """What one batch of events brings."""

    completions: list[Completion] = field(default_factory=list)
    shipments: list[Shipment] = field(default_factory=list)
    short_picks: list[ShortPick] = field(default_factory=list)
    batch_questions: list[BatchQuestion] = field(default_factory=list)
    order_questions: list[OrderQuestion] = field(default_factory=list)
    batch_news: list[BatchNews] = field(default_factory=list)


async def take_in(tx: Transaction, house: House, work: Work) -> None:
    """Applies the facts that were never heard of, answers the newest question of each order and batch.

    Raises:
        UnknownItem: a fact or a batch names an item that was never made; the record is a dead letter until it is.
    """
    work = await _first_heard(tx, work)
    questions, batch_questions = newest(work.order_questions), newest_of_batches(work.batch_questions)
    scope = _scope(work, questions, batch_questions)
    asked = {line.item_id for question in questions for line in question.lines}
    scope.items |= {row["item_id"] for row in await _used_by(tx, work.completions)}
    shelf = await load(tx, house, await with_lapsed(tx, scope, asked))
    await _receive(tx, shelf, work.completions)
    decide_shipments(shelf, work.shipments, await _counted(tx, shelf, work.shipments))
    decide_short_picks(shelf, work.short_picks)
    decide_batch_questions(shelf, batch_questions)
    decide_questions(shelf, questions)
    shelf.date_anew(await _hear_of_batches(tx, shelf.levels, work.batch_news))
    await save(tx, house, shelf)


async def _first_heard(tx: Transaction, work: Work) -> Work:
    """Without the facts whose natural key is known; the keys are taken before any lock, each kind by its order."""
    shipped = await facts.note_shipments(
        tx, [(fact.shipment_id, fact.order_id, fact.customer_id) for fact in work.shipments]
    )
    short = await facts.note_short_picks(tx, [(fact.short_pick_id, fact.order_id) for fact in work.short_picks])
    completed = await facts.note_batches(
        tx,
        [
            (fact.batch_id, fact.item_id, fact.quantity, fact.lot_code, fact.produced_on, fact.expires_on)
            for fact in work.completions
        ],
    )
    work.shipments = list({fact.shipment_id: fact for fact in work.shipments if fact.shipment_id in shipped}.values())
    work.short_picks = list(
        {pick.short_pick_id: pick for pick in work.short_picks if pick.short_pick_id in short}.values()
    )
    work.completions = list({fact.batch_id: fact for fact in work.completions if fact.batch_id in completed}.values())
    return work


async def _used_by(tx: Transaction, completions: Sequence[Completion]) -> list[Any]:
    """The materials' lots of completed batches: whoever recalls one of them has locked its item."""
    return await lot_rows.read_used(tx, [fact.batch_id for fact in completions]) if completions else []


async def _counted(tx: Transaction, shelf: Shelf, shipments: Sequence[Shipment]) -> dict[str, datetime]:
    """When the items and lots of these shipments were counted last; they are locked, so nobody counts meanwhile."""
    items = {item_id for shipment in shipments for item_id, _ in shipment.quantities}
    seen = [(item_id, id) for shipment in shipments for item_id, lots in shipment.lots.items() for id, _ in lots]
    lots = {str(lot.lot_id) for item_id, id in seen if (lot := shelf.lots.find(item_id, id)) is not None}
    return await facts.last_counted(tx, sorted(items), sorted(lots)) if items else {}


def _scope(work: Work, questions: Sequence[OrderQuestion], batch_questions: Sequence[BatchQuestion]) -> Scope:
    scope = Scope()
    _scope_facts(scope, work)
    for asked in batch_questions:
        scope.claims.add(asked.batch_id)
        scope.batches.add(asked.batch_id)
        for need in asked.needs:
            scope.items.add(need.item_id)
            if asked.type != "batch.planned":
                scope.freeing.add(need.item_id)
                scope.leave(asked.batch_id, need.item_id, need.consumed or 0)
    for question in questions:
        items = {line.item_id for line in question.lines}
        scope.claims.add(question.order_id)
        scope.items |= items
        scope.freeing |= {line.item_id for line in question.lines if line.cancelled or question.closed}
    scope.items |= {news.item_id for news in work.batch_news}
    scope.freeing |= {news.item_id for news in work.batch_news}
    return scope


def _scope_facts(scope: Scope, work: Work) -> None:
    for completion in work.completions:
        scope.items.add(completion.item_id)
        scope.freeing.add(completion.item_id)
    for shipment in work.shipments:
        scope.claims.add(shipment.order_id)
        for item_id, quantity in shipment.quantities:
            scope.leave(shipment.order_id, item_id, quantity)
    for pick in work.short_picks:
        scope.claims.add(pick.order_id)
        for short in pick.shorts:
            scope.leave(pick.order_id, short.item_id, short.quantity)


async def _receive(tx: Transaction, shelf: Shelf, completions: Sequence[Completion]) -> None:
    known(shelf, (completion.item_id for completion in completions))
    recalled = await recalls_of(tx, await _used_by(tx, completions))
    for completion in completions:
        if completion.quantity > 0:
            shelf.cause = completion.cause
            by = Reference("batch", completion.batch_id, "bottling", f"lot {completion.lot_code}")
            lot = _lot_of(tx, completion, shelf.level(completion.item_id), shelf.now)
            recall = recalled.get(completion.batch_id)
            lot.status = "available" if recall is None else "recalled"
            shelf.bring(lot, "batch_output", completion.quantity, by)
            if recall is not None:
                await tell_recalls(tx, shelf, [lot], recall)
    costs = [(fact.item_id, fact.quantity, fact.cost) for fact in completions if fact.quantity > 0]
    await level_rows.add_costs(tx, costs)


def _lot_of(tx: Transaction, fact: Completion, level: Level, now: datetime) -> Lot:
    return Lot(
        tx.new_id(),
        fact.item_id,
        "batch",
        fact.lot_code,
        now,
        made=fact.quantity,
        batch_id=UUID(fact.batch_id),
        total_cost=fact.cost,
        produced_on=fact.produced_on,
        expires_on=fact.expires_on,
        sell_by=level.sell_by(fact.expires_on),
    )


async def _hear_of_batches(
    tx: Transaction, levels: dict[str, Level], news: Sequence[BatchNews]
) -> dict[str, str | None]:
    """Keeps the newest of each batch, and has the levels of its product told anew, and what it still needs.

    Returns the items of which other units are to come, or on another day, and what told it.
    """
    newest_news: dict[str, BatchNews] = {}
    for heard in news:
        known_news = newest_news.get(heard.batch_id)
        if known_news is None or heard.version > known_news.version:
            newest_news[heard.batch_id] = heard
    rows = [
        (heard.batch_id, heard.item_id, heard.quantity, heard.open, heard.expected_at, heard.version)
        for heard in newest_news.values()
    ]
    moved = await facts.save_incoming(tx, rows)
    for heard in newest_news.values():
        if heard.item_id in levels:
            level = levels[heard.item_id]
            level.moved, level.remind = True, level.remind or not heard.open
    return {heard.item_id: heard.cause for heard in newest_news.values() if heard.item_id in moved}
