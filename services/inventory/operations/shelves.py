"""Loading all that a decision sees under locks in their one order, and saving all that it changed."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from services.inventory.domain.blocking import expire_lots, pin_claims
from services.inventory.domain.claims import QueueKey
from services.inventory.domain.levels import Entry, Level
from services.inventory.domain.lots import Lots
from services.inventory.domain.shelf import Shelf, Terms
from services.inventory.operations.lots import new_ids, write_entries
from services.inventory.operations.needs import tell_needs
from services.inventory.operations.telling import tell
from services.inventory.store import alerts
from services.inventory.store import claims as claim_rows
from services.inventory.store import levels as level_rows
from services.inventory.store import lots as lot_rows
from shared.runtime.transaction import Transaction

FILLED_LINES_MAX: Final = 500
"""Lines of one item's queue that one transaction fills."""

LAPSED_CLAIMS_MAX: Final = 500
"""Lapsed holds that one transaction ends."""

REPINNED_CLAIMS_MAX: Final = 500
"""Orders that one transaction promises other lots."""


@dataclass(frozen=True, slots=True)
class House:
    """What the operations are set to."""

    terms: Terms = field(default_factory=Terms)
    currency: str = "EUR"


@dataclass(slots=True)
class Scope:
    """What an operation is about, known before anything is locked.

    `freeing`: items of which it may free or add units. `leaving`: units that leave, by claim ("" = nobody's) and item;
    what a batch was issued has left before.
    `lapsing`: the items of lapsed holds that may end in it, by claim. `lots`: those that it is about, with units or
    without; `blocking`: those of them that may be held. `repinning`: items of which orders are to be promised other
    lots.
    """

    items: set[str] = field(default_factory=set)
    claims: set[str] = field(default_factory=set)
    freeing: set[str] = field(default_factory=set)
    leaving: dict[tuple[str, str], int] = field(default_factory=dict)
    batches: set[str] = field(default_factory=set)
    lapsing: dict[str, list[str]] = field(default_factory=dict)
    lots: set[UUID] = field(default_factory=set)
    blocking: set[UUID] = field(default_factory=set)
    repinning: set[str] = field(default_factory=set)

    def leave(self, claim_id: str, item_id: str, quantity: int) -> None:
        self.items.add(item_id)
        self.leaving[claim_id, item_id] = self.leaving.get((claim_id, item_id), 0) + quantity


async def load(tx: Transaction, house: House, scope: Scope) -> Shelf:
    """Locks the items by id, then every claim that may change by id; only then asks for the time."""
    lapsing = {item_id for items in scope.lapsing.values() for item_id in items}
    levels = await level_rows.lock_stock(tx, scope.items | lapsing)
    lots = await _read_lots(tx, levels, scope)
    claim_ids = scope.claims | set(scope.lapsing)
    queue, horizons = await _read_queues(tx, levels, scope.freeing | lapsing)
    holders = await _read_holders(tx, levels, scope, _blocking(lots, scope.blocking))
    pinned = await _read_pinned(tx, lots, scope.repinning)
    claims, now = await claim_rows.lock_claims(tx, claim_ids | queue | holders | pinned)
    shelf = Shelf(now, house.terms, levels, claims, horizons, lots=lots)
    shelf.loaded = {(claim.id, line.item_id): line.values for claim in claims.values() for line in claim.lines.values()}
    expire_lots(shelf)
    return shelf


async def _read_lots(tx: Transaction, levels: Mapping[str, Level], scope: Scope) -> Lots:
    issued = await lot_rows.read_issued(tx, sorted(scope.batches)) if scope.batches else {}
    named = scope.lots.union(lot_id for used in issued.values() for lot_id, _ in used)
    lots = await lot_rows.read_lots(tx, list(levels), named)
    lots.issued, lots.new_ids = issued, new_ids(tx)
    return lots


def _blocking(lots: Lots, asked: set[UUID]) -> Counter[str]:
    """Units by item that will be held: of lots past their date, and of those that are asked to be."""
    units: Counter[str] = Counter()
    for of_item in lots.there.values():
        for lot in of_item:
            units[lot.item_id] += lot.free if lot.past(lots.today) or lot.lot_id in asked else 0
    return units


