"""What staff do to stock: receive, adjust, count."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from services.inventory.domain.facts import Counted, decide_adjustment, decide_count, pending_count
from services.inventory.domain.levels import Entry, Level, Reference
from services.inventory.domain.lots import MONEY, Lot
from services.inventory.domain.shelf import Shelf
from services.inventory.operations.shelves import House, Scope, load, save
from services.inventory.store import alerts, facts, ledger
from services.inventory.store import levels as level_rows
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Receipt:
    """Units from a supplier, with what one of them cost."""

    receipt_id: UUID
    lot_id: UUID
    item_id: str
    quantity: int
    supplier_lot: str
    unit_cost: Decimal
    expires_on: date | None
    note: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class Movement:
    """What a receipt, a count or an adjustment did: the level after it, and whom it gave to or took from."""

    level: Level
    entry_id: UUID | None = None
    expected: int = 0
    given: list[tuple[str, str, int]] = field(default_factory=list)
    taken: list[tuple[str, str, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Unknown:
    """There is no such item."""

    item_id: str


@dataclass(frozen=True, slots=True)
class BelowPromised:
    """An adjustment would take what is promised; a count may."""

    available: int


@dataclass(frozen=True, slots=True)
class FutureVersion:
    """A count names a version that the item has not reached."""

    version: int


@dataclass(frozen=True, slots=True)
class FutureCount:
    """A count names a time that has not come."""

    now: datetime


@dataclass(frozen=True, slots=True)
class ArchivedVersion:
    """A count names a version whose ledger rows are archived, so nobody knows here what the level was."""

    version: int


@dataclass(frozen=True, slots=True)
class UnknownLot:
    """The item has no lot of this id."""

    lot_id: UUID


CountOutcome = Movement | Unknown | UnknownLot | FutureVersion | FutureCount | ArchivedVersion
AdjustOutcome = Movement | Unknown | UnknownLot | BelowPromised


async def receive(tx: Transaction, house: House, receipts: Sequence[Receipt]) -> list[Movement | Unknown]:
    """Units enter stock and fill the queue, in one transaction for all receipts; each once by its id."""
    items = {receipt.item_id for receipt in receipts}
    shelf = await load(tx, house, Scope(items=items, freeing=set(items)))
    fresh = [receipt for receipt in receipts if receipt.item_id in shelf.levels]
    known = await facts.known_receipts(tx, [receipt.receipt_id for receipt in fresh])
    found: list[Movement | Unknown] = []
    for receipt in receipts:
        if receipt.item_id not in shelf.levels:
            found.append(Unknown(receipt.item_id))
            continue
        start = len(shelf.entries)
        if receipt.receipt_id not in known:
            by = Reference("receipt", str(receipt.receipt_id), receipt.actor, receipt.note)
            shelf.bring(_lot_of(receipt, shelf.level(receipt.item_id), shelf.now), "receipt", receipt.quantity, by)
        found.append(_movement(shelf, receipt.item_id, start))
    fresh = [receipt for receipt in fresh if receipt.receipt_id not in known]
    await _keep_receipts(tx, shelf, fresh)
    await save(tx, house, shelf)
    return found


async def _keep_receipts(tx: Transaction, shelf: Shelf, receipts: Sequence[Receipt]) -> None:
    rows = [
        (
            receipt.receipt_id,
            receipt.lot_id,
            receipt.item_id,
            receipt.quantity,
            receipt.supplier_lot,
            receipt.unit_cost,
            receipt.expires_on,
            receipt.note,
            receipt.actor,
        )
        for receipt in receipts
    ]
    await facts.insert_receipts(tx, rows, shelf.now)
    await level_rows.add_costs(tx, [(one.item_id, one.quantity, _value(one)) for one in receipts])


def _lot_of(receipt: Receipt, level: Level, now: datetime) -> Lot:
    return Lot(
        receipt.lot_id,
        receipt.item_id,
        "receipt",
        receipt.supplier_lot,
        now,
        made=receipt.quantity,
        supplier_lot=receipt.supplier_lot,
        total_cost=_value(receipt),
        expires_on=receipt.expires_on,
        sell_by=level.sell_by(receipt.expires_on),
    )


def _value(receipt: Receipt) -> Decimal:
    return (receipt.unit_cost * receipt.quantity).quantize(MONEY, ROUND_HALF_UP)


def _movement(shelf: Shelf, item_id: str, start: int, expected: int = 0) -> Movement:
    """What the entries since `start` did, with the level as it was right after them."""
    entries = shelf.entries[start:]
    level = shelf.levels[item_id]
    after = replace(level)
    return Movement(after, None, expected, _claims_in(entries, "reserve"), _claims_in(entries, "take_back"))


def _claims_in(entries: Sequence[Entry], type: str) -> list[tuple[str, str, int]]:
    return [(entry.reference.type, entry.reference.id, abs(entry.quantity)) for entry in entries if entry.type == type]


@dataclass(frozen=True, slots=True)
class Adjustment:
    """A change of `current` by hand."""

    adjustment_id: UUID
    item_id: str
    quantity: int
    reason: str
    actor: str
    lot_id: UUID | None = None


async def adjust(tx: Transaction, house: House, asked: Sequence[Adjustment]) -> list[AdjustOutcome]:
    """Moves `current`, never below what is promised."""
    items = {one.item_id for one in asked}
    shelf = await load(tx, house, Scope(items=items, freeing=set(items), lots=_lots_of(asked)))
    known = await ledger.known_references(tx, [str(one.adjustment_id) for one in asked])
    found = [_adjust(shelf, one, str(one.adjustment_id) in known) for one in asked]
    await save(tx, house, shelf)
    return found


def _adjust(shelf: Shelf, asked: Adjustment, known: bool) -> AdjustOutcome:
    if asked.item_id not in shelf.levels:
        return Unknown(asked.item_id)
    if asked.lot_id is not None and shelf.lots.find(asked.item_id, asked.lot_id) is None:
        return UnknownLot(asked.lot_id)
    start = len(shelf.entries)
    by = Reference("adjustment", str(asked.adjustment_id), asked.actor, asked.reason)
    if known or decide_adjustment(shelf, asked.item_id, asked.quantity, by, asked.lot_id):
        return _movement(shelf, asked.item_id, start)
    return BelowPromised(shelf.levels[asked.item_id].available)


@dataclass(frozen=True, slots=True)
class Count:
    """What was counted on shelf and bench, when the item was at `version`; `counted_at` None: just now."""

    count_id: UUID
    item_id: str
    counted: int
    version: int
    reason: str
    actor: str
    counted_at: datetime | None = None
    lot_id: UUID | None = None


def _lots_of(asked: Sequence[Adjustment | Count]) -> set[UUID]:
    return {one.lot_id for one in asked if one.lot_id is not None}


async def count(tx: Transaction, house: House, asked: Sequence[Count]) -> list[CountOutcome]:
    """The books follow each count; holds that no longer fit are taken back, lowest priority and newest first."""
    scope = Scope(lots=_lots_of(asked))
    for one in asked:
        expected, _ = await _books_of(tx, one) or (0, 0)
        scope.leave("", one.item_id, max(0, expected - one.counted))
        scope.freeing.add(one.item_id)
    shelf = await load(tx, house, scope)
    known = await facts.known_counts(tx, [one.count_id for one in asked])
    found: list[CountOutcome] = []
    for one in asked:
        found.append(_refused(shelf, one) or await _count(tx, shelf, one, one.count_id in known))
    await save(tx, house, shelf)
    return found


async def _books_of(tx: Transaction, asked: Count) -> tuple[int, int] | None:
    """Units of the item, or of the lot, at the version that was counted; and those that wait for a count since.

    None if the ledger's rows of that version are archived.
    """
    books = await ledger.read_at_version(tx, asked.item_id, asked.version, asked.lot_id)
    if books is None or asked.lot_id is None:
        return books
    return await ledger.read_lot_at_version(tx, asked.item_id, asked.version, asked.lot_id) or 0, books[1]


def _refused(shelf: Shelf, asked: Count) -> Unknown | UnknownLot | FutureVersion | FutureCount | None:
    level = shelf.levels.get(asked.item_id)
    if level is None:
        return Unknown(asked.item_id)
    if asked.lot_id is not None and shelf.lots.find(asked.item_id, asked.lot_id) is None:
        return UnknownLot(asked.lot_id)
    if asked.version > level.version:
        return FutureVersion(level.version)
    if asked.counted_at is not None and asked.counted_at > shelf.now:
        return FutureCount(shelf.now)
    return None


async def _count(tx: Transaction, shelf: Shelf, asked: Count, known: bool) -> Movement | ArchivedVersion:
    start = len(shelf.entries)
    books_then = await _books_of(tx, asked)
    if books_then is None:
        return ArchivedVersion(asked.version)
    current, waiting_since = books_then
    current += _counted_since(shelf, asked)
    if not known:
        pending = max(0, pending_count(shelf, asked.item_id, asked.lot_id) - waiting_since)
        by = (asked.actor, asked.reason, asked.lot_id)
        decide_count(shelf, Counted(str(asked.count_id), asked.item_id, asked.counted, current, pending, *by))
        taken = (asked.version, asked.reason, asked.actor, shelf.now, asked.counted_at or shelf.now, asked.lot_id)
        await facts.insert_count(tx, asked.count_id, (asked.item_id, current, asked.counted, *taken))
        if asked.lot_id is None:
            await alerts.resolve(tx, [(asked.item_id, "discrepancy")], shelf.now)
    return _movement(shelf, asked.item_id, start, current)


def _counted_since(shelf: Shelf, asked: Count) -> int:
    """What earlier counts of this transaction found, of the lot if one is counted."""
    counts = [place for place, one in enumerate(shelf.entries) if one.item_id == asked.item_id and one.type == "count"]
    if asked.lot_id is None:
        return sum(shelf.entries[place].quantity for place in counts)
    return sum(one.quantity for one in shelf.lots.moves if one.lot.lot_id == asked.lot_id and one.entry in counts)
