"""The read model of `item.changed`: which products may be ordered."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.order.domain.intake import KnownItem
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Item:
    """What inventory says of an item; `version` is the item's."""

    item_id: str
    kind: str
    name: str
    active: bool
    lead_days: int
    version: int


SAVE_ITEMS = """
INSERT INTO items (item_id, kind, name, active, lead_days, version)
SELECT item_id, kind, name, active, lead_days, version
FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[], $5::int[], $6::bigint[])
    AS new (item_id, kind, name, active, lead_days, version)
ORDER BY item_id
ON CONFLICT (item_id) DO UPDATE
SET kind = excluded.kind, name = excluded.name, active = excluded.active, lead_days = excluded.lead_days,
    version = excluded.version
WHERE items.version < excluded.version
"""


async def save_items(tx: Transaction, items: Sequence[Item]) -> None:
    """Keeps the newest of each item; `items` names an item once."""
    await tx.execute(
        SAVE_ITEMS,
        [item.item_id for item in items],
        [item.kind for item in items],
        [item.name for item in items],
        [item.active for item in items],
        [item.lead_days for item in items],
        [item.version for item in items],
    )


KNOWN_PRODUCTS = """
SELECT clock_timestamp() AS now, item_id, name, lead_days
FROM (SELECT) AS one
LEFT JOIN items ON item_id = ANY($1::text[]) AND kind = 'product' AND active
"""


async def known_products(tx: Transaction, product_ids: Sequence[str]) -> tuple[dict[str, KnownItem], datetime]:
    """Those of these products that may be ordered, and the time."""
    rows = await tx.fetch(KNOWN_PRODUCTS, list(product_ids))
    known = {row["item_id"]: KnownItem(row["name"], row["lead_days"]) for row in rows if row["item_id"] is not None}
    return known, rows[-1]["now"]
