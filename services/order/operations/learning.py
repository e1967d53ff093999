"""Learns what items there are: the read model that tells known products from unknown ones."""

from collections.abc import Sequence

from services.order.store.items import Item, save_items
from shared.runtime.transaction import Transaction


async def learn_items(tx: Transaction, items: Sequence[Item]) -> None:
    """Keeps the newest version of each item."""
    newest: dict[str, Item] = {}
    for item in items:
        known = newest.get(item.item_id)
        if known is None or known.version < item.version:
            newest[item.item_id] = item
    await save_items(tx, list(newest.values()))
