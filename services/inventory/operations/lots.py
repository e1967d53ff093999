"""Ledger entries are written with the lots that they moved: an item's units are at all times those of its lots."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from services.inventory.domain.levels import Entry
from services.inventory.domain.lots import Lots, Move
from services.inventory.domain.shelf import Shelf
from services.inventory.store import ledger
from services.inventory.store import lots as lot_rows
from shared.runtime.transaction import Transaction


async def write_entries(tx: Transaction, shelf: Shelf) -> None:
    """The entries of this transaction and what they moved of lots; the items are locked, so nobody moves these lots."""
    moving = [entry for entry in shelf.entries if entry.new_current != entry.previous_current]
    moves = await _follow(tx, shelf, moving) if moving else []
    ids = await ledger.append_entries(tx, shelf.entries, shelf.now, _of_one_lot(len(shelf.entries), moves))
    await _write(tx, shelf, moves, ids)


def _of_one_lot(entries: int, moves: Sequence[Move]) -> list[UUID | None]:
    """The lot of each entry that moved one alone."""
    lots: list[list[UUID]] = [[] for _ in range(entries)]
    for move in moves:
        lots[move.entry].append(move.lot.lot_id)
    return [of_entry[0] if len(of_entry) == 1 else None for of_entry in lots]


async def _follow(tx: Transaction, shelf: Shelf, moving: Sequence[Entry]) -> list[Move]:
    returning = sorted({entry.reference.id for entry in moving if entry.type == "material_return"})
    issued = await lot_rows.read_issued(tx, returning) if returning else {}
    spent = sorted({lot_id for lots in issued.values() for lot_id, _ in lots})
    there = await lot_rows.read_lots(tx, sorted({entry.item_id for entry in moving}), spent)
    lots = Lots(shelf.now, there, shelf.births, issued, _new_ids(tx))
    moves = lots.follow(shelf.entries, _wanted(shelf))
    shelf.charge(moves)
    await _save(tx, lots, moves)
    return moves


async def _save(tx: Transaction, lots: Lots, moves: Sequence[Move]) -> None:
    await lot_rows.insert_lots(tx, lots.born)
    born = {lot.lot_id for lot in lots.born}
    moved = {move.lot.lot_id: move.lot for move in moves if move.lot.lot_id not in born}
    await lot_rows.save_lots(tx, [moved[lot_id] for lot_id in sorted(moved)])


def _new_ids(tx: Transaction) -> Iterator[UUID]:
    while True:
        yield tx.new_id()


def _wanted(shelf: Shelf) -> Mapping[int, Sequence[tuple[str, int]]]:
    """The lots that the floor saw leave, by the entry of their sale."""
    if not shelf.seen:
        return {}
    return {
        place: shelf.seen[entry.reference.shipment_id, entry.item_id]
        for place, entry in enumerate(shelf.entries)
        if entry.reference.shipment_id is not None and (entry.reference.shipment_id, entry.item_id) in shelf.seen
    }


async def _write(tx: Transaction, shelf: Shelf, moves: Sequence[Move], ids: Sequence[UUID]) -> None:
    rows = []
    for move in moves:
        entry, lot = shelf.entries[move.entry], move.lot
        by = entry.reference
        rows.append(
            (
                *(lot.lot_id, ids[move.entry], lot.item_id, move.quantity, move.cost),
                *(entry.type, by.type, by.id, by.shipment_id),
            )
        )
    await lot_rows.insert_movements(tx, rows, shelf.now)


async def correct_lots(tx: Transaction, entry: Entry, now: datetime) -> UUID:
    """The lots get what they lack, or lose what they have too much; no ledger row says so, for none is missing."""
    correction_id = UUID(entry.reference.id)
    lots = Lots(now, await lot_rows.read_lots(tx, [entry.item_id], []), new_ids=_new_ids(tx))
    moves = lots.follow([entry], {})
    await _save(tx, lots, moves)
    by = entry.reference
    rows = [
        (move.lot.lot_id, correction_id, entry.item_id, move.quantity, move.cost, entry.type, by.type, by.id, None)
        for move in moves
    ]
    await lot_rows.insert_movements(tx, rows, now)
    return correction_id
