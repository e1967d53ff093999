"""Recalled lots: kept for good, shown at the batches that got them, and an alert for each that still runs."""

from collections.abc import Sequence
from typing import Any, Final

from services.bottling.store import recalls
from shared.contracts.envelope import Event
from shared.contracts.inventory import LotRecalled
from shared.runtime.transaction import Transaction

RECALLED_AT_ONCE: Final = 500


async def hear_of_recalls(tx: Transaction, events: Sequence[Event[Any]]) -> None:
    """`lot.recalled`: lots of materials and of goods that are not to be used or sold any more."""
    told: list[LotRecalled] = [event.data for event in events]
    await recalls.keep_recalled(tx, told)


async def watch_recalled_materials(tx: Transaction) -> int:
    """Raises an alert for each running batch that got units of a recalled lot, and resolves those of ended ones."""
    return max(await recalls.resolve_recalled(tx, RECALLED_AT_ONCE), await recalls.raise_recalled(tx, RECALLED_AT_ONCE))
