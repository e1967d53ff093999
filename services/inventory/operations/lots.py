"""Ledger entries are written with the lots that they moved: an item's units are at all times those of its lots."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from services.inventory.domain.levels import Entry
from services.inventory.domain.lots import Lots, Move
from services.inventory.domain.shelf import Shelf
from services.inventory.store import ledger, recalls
from services.inventory.store import lots as lot_rows
from shared.runtime.transaction import Transaction


def new_ids(tx: Transaction) -> Iterator[UUID]:
    while True:
        yield tx.new_id()


async def write_entries(tx: Transaction, shelf: Shelf) -> None:
    """The entries of this transaction and what they moved of lots; the items are locked, so nobody moves these lots."""
    await _save_lots(tx, shelf.lots)
    if not shelf.entries:
        return
    ids = await ledger.append_entries(tx, shelf.entries, shelf.now)
    rows = [_movement(shelf.entries[move.entry], ids[move.entry], move) for move in shelf.lots.moves]
    await lot_rows.insert_movements(tx, rows, shelf.now)
    used = {move.lot.lot_id for move in shelf.lots.moves if _uses_recalled(shelf.entries[move.entry], move)}
    if used:
        await recalls.set_due(tx, sorted(used), due=True)


def _movement(entry: Entry, transaction_id: UUID, move: Move) -> tuple[object, ...]:
    by = entry.reference
    return (
        *(move.lot.lot_id, transaction_id, entry.item_id, move.quantity, move.cost),
        *(entry.type, by.type, by.id, by.shipment_id),
    )


def _uses_recalled(entry: Entry, move: Move) -> bool:
    return entry.type == "material_issue" and move.lot.status == "recalled"


async def _save_lots(tx: Transaction, lots: Lots) -> None:
    await lot_rows.insert_lots(tx, lots.born)
    born = {lot.lot_id for lot in lots.born}
    await lot_rows.save_lots(tx, [lots.changed[lot_id] for lot_id in sorted(lots.changed.keys() - born)])
    due = {lot.item_id for lot in lots.changed.values() if lot.overpinned}
    if due:
        await lot_rows.note_pins_due(tx, sorted(due))


async def correct_lots(tx: Transaction, entry: Entry, now: datetime) -> UUID:
    """The lots get what they lack, or lose what they have too much; no ledger row says so, for none is missing."""
    correction_id = UUID(entry.reference.id)
    lots = await lot_rows.read_lots(tx, [entry.item_id])
    lots.new_ids = new_ids(tx)
    if entry.quantity > 0:
        lots.move(0, lots.newest(entry.item_id, now), entry.quantity)
    else:
        for lot, units in lots.leaving(entry.item_id, -entry.quantity, -entry.quantity).parts:
            lot.pending = min(lot.pending, lot.quantity - units)
            lots.move(0, lot, -units)
    await _save_lots(tx, lots)
    await lot_rows.insert_movements(tx, [_movement(entry, correction_id, move) for move in lots.moves], now)
    return correction_id


async def correct_pending(tx: Transaction, item_id: str, quantity: int) -> bool:
    """So many units of the lots more (or fewer) wait for a count, as the level says; False: there are not so many."""
    lots = await lot_rows.read_lots(tx, [item_id])
    if quantity > 0:
        done = sum(units for _, units in lots.set_aside(item_id, quantity, ()))
    else:
        done = -sum(units for _, units in lots.settle(item_id, -quantity))
    await _save_lots(tx, lots)
    return done == quantity
