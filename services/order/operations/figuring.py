"""Keeps the sums of figures up to date with the orders that were touched."""

from typing import Final

from services.order.store.figures import fold_orders, take_touched
from shared.runtime.transaction import Transaction

NOTES_MAX: Final = 20
"""Notes that one transaction takes; each names the orders of one transaction."""


async def keep_sums(tx: Transaction) -> int:
    """Folds the orders of the oldest notes into the sums; returns how many notes that were."""
    taken, order_ids = await take_touched(tx, NOTES_MAX)
    if order_ids:
        await fold_orders(tx, order_ids)
    return taken
