"""Telling the levels of items that moved: the newest of each, at most twice a second."""

from typing import Final

from services.inventory.store import levels as level_rows
from shared.contracts.inventory import StockLevelChanged
from shared.runtime.transaction import Transaction

LEVELS_MAX: Final = 10_000
"""More than this are not expected of one tick; the next follows at once."""


async def publish_levels(tx: Transaction) -> int:
    """Publishes `stock.level_changed` for every item that moved since the last call; returns how many."""
    moved = await level_rows.take_changes(tx)
    if not moved:
        return 0
    now = await tx.clock()
    rows = await level_rows.read_levels(tx, moved)
    for row in rows:
        projected = row["available"] + row["incoming"] - row["queued"]
        level = StockLevelChanged(
            occurred_at=now,
            item_id=row["item_id"],
            item_kind=row["kind"],
            current=row["current"],
            reserved=row["reserved"],
            held=row["held"],
            available=row["available"],
            incoming=row["incoming"],
            queued=row["queued"],
            projected=projected,
        )
        tx.publish(level, version=row["version"])
    return len(rows)
