"""The books, audited by themselves: what reconciliation finds is a metric, so that nobody has to ask."""

import asyncio
from collections import Counter
from typing import Final, get_args

from prometheus_client import Gauge

from services.inventory.domain.deviations import Check
from services.inventory.views.history import checks_failed, next_items
from shared.runtime.database import Database

ITEMS_AT_ONCE: Final = 50
"""Items of one statement: their whole ledger is read, within the time that a statement has."""
DEVIATIONS: Final = Gauge("flacon_audit_deviations", "Items whose level differs from the books", ["service", "check"])


class Audit:
    """A round over all items, some at a time; what a round found is shown at its end."""

    def __init__(self) -> None:
        self._after = ""
        self._found: Counter[Check] = Counter()

    async def go(self, database: Database, stop: asyncio.Event) -> int:
        """Compares the next items' levels with ledger, holds and lots, and corrects nothing; how many items."""
        async with database.reading() as connection:
            items = await next_items(connection, self._after, ITEMS_AT_ONCE)
            if items:
                self._found.update(await checks_failed(connection, items))
                self._after = items[-1]
        if len(items) < ITEMS_AT_ONCE:
            for check in get_args(Check):
                DEVIATIONS.labels("inventory", check).set(self._found[check])
            self._after, self._found = "", Counter()
        return len(items)
