"""What bottling hears, and what it does about it."""

from collections.abc import Sequence
from typing import Any

from services.bottling.domain.questions import DELAYS, Delays
from services.bottling.operations.batches import hear_of_materials
from services.bottling.operations.recalls import hear_of_recalls
from services.bottling.operations.recipes import learn_items
from services.bottling.operations.replenishment import hear_of_needs
from shared.contracts.envelope import Event
from shared.runtime.subscriptions import Subscription
from shared.runtime.transaction import Transaction

MATERIALS = ("materials.reserved", "materials.short", "materials.issued", "materials.settled", "materials.released")


def subscriptions(delays: Delays) -> tuple[Subscription, ...]:
    """What bottling hears, in the order in which the groups of one batch are handled."""

    async def hear(tx: Transaction, events: Sequence[Event[Any]]) -> None:
        await hear_of_materials(tx, events, delays)

    return (
        Subscription(("item.changed",), learn_items),
        Subscription(("stock.low",), hear_of_needs),
        Subscription(("lot.recalled",), hear_of_recalls),
        Subscription(MATERIALS, hear),
    )


SUBSCRIPTIONS = subscriptions(DELAYS)
"""The table as it is by default."""
