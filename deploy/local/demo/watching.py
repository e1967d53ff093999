"""Listening to the topics: a consumer without a group, from the end of each topic as it was when the demo began."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from deploy.local.demo.picture import Picture
from deploy.local.failure import CannotRun
from shared.contracts.catalog import EVENTS

WATCHED: Final = tuple(
    event.name
    for event in EVENTS
    if event.name.split(".")[0] in ("order", "stock", "fulfillment", "batch")
    and event.name not in ("order.submitted", "stock.level_changed")
)
ALL: Final = tuple(event.name for event in EVENTS)


class Listener:
    """The demo's ear: one consumer, every partition of the watched topics."""

    def __init__(self, kafka: str, prefix: str) -> None:
        self.prefix = prefix
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka, group_id=None, enable_auto_commit=False, fetch_max_wait_ms=100
        )
        self.began_at: Mapping[TopicPartition, int] = {}

    async def start(self) -> None:
        """Stands at the present end of the topics.

        Raises:
            CannotRun: if the broker does not answer, or has no such topics.
        """
        try:
            await self._consumer.start()
            self.began_at = await self.ends()
        except (KafkaError, OSError) as error:
            raise CannotRun(f"Kafka does not answer: {error!r}; see `python -m deploy.local status`") from error
        watched = {self.prefix + name for name in WATCHED}
        self._consumer.assign([place for place in self.began_at if place.topic in watched])
        for place in self._consumer.assignment():
            self._consumer.seek(place, self.began_at[place])

    async def ends(self) -> dict[TopicPartition, int]:
        """The end of every partition of every topic of the catalog."""
        await self._consumer._client.force_metadata_update()
        places: list[TopicPartition] = []
        for name in ALL:
            partitions = self._consumer.partitions_for_topic(self.prefix + name)
            if not partitions:
                raise CannotRun(
                    f"Kafka has no topic {self.prefix + name}; start the stack with `python -m deploy.local up`"
                )
            places += [TopicPartition(self.prefix + name, partition) for partition in sorted(partitions)]
        ends: dict[TopicPartition, int] = await self._consumer.end_offsets(places)
        return ends

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
            (record.topic.removeprefix(self.prefix), _version(record), orjson.loads(record.value))
            for record in records
            if record.value is not None
        ]

    async def stop(self) -> None:
        """Closes the connection."""
        await self._consumer.stop()


def _version(record: ConsumerRecord[Any, Any]) -> int:
    return int(dict(record.headers).get("ce_aggregateversion", b"0"))
