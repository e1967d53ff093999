"""Batches past the time at which they were expected: an alert each, until they end or have another time."""

from typing import Final

from services.bottling.store import alerts
from shared.runtime.transaction import Transaction

LATE_AT_ONCE: Final = 500


async def watch_late_batches(tx: Transaction) -> int:
    """Raises an alert for each open batch past its time, and resolves those of batches that are no longer late."""
    return max(await alerts.resolve_late(tx, LATE_AT_ONCE), await alerts.raise_late(tx, LATE_AT_ONCE))
