"""Publishes records in order: batches built per partition, sent by an idempotent producer, every one acknowledged."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, KafkaTimeoutError
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.contracts.envelope import Header
from shared.runtime.kafka.connection import METADATA_MAX_AGE_MS, REQUEST_TIMEOUT_MS, connected, quiet_client_logs

BATCH_BYTES_MAX: Final = 256 * 1024
REQUEST_BYTES_MAX: Final = 4 * 1024 * 1024
CLOSE_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Sendable:
    """A record on its way out."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]


@lru_cache(maxsize=65_536)
def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


def partition_of(key: bytes | None, partitions: int) -> int:
    """The partition that Java's default partitioner gives a key; without a key, that of an empty one."""
    return _hash(key or b"") % partitions


class Publisher:
    """One producer; after any error it is of no use any more and a new one takes over."""

    def __init__(self, bootstrap: str, security: Mapping[str, Any] | None = None, name: str = "flacon") -> None:
        self._settings: dict[str, Any] = {"bootstrap_servers": bootstrap, "client_id": name, **(security or {})}
        self._producer: AIOKafkaProducer | None = None
        self._in_hand = 0

    async def __aenter__(self) -> "Publisher":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def start(self) -> None:
        """Raises `aiokafka.errors.KafkaError` if Kafka does not answer; then nothing is left open."""
        quiet_client_logs()
        self._producer = AIOKafkaProducer(
            **self._settings,
            acks="all",
            enable_idempotence=True,
            linger_ms=0,
            max_batch_size=BATCH_BYTES_MAX,
            max_request_size=REQUEST_BYTES_MAX,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
        )
        try:
            await self._producer.start()
        except BaseException:
            await self.close()
            raise

    @property
    def connected(self) -> bool:
        return self._producer is not None and connected(self._producer.client)

    async def close(self) -> None:
        """Closes; nothing more leaves after it. A send that was not awaited to its end may or may not have arrived."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        if self._in_hand:
            await _abandon(producer)
        with suppress(TimeoutError, KafkaError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await producer.stop()

    async def send(self, records: Sequence[Sendable]) -> None:
        """Returns when every record is acknowledged, those of one partition in the order given.

        While Kafka is away it waits, however long: an idempotent producer's batch never expires, and what was handed
        over is never taken back.

        Raises:
            aiokafka.errors.KafkaError: the broker refused (`MessageSizeTooLargeError`, an unknown topic) or the
                producer is broken: how many records arrived is then unknown.
        """
        if self._producer is None:
            raise RuntimeError("the publisher is not started")
        self._in_hand += 1
        batches = await self._batches(self._producer, records)
        results = await asyncio.gather(
            *(self._send_in_order(self._producer, topic, partition, built) for (topic, partition), built in batches),
            return_exceptions=True,
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        self._in_hand -= 1

    async def _batches(
        self, producer: AIOKafkaProducer, records: Sequence[Sendable]
    ) -> list[tuple[tuple[str, int], list[BatchBuilder]]]:
        sizes: dict[str, int] = {}
        for topic in {record.topic for record in records}:
            sizes[topic] = len(await producer.partitions_for(topic))
        batches: dict[tuple[str, int], list[BatchBuilder]] = {}
        for record in records:
            place = (record.topic, partition_of(record.key, sizes[record.topic]))
            _append(producer, batches.setdefault(place, []), record)
        return list(batches.items())

    async def _send_in_order(
        self, producer: AIOKafkaProducer, topic: str, partition: int, built: Sequence[BatchBuilder]
    ) -> None:
        futures = []
        for batch in built:
            futures.append(await _handed_over(producer, batch, topic, partition))
        for result in await asyncio.gather(*futures, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result


def _append(producer: AIOKafkaProducer, built: list[BatchBuilder], record: Sendable) -> None:
    fields: dict[str, Any] = {"timestamp": None, "key": record.key, "value": record.value, "headers": record.headers}
    if built and built[-1].append(**fields) is not None:
        return
    batch = producer.create_batch()
    batch.append(**fields)
    built.append(batch)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Ends a producer at once; its own way to stop would flush, for as long as Kafka is away."""
    producer._closed = True
    with suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await producer.client.close()
    with suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await producer._sender.close()


async def _handed_over(
    producer: AIOKafkaProducer, batch: BatchBuilder, topic: str, partition: int
) -> "asyncio.Future[Any]":
    """Waits for room behind the partition's previous batch, which may itself wait for Kafka to come back."""
    batch.close()
    while True:
        try:
            future: asyncio.Future[Any] = await producer.send_batch(batch, topic, partition=partition)
            return future
        except KafkaTimeoutError:
            continue
