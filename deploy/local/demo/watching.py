"""Listening to the topics: a consumer without a group, from the end of each topic as it was when the demo began."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from deploy.local.audit.log import Place
from deploy.local.audit.topics import consumer, ranges
from deploy.local.demo.picture import Picture
from deploy.local.failure import CannotRun
from deploy.local.stack import Stack
from shared.contracts.catalog import EVENTS

WATCHED: Final = tuple(
    event.name
    for event in EVENTS
    if event.name.split(".")[0] in ("order", "stock", "fulfillment", "batch")
    and event.name not in ("order.submitted", "stock.level_changed", "stock.low")
)
Ends = dict[Place, int]


class Listener:
    """The demo's ear: one consumer, every partition of the watched topics."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=stack.kafka, group_id=None, enable_auto_commit=False, fetch_max_wait_ms=100
        )
        self.began_at: Ends = {}

    async def start(self) -> None:
        """Stands at the present end of the topics.

        Raises:
            CannotRun: if the broker does not answer, or has no such topics.
        """
        self.began_at = await self.ends()
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            raise CannotRun(f"Kafka does not answer: {error!r}; see `python -m deploy.local status`") from error
        prefix = self._stack.topic_prefix
        places = {TopicPartition(prefix + topic, number): end for (topic, number), end in self.began_at.items()}
        watched = {prefix + name for name in WATCHED}
        self._consumer.assign([place for place in places if place.topic in watched])
        for place in self._consumer.assignment():
            self._consumer.seek(place, places[place])

    async def ends(self) -> Ends:
        """The end of every partition of every topic of the catalog, without prefix."""
        async with consumer(self._stack) as client:
            found = await ranges(client, self._stack)
        return {place: end for place, (_, end) in found.items()}

    async def listen(self, picture: Picture) -> None:
        """Feeds the picture until it is cancelled."""
        while True:
            polled = await self._consumer.getmany(timeout_ms=500, max_records=2000)
            records = [record for batch in polled.values() for record in batch]
            if records:
                picture.take(self._events(records))
                await asyncio.sleep(0)

    def _events(self, records: Sequence[ConsumerRecord[Any, Any]]) -> list[tuple[str, int, Mapping[str, Any]]]:
        return [
            (record.topic.removeprefix(self._stack.topic_prefix), _version(record), orjson.loads(record.value))
            for record in records
            if record.value is not None
        ]

    async def stop(self) -> None:
        """Closes the connection."""
        await self._consumer.stop()


def _version(record: ConsumerRecord[Any, Any]) -> int:
    return int(dict(record.headers).get("ce_aggregateversion", b"0"))
