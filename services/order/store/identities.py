"""Which upstream identities exist already."""

from collections.abc import Sequence

from shared.runtime.transaction import Transaction

Identity = tuple[str, str]

FIND_IDENTITIES = """
SELECT orders.order_id, orders.source, orders.external_id, orders.status
FROM orders
JOIN unnest($1::text[], $2::text[]) AS asked (source, external_id)
    ON orders.source = asked.source AND orders.external_id = asked.external_id
"""


async def find_identities(tx: Transaction, identities: Sequence[Identity]) -> dict[Identity, tuple[str, str]]:
    """Order id and status by (source, external_id), of those that exist."""
    sources = [source for source, _ in identities]
    rows = await tx.fetch(FIND_IDENTITIES, sources, [external for _, external in identities])
    return {(row["source"], row["external_id"]): (str(row["order_id"]), row["status"]) for row in rows}
