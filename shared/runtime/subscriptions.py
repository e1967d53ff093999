"""What a service reads and who handles it: the table of subscriptions, and the one way events go through it."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from shared.contracts.catalog import BY_NAME
from shared.contracts.envelope import Event
from shared.runtime.event_spans import handling
from shared.runtime.inbox import first_seen
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Subscription:
    """Event types handled together, as one list, in arrival order.

    A service's table of these also fixes the order in which the groups of one batch are handled, in one transaction.
    """

    types: tuple[str, ...]
    handle: Callable[[Transaction, Sequence[Event[Any]]], Awaitable[None]]


def subscribed_types(subscriptions: Iterable[Subscription]) -> tuple[str, ...]:
    """Every event type of the table, in its order.

    Raises:
        ValueError: a type is not in the catalog, or stands in the table twice.
    """
    types: list[str] = []
    for subscription in subscriptions:
        for name in subscription.types:
            if name not in BY_NAME:
                raise ValueError(f"subscription to {name!r}, which is not in the catalog of events")
            if name in types:
                raise ValueError(f"two subscriptions to {name!r}: one event has one handler in a service")
            types.append(name)
    return tuple(types)


async def deliver(
    tx: Transaction, subscriptions: Sequence[Subscription], events: Sequence[Event[Any]]
) -> list[Event[Any]]:
    """Hands the events that were never seen to their handlers, the inbox first; returns them."""
    first = await first_seen(tx, events) if events else []
    with handling(first, tx.heard):
        for subscription in subscriptions:
            group = [event for event in first if event.type in subscription.types]
            if group:
                await subscription.handle(tx, group)
    return first