async def _read_pinned(tx: Transaction, lots: Lots, items: set[str]) -> set[str]:
    """Whose lots, promised by name, are not to be had."""
    short = [lot.lot_id for item_id in items for lot in lots.there.get(item_id, ()) if lot.overpinned]
    return set(await lot_rows.find_pinned(tx, sorted(items), short, REPINNED_CLAIMS_MAX)) if short else set()


async def _read_queues(
    tx: Transaction, levels: Mapping[str, Level], freeing: set[str]
) -> tuple[set[str], dict[str, QueueKey | None]]:
    queued = [level for level in levels.values() if level.queued > 0]
    wanted = {
        level.item_id: level.item_id in freeing or level.available > level.min_stock_level
        for level in queued
        if level.item_id in freeing or level.available > 0
    }
    claim_ids, cut = await claim_rows.read_queues(tx, wanted, FILLED_LINES_MAX) if wanted else (set(), {})
    unread = {level.item_id: None for level in queued if level.item_id not in wanted}
    return claim_ids, {**unread, **cut}


async def _read_holders(tx: Transaction, levels: Mapping[str, Level], scope: Scope, blocking: Counter[str]) -> set[str]:
    """Whose holds may have to give; nobody's, as long as what leaves is held by its own claim or available."""
    unheld, total = Counter(blocking), Counter(blocking)
    if scope.leaving:
        own = {
            (claim_id, line.item_id): line.held + (line.issued if claim_id in scope.batches else 0)
            for claim_id, line in await claim_rows.read_lines(tx, sorted(scope.claims))
        }
        for (claim_id, item_id), quantity in scope.leaving.items():
            unheld[item_id] += max(0, quantity - own.get((claim_id, item_id), 0))
            total[item_id] += quantity
    wanted = {id: total[id] for id, needed in unheld.items() if id in levels and needed > levels[id].available}
    return await claim_rows.read_holders(tx, wanted) if wanted else set()


async def save(tx: Transaction, house: House, shelf: Shelf) -> None:
    """Writes what moved, one statement a table, and tells those whom it concerns."""
    shelf.date_batches()
    pin_claims(shelf)
    shelf.charge()
    await write_entries(tx, shelf)
    await save_levels(tx, shelf)
    await tell(tx, house.currency, shelf)
    touched = sorted(shelf.touched.values(), key=lambda claim: claim.id)
    lines = [
        (claim, line)
        for claim in touched
        for line in claim.lines.values()
        if shelf.loaded.get((claim.id, line.item_id)) != line.values
    ]
    if touched:
        await claim_rows.save_claims(tx, touched, lines)


async def save_levels(tx: Transaction, shelf: Shelf) -> None:
    moved = [level for level in shelf.levels.values() if level.moved]
    if not moved:
        return
    posted = {entry.item_id for entry in shelf.entries}
    for level in moved:
        level.version += level.item_id not in posted
    await level_rows.update_stock(tx, moved)
    await tell_needs(tx, moved, await tell_alerts(tx, moved, shelf.entries, shelf.now), shelf.now)
    due = [item_id for item_id in shelf.horizons if (level := shelf.levels[item_id]).available > 0 and level.queued > 0]
    if due:
        await level_rows.note_fills_due(tx, due)


async def tell_alerts(
    tx: Transaction, levels: Iterable[Level], entries: Iterable[Entry], now: datetime
) -> dict[tuple[str, str], UUID]:
    """Alerts are raised and resolved on crossing a level, not on every order; found units are a discrepancy.

    Returns those that were resolved, by item and kind.
    """
    raised = {(level.item_id, str(kind)) for level in levels for kind in level.alerts - level.alerted}
    resolved = {(level.item_id, str(kind)) for level in levels for kind in level.alerted - level.alerts}
    for entry in entries:
        if entry.type == "found":
            raised.add((entry.item_id, "discrepancy"))
    ended = await alerts.resolve(tx, sorted(resolved), now) if resolved else {}
    if raised:
        await alerts.raise_(tx, sorted(raised), now)
    return ended


async def with_lapsed(tx: Transaction, scope: Scope, items: Iterable[str]) -> Scope:
    """Adds the lapsed holds on these items, so that a stopped sweeper never blocks a sale."""
    wanted = sorted(set(items))
    if wanted:
        found = await claim_rows.find_lapsed(tx, wanted, sorted(scope.claims), LAPSED_CLAIMS_MAX)
        scope.lapsing.update(found)
    return scope
