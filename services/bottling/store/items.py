"""The items that inventory has told of."""

from collections.abc import Mapping, Sequence

from services.bottling.domain.recipe import Item
from shared.runtime.transaction import Transaction

SAVE_ITEMS = """
INSERT INTO items (item_id, kind, name, active, version)
SELECT item_id, kind, name, active, version
FROM unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::bigint[])
     AS told (item_id, kind, name, active, version)
ORDER BY item_id
ON CONFLICT (item_id) DO UPDATE
SET kind = excluded.kind, name = excluded.name, active = excluded.active, version = excluded.version
WHERE items.version < excluded.version
"""


async def save_items(tx: Transaction, items: Mapping[str, tuple[Item, int]]) -> None:
    """Keeps each item with its version unless a newer one is known."""
    told = list(items.values())
    await tx.execute(
        SAVE_ITEMS,
        [item.item_id for item, _ in told],
        [item.kind for item, _ in told],
        [item.name for item, _ in told],
        [item.active for item, _ in told],
        [version for _, version in told],
    )


READ_ITEMS = "SELECT item_id, kind, name, active FROM items WHERE item_id = ANY ($1::text[])"


async def read_items(tx: Transaction, item_ids: Sequence[str]) -> dict[str, Item]:
    """The items that are known, by id."""
    return {row["item_id"]: Item(**row) for row in await tx.fetch(READ_ITEMS, list(item_ids))}
