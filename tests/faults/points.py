"""The steps at which a service can be made to die: every step of every handler, command, timer and of the relay."""

import random
from collections.abc import Sequence
from typing import Final

from shared.contracts.catalog import SERVICES, Service, published_by, read_by

HEARING: Final = ("heard", "handled", "hearing", "acknowledging")
"""Of an event that is read: in the inbox; its handler done; all written, not committed; committed, Kafka not told."""
TELLING: Final = ("telling", "told", "sent")
"""Of an event that is published: in the outbox but not committed; committed; on its topic, the cursor not moved."""
TIMERS: Final[dict[Service, tuple[str, ...]]] = {
    "order": ("ask_again", "keep_sums"),
    "inventory": ("release_expired_holds", "publish_levels", "keep_sums"),
    "bottling": (),
    "fulfillment": (),
}


def points_of(service: Service) -> list[str]:
    """Every point of a service, such as `heard:order.created`."""
    heard = [f"{step}:{event.name}" for event in read_by(service) for step in HEARING]
    told = [f"{step}:{event.name}" for event in published_by(service) for step in TELLING]
    return [*heard, *told, *(f"ticked:{job}" for job in TIMERS[service])]


def armed(seed: int, count: int | None) -> dict[Service, list[str]]:
    """Of each service so many points in an order of their own, every one if `count` is None."""
    chosen: dict[Service, list[str]] = {}
    for number, service in enumerate(SERVICES):
        points: Sequence[str] = points_of(service)
        draw = random.Random(seed * 31 + number)
        chosen[service] = draw.sample(points, len(points) if count is None else min(count, len(points)))
    return chosen
