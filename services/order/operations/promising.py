"""Looks at promised days that have passed."""

from typing import Final

from services.order.store.alerts import raise_alerts, resolve_kept
from services.order.store.promises import find_missed
from shared.runtime.transaction import Transaction

BATCH: Final = 500


async def watch_promises(tx: Transaction) -> int:
    """Raises an alert for each order whose promised day has passed, and resolves those of orders that came through."""
    resolved = await resolve_kept(tx, BATCH)
    missed = await find_missed(tx, BATCH)
    if missed:
        about = [(order_id, f"promised for {day} ({basis}), units are still open") for order_id, day, basis in missed]
        await raise_alerts(tx, "promise_missed", about, await tx.clock())
    return max(resolved, len(missed))
