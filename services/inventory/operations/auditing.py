"""The books, audited by themselves: what reconciliation finds is a metric, so that nobody has to ask."""

from collections import Counter
from typing import Final, get_args

from prometheus_client import Gauge

from services.inventory.domain.deviations import Check
from services.inventory.views.history import reconcile
from shared.runtime.transaction import Transaction

DEVIATIONS: Final = Gauge("flacon_audit_deviations", "Items whose level differs from the books", ["service", "check"])


async def audit_books(tx: Transaction) -> int:
    """Compares every item's level with ledger, holds and lots, and shows how many differ; corrects nothing."""
    found = Counter(deviation["check"] for deviation in (await reconcile(tx))["deviations"])
    for check in get_args(Check):
        DEVIATIONS.labels("inventory", check).set(found[check])
    return 0
