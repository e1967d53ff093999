"""Recalls: who got units of a recalled lot, by what was told, against what inventory's tables say."""

from collections.abc import Iterator
from typing import Final

from deploy.local.audit.books import Books
from deploy.local.audit.deviation import Deviation, compare
from deploy.local.audit.log import Log

WHERE: Final = "topics against inventory: lot_movements"


def orders_reached(log: Log, lot_id: str) -> set[str]:
    """Orders that got units of a lot, or of anything that batches made of it, by events alone.

    The lots that a batch used stand in `materials.*`, what it made in `batch.completed`, what an order got in
    `stock.deducted`; a lot that a batch made has its id in the last, or in `lot.recalled`.
    """
    ids = {(told.item_id, told.lot_code): told.lot_id for told in log.recalled.values()}
    ids |= {name: id for got in log.lots_got.values() for id, name in got}
    used = {
        batch_id: {lot.lot_id for material in snapshot.materials for lot in material.lots}
        for batch_id, (_, snapshot) in log.materials.items()
    }
    reach, names, before = {lot_id}, set[tuple[str, str]](), -1
    while before < len(reach) + len(names):
        before = len(reach) + len(names)
        names |= {log.lots_made[id] for id, lots in used.items() if id in log.lots_made and lots & reach}
        reach |= {ids[name] for name in names if name in ids}
    return {
        order_id for order_id, lots in log.lots_got.items() if any(id in reach or name in names for id, name in lots)
    }


def check_recalls(books: Books, log: Log) -> Iterator[Deviation]:
    """Each recalled lot was told once it was recalled, and reached the same orders by the topics as by the tables."""
    told = {lot_id for lot_id, recall in log.recalled.items() if recall.cause_lot_id is None}
    for lot_id in sorted(told | books.recalled.keys()):
        if lot_id not in told or lot_id not in books.recalled:
            where = "a recall" if lot_id in books.recalled else "none"
            yield Deviation("recall_told", lot_id, "a recall in both", where, WHERE)
            continue
        expected, actual = orders_reached(log, lot_id), books.recalled[lot_id]
        yield from compare("recall_reach", lot_id, len(expected), len(actual), WHERE)
        for order_id in sorted(expected ^ actual):
            found = "reached" if order_id in actual else "not reached"
            yield Deviation("recall_reach", f"{lot_id} {order_id}", "the same in both", found, WHERE)
