"""Keeps the sums by item and day up to date with the ledger."""

from typing import Final

from services.inventory.store.figures import add_ledger
from shared.runtime.transaction import Transaction

ITEMS_MAX: Final = 200
ENTRIES_MAX: Final = 500
"""Rows of one item that one transaction adds."""


async def keep_sums(tx: Transaction) -> int:
    """Adds what the ledger has got since; returns of how many items, all of them while there is more."""
    items, has_more = await add_ledger(tx, ITEMS_MAX, ENTRIES_MAX)
    return ITEMS_MAX if has_more else items
