"""Is the system at rest? Every outbox sent, every record read by every group, no level untold, every sum up to date."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

import asyncpg
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from deploy.local.audit.topics import Ranges, admin, consumer, ranges
from deploy.local.failure import CannotRun
from deploy.local.stack import Stack
from shared.contracts.catalog import SERVICES, read_by

PAUSE_SECONDS: Final = 0.2
UNSENT: Final = """
SELECT count(*) FROM outbox LEFT JOIN relay USING (shard) WHERE outbox.seq > coalesce(relay.sent_through, 0)
"""
UNSUMMED_ORDERS: Final = """
SELECT count(*) FROM orders_touched
"""
UNSUMMED_ITEMS: Final = """
SELECT count(*) FROM stock LEFT JOIN item_sums USING (item_id) WHERE stock.version > coalesce(item_sums.version, 0)
"""
UNTOLD_LEVELS: Final = """
SELECT count(*) FROM level_changes
"""


@dataclass(frozen=True, slots=True)
class Motion:
    """What is still under way."""

    unsent: int
    unread: int
    untold: int
    unsummed: int
    ends: Ranges

    @property
    def none(self) -> bool:
        return not (self.unsent or self.unread or self.untold or self.unsummed)

    def __str__(self) -> str:
        told = f"{self.unsent} events unsent, {self.unread} records unread, {self.untold} levels untold"
        return f"{told}, {self.unsummed} sums not up to date"


async def at_rest(stack: Stack, *, seconds: float) -> bool:
    """Waits until nothing is under way; False if that did not happen in time."""
    return (await motion_ends(stack, seconds=seconds)).none


async def motion_ends(stack: Stack, *, seconds: float) -> Motion:
    """Waits until nothing is under way in two looks that saw the same offsets; the last look if time runs out.

    Raises:
        CannotRun: if Postgres or Kafka does not answer.
    """
    deadline = time.monotonic() + seconds
    before = await look(stack)
    while True:
        await asyncio.sleep(PAUSE_SECONDS)
        now = await look(stack)
        if (now.none and now.ends == before.ends) or time.monotonic() > deadline:
            return now
        before = now


async def look(stack: Stack) -> Motion:
    """What is under way at this moment."""
    try:
        unsent, untold, unsummed = await _tables(stack)
        ends, unread = await _topics(stack)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, KafkaError, OSError) as error:
        raise CannotRun(f"the stack does not answer: {error!r}; see `python -m deploy.local status`") from error
    return Motion(unsent, unread, untold, unsummed, ends)


async def _tables(stack: Stack) -> tuple[int, int, int]:
    unsent = untold = unsummed = 0
    for service in SERVICES:
        connection = await asyncpg.connect(stack.postgres[service], timeout=10)
        try:
            unsent += await connection.fetchval(UNSENT)
            if service == "inventory":
                untold = await connection.fetchval(UNTOLD_LEVELS)
                unsummed += await connection.fetchval(UNSUMMED_ITEMS)
            if service == "order":
                unsummed += await connection.fetchval(UNSUMMED_ORDERS)
        finally:
            await connection.close()
    return unsent, untold, unsummed


async def _topics(stack: Stack) -> tuple[Ranges, int]:
    prefix, unread = stack.topic_prefix, 0
    async with consumer(stack) as client:
        ends = await ranges(client, stack)
    async with admin(stack) as broker:
        for service in SERVICES:
            committed = await broker.list_consumer_group_offsets(prefix + service)
            unread += _unread(service, prefix, ends, {place: one.offset for place, one in committed.items()})
    return ends, unread


def _unread(service: str, prefix: str, ends: Ranges, committed: dict[TopicPartition, int]) -> int:
    read = {event.name for event in read_by(service)}  # type: ignore[arg-type]  # one of SERVICES
    return sum(
        end - max(first, committed.get(TopicPartition(prefix + topic, partition), 0))
        for (topic, partition), (first, end) in ends.items()
        if topic in read
    )
