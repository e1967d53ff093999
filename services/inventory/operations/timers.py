"""What time does to stock: lapsed holds end, and queues that were too long go on."""

from typing import Final

from services.inventory.operations.shelves import LAPSED_CLAIMS_MAX, House, Scope, load, save
from services.inventory.store import alerts, needs
from services.inventory.store import claims as claim_rows
from services.inventory.store import levels as level_rows
from shared.runtime.transaction import Transaction

OVERDUE_MAX: Final = 500
"""Alerts of overdue holds that one transaction raises or resolves."""

NEEDS_MAX: Final = 200
"""Needs that one transaction tells again."""


async def release_expired_holds(tx: Transaction, house: House) -> int:
    """Ends what has lapsed, whole orders, the oldest first; returns how many ended."""
    lapsing = await claim_rows.find_any_lapsed(tx, LAPSED_CLAIMS_MAX)
    if not lapsing:
        return 0
    shelf = await load(tx, house, Scope(lapsing=lapsing))
    lapsed = [claim for claim_id in lapsing if (claim := shelf.claims[claim_id]).lapsed(shelf.now)]
    for claim in lapsed:
        shelf.expire(claim)
    await save(tx, house, shelf)
    return len(lapsed)


async def watch_overdue_holds(tx: Transaction) -> int:
    """Raises an alert for each confirmed hold past its date, and resolves those of holds that ended."""
    return max(await alerts.resolve_overdue(tx, OVERDUE_MAX), await alerts.raise_overdue(tx, OVERDUE_MAX))


async def remind_of_needs(tx: Transaction, house: House) -> int:
    """Tells again what grew since it was told, or was told a day ago; returns of how many items."""
    due = await needs.find_due(tx, NEEDS_MAX)
    if not due:
        return 0
    shelf = await load(tx, house, Scope(items=set(due)))
    for level in shelf.levels.values():
        level.moved = level.remind = True
    await save(tx, house, shelf)
    return len(due)


async def go_on_filling(tx: Transaction, house: House) -> int:
    """Fills the queues that were too long for the transaction that freed the units; returns of how many items."""
    due = await level_rows.take_fills_due(tx)
    if not due:
        return 0
    shelf = await load(tx, house, Scope(items=set(due)))
    shelf.fill_all(item_id for item_id in due if item_id in shelf.levels)
    await save(tx, house, shelf)
    return len(due)
