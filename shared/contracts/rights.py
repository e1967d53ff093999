"""Who may read and write which topic, from the catalog: what brokers that ask for a password are told."""

from dataclasses import dataclass
from typing import Literal

from shared.contracts.catalog import EVENTS, ORDER_SUBMITTED, SERVICES, dead_letter_topic, published_by, read_by

UPSTREAM = "upstream"
"""Whoever publishes orders."""
READER = "reader"
"""Whoever consumes what is public, in groups whose names begin with `reader.`."""
CONSOLE = "console"
"""Hears what happens, without a group, to know when to look again."""
PRINCIPALS: tuple[str, ...] = (*SERVICES, UPSTREAM, READER, CONSOLE)
HEARD_BY_CONSOLE = tuple(event for event in EVENTS if event.name not in ("order.submitted", "order.ready"))
"""Not those two: they carry customers' addresses, and other events tell what became of them."""

Operation = Literal["read", "write"]


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """A principal may do this with that topic; or, of `kind` group, be in that group or in those that begin so."""

    principal: str
    kind: Literal["topic", "group"]
    name: str
    operation: Operation
    prefixed: bool = False


def rights(prefix: str = "") -> frozenset[Right]:
    """Every right; what is not here is refused."""
    found = {Right(UPSTREAM, "topic", prefix + ORDER_SUBMITTED.name, "write")}
    found |= {Right(READER, "topic", prefix + event.name, "read") for event in EVENTS if event.public}
    found.add(Right(READER, "group", f"{prefix}{READER}.", "read", prefixed=True))
    found |= {Right(CONSOLE, "topic", prefix + event.name, "read") for event in HEARD_BY_CONSOLE}
    for service in SERVICES:
        found |= {Right(service, "topic", prefix + event.name, "read") for event in read_by(service)}
        found |= {Right(service, "topic", prefix + event.name, "write") for event in published_by(service)}
        found.add(Right(service, "topic", prefix + dead_letter_topic(service), "write"))
        found.add(Right(service, "group", prefix + service, "read"))
    return frozenset(found)
