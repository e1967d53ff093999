"""Watches the topics of an order's life: when each order reached which step, by the records' own timestamps."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord

from deploy.local.stack import Stack

CREATED, RESERVED, LISTED = "order.created", "stock.reserved", "fulfillment.created"
FULFILLED, DELIVERED = "order.fulfilled", "fulfillment.delivered"
DEDUCTED: Final = "stock.deducted"
WATCHED: Final = (CREATED, RESERVED, LISTED, DEDUCTED, FULFILLED, DELIVERED)


@dataclass
class Seen:
    """Milliseconds since the epoch by order, for each step; who waits is told of every change."""

    at: dict[str, dict[str, int]] = field(default_factory=lambda: {step: {} for step in WATCHED})
    external: dict[str, str] = field(default_factory=dict)
    listed: asyncio.Queue[str] = field(default_factory=asyncio.Queue)
    moved_at: float = field(default_factory=time.monotonic)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def fulfilled(self) -> int:
        return len(self.at[FULFILLED])

    @property
    def over(self) -> int:
        """Orders whose life has ended: fulfilled, deducted and delivered."""
        return min(len(self.at[step]) for step in (FULFILLED, DEDUCTED, DELIVERED))

    def note(self, step: str, record: ConsumerRecord[Any, Any]) -> None:
        """One record."""
        order_id = record.key.decode()
        self.at[step].setdefault(order_id, record.timestamp)
        if step == CREATED:
            self.external[order_id] = orjson.loads(record.value)["external_id"] or ""
        elif step == LISTED:
            self.listed.put_nowait(orjson.loads(record.value)["fulfillment_id"])

    async def until(self, true: Callable[[], bool], *, silent_seconds: float) -> bool:
        """Waits for a condition; False once nothing has moved for so long."""
        while not true():
            if time.monotonic() - self.moved_at > silent_seconds:
                return False
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), 0.25)
            except TimeoutError:
                continue
        return True


@asynccontextmanager
async def watching(stack: Stack) -> AsyncIterator[Seen]:
    """Notes every record from now on."""
    topics = {stack.topic_prefix + step: step for step in WATCHED}
    consumer = AIOKafkaConsumer(
        *topics, bootstrap_servers=stack.kafka, auto_offset_reset="latest", enable_auto_commit=False
    )
    await consumer.start()
    await consumer.seek_to_end()
    for place in consumer.assignment():
        await consumer.position(place)  # known before the first order leaves, so that no record is missed
    seen = Seen()
    reading = asyncio.create_task(_read(consumer, topics, seen))
    try:
        yield seen
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, topics: Mapping[str, str], seen: Seen) -> None:
    while True:
        polled = await consumer.getmany(timeout_ms=1_000)
        for place, records in polled.items():
            for record in records:
                seen.note(topics[place.topic], record)
        if polled:
            seen.moved_at = time.monotonic()
            seen.changed.set()
            # Small polls cost the services' processors more than they tell sooner.
            await asyncio.sleep(0.01)
