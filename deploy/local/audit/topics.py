"""Reading every topic of the catalog from its first offset to its end, by a consumer without a group."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local.audit.log import Place, Record
from deploy.local.failure import CannotRun
from deploy.local.stack import Stack
from shared.contracts.catalog import EVENTS

POLL_MS: Final = 1000
RECORDS_MAX: Final = 5000
SILENCE_SECONDS_MAX: Final = 30.0
Ranges = dict[Place, tuple[int, int]]


@asynccontextmanager
async def consumer(stack: Stack) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer that belongs to no group and commits nothing.

    Raises:
        CannotRun: if the broker does not answer.
    """
    client = AIOKafkaConsumer(
        bootstrap_servers=stack.kafka, group_id=None, enable_auto_commit=False, auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )  # fmt: skip
    try:
        await client.start()
        yield client
    except (KafkaError, OSError) as error:
        raise CannotRun(f"Kafka cannot be read: {error!r}; see `python -m deploy.local status`") from error
    finally:
        await client.stop()


async def ranges(client: AIOKafkaConsumer, stack: Stack) -> Ranges:
    """First and end offset of every partition of the catalog's topics, named without prefix.

    Raises:
        CannotRun: if a topic is not there.
    """
    places = await _partitions(stack)
    client.assign(places)
    first, end = await asyncio.gather(client.beginning_offsets(places), client.end_offsets(places))
    return {
        (place.topic.removeprefix(stack.topic_prefix), place.partition): (first[place], end[place]) for place in places
    }


async def _partitions(stack: Stack) -> list[TopicPartition]:
    async with admin(stack) as broker:
        described = await broker.describe_topics([stack.topic_prefix + event.name for event in EVENTS])
    for topic in described:
        if topic["error_code"]:
            raise CannotRun(f"Kafka has no topic {topic['topic']}; see `python -m deploy.local status`")
    return [TopicPartition(topic["topic"], one["partition"]) for topic in described for one in topic["partitions"]]


@asynccontextmanager
async def admin(stack: Stack) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client that asks the broker about topics and groups."""
    client = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    try:
        await client.start()
        yield client
    finally:
        await client.close()


async def read_topics(client: AIOKafkaConsumer, prefix: str, ranges: Ranges) -> list[Record]:
    """Every record inside the ranges.

    Raises:
        CannotRun: if the broker goes silent before the end.
    """
    wanted = {TopicPartition(prefix + topic, number): span for (topic, number), span in ranges.items()}
    left = {place: end for place, (first, end) in wanted.items() if first < end}
    client.assign(list(left))
    for place in left:
        client.seek(place, wanted[place][0])
    records: list[Record] = []
    clock = asyncio.get_running_loop().time
    heard_at = clock()
    while left:
        polled = await client.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
        for place, batch in polled.items():
            records += [_record(raw, prefix) for raw in batch if raw.offset < wanted[place][1]]
        left = {place: end for place, end in left.items() if await client.position(place) < end}
        heard_at = clock() if polled else heard_at
        if clock() - heard_at > SILENCE_SECONDS_MAX:
            raise CannotRun(f"Kafka is silent before the end of {len(left)} partitions, as {next(iter(left)).topic}")
    return records


def _record(raw: Any, prefix: str) -> Record:
    return Record(raw.topic.removeprefix(prefix), raw.partition, raw.offset, raw.key, raw.value, tuple(raw.headers))
