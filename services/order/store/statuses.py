"""The statuses of orders that an operation tells of without changing them."""

from collections.abc import Sequence

from shared.runtime.transaction import Transaction

STATUSES_OF = """
SELECT order_id, status FROM orders WHERE order_id = ANY($1::uuid[])
"""


async def statuses_of(tx: Transaction, order_ids: Sequence[str]) -> dict[str, str]:
    """Status by order id."""
    return {str(row["order_id"]): row["status"] for row in await tx.fetch(STATUSES_OF, list(order_ids))}
