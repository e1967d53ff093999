"""One connection of the consumer: its polls, the batch in hand, the partitions that wait, and what a rebalance does."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import (
    ConsumerStoppedError,
    CorruptRecordException,
    IllegalStateError,
    KafkaError,
    UnsupportedCodecError,
)
from faststream.kafka.subscriber.usecase import BatchSubscriber

from shared.runtime.kafka.batches import Batches, Outcome
from shared.runtime.kafka.connection import connected, full_jitter
from shared.runtime.kafka.metrics import LAG, RETRIES

RECORDS_MAX: Final = 500
POLL_MS: Final = 5_000
FETCH_WAIT_MS: Final = 50
"""A record that comes right after another of its partition waits for this long poll at the broker to end."""
IDLE_FETCH_WAIT_MS: Final = 250
"""After 5 s without a record every partition is part of the long poll, so the next record ends it at once."""
APART_SECONDS: Final = 0.05
DRAIN_SECONDS: Final = 25.0
COMMIT_SECONDS: Final = 5.0
SILENCE_SECONDS: Final = 60.0
NAMELESS: Final = "(its name is not UTF-8; the record is in the topic)"

_log = structlog.get_logger()


class Session:
    """One connection's life: polls, handled batches, partitions that wait."""

    def __init__(self, service: str, batches: Batches, prefix: str, *, apart: bool = False) -> None:
        self._service = service
        self._batches = batches
        self._prefix = prefix
        self._apart = apart
        self._stepping: set[TopicPartition] = set()
        self._subscriber: Any = None
        self._joined = False
        self._halted = False
        self._error: Exception | None = None
        self._broken = asyncio.Event()
        self._polled = time.monotonic()
        self._failures: dict[TopicPartition, int] = {}
        self._waiting: dict[TopicPartition, tuple[asyncio.TimerHandle, str]] = {}
        self._measured: set[TopicPartition] = set()

    def attend(self, subscriber: Any) -> None:
        """Makes the subscriber poll without its sleep, and report what ends its polling instead of hiding it."""
        session = self

        class Polling(BatchSubscriber):
            __slots__ = ()

            async def get_msg(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord[Any, Any], ...]:
                return await session.poll(consumer)

        subscriber.__class__ = Polling
        self._subscriber = subscriber

    @property
    def consumer(self) -> AIOKafkaConsumer:
        return self._subscriber.consumer

    async def poll(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord[Any, Any], ...]:
        self._polled = time.monotonic()
        try:
            if self._apart:
                return await self._poll_apart(consumer)
            polled = await consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
        except (ConsumerStoppedError, asyncio.CancelledError):
            raise
        except Exception as error:
            self._error = error
            self._broken.set()
            await asyncio.Event().wait()
            raise
        self._polled = time.monotonic()
        self._pace(consumer, idle=not polled and not self._waiting)
        return tuple(chain.from_iterable(polled.values()))

    @staticmethod
    def _pace(consumer: AIOKafkaConsumer, *, idle: bool) -> None:
        """Short polls would cost more than all else at rest; the client has no setting for a consumer that runs."""
        consumer._fetcher._fetch_max_wait_ms = IDLE_FETCH_WAIT_MS if idle else FETCH_WAIT_MS

    async def _poll_apart(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord[Any, Any], ...]:
        """After a session that a record ended: each partition by itself, so that this one holds nobody else.

        A poll that raises forgets what it had taken of other partitions, so they are never asked together again.
        """
        polled: list[ConsumerRecord[Any, Any]] = []
        for place in sorted(consumer.assignment() - consumer.paused()):
            polled += await self._poll_one(consumer, place, RECORDS_MAX - len(polled))
            if len(polled) >= RECORDS_MAX:
                break
        if not polled:
            await asyncio.sleep(APART_SECONDS)
        return tuple(polled)

    async def _poll_one(
        self, consumer: AIOKafkaConsumer, place: TopicPartition, most: int
    ) -> list[ConsumerRecord[Any, Any]]:
        """Steps record by record up to one that the client cannot parse, and hands on a stand-in for it."""
        try:
            part = await consumer.getmany(place, timeout_ms=0, max_records=1 if place in self._stepping else most)
            return list(chain.from_iterable(part.values()))
        except Exception as error:
            if not is_of_a_record(error):
                raise
            offset = await consumer.position(place)
            if not isinstance(error, UnicodeDecodeError):
                self._put_off(place, offset, error)
                return []
            if place not in self._stepping:
                self._stepping.add(place)
                consumer.seek(place, offset)
                return []
            self._stepping.discard(place)
            consumer.seek(place, offset + 1)
            return [_stand_in(place, offset)]

    async def handle(self, records: Any) -> None:
        """One poll, to the end: handled, committed, and what failed set back and paused."""
        alone = self._failures.keys() & {TopicPartition(record.topic, record.partition) for record in records}
        try:
            outcome = await self._batches.handle(records, alone=alone, halted=lambda: self._halted)
        except Exception as error:
            _log.exception("batch failed as a whole", service=self._service)
            outcome = Outcome(waiting=_starts(records, error))
        for place, (offset, fault) in outcome.waiting.items():
            self._put_off(place, offset, fault)
        for place in outcome.done.keys() - outcome.waiting.keys():
            self._failures.pop(place, None)
        await self._commit(outcome.done)

    async def broken(self) -> None:
        """Returns when polling cannot go on."""
        await self._broken.wait()

    def complain(self) -> None:
        """Raises what broke the session, if anything did."""
        if self._error is not None:
            raise self._error

    def halt(self) -> None:
        """The batch in hand may finish what it began; no partition is resumed any more."""
        self._halted = True
        self.forget()

    async def drain(self) -> None:
        """Partitions go elsewhere: the batch in hand ends first, its commit too, so the next owner begins behind it."""
        self._joined = False
        self._halted = True
        await self._subscriber.lock.wait_release(DRAIN_SECONDS)
        self.forget()

    def assigned(self) -> None:
        self._joined = True
        self._halted = False

    def unmeasure(self, revoked: set[TopicPartition] | None = None) -> None:
        """Whoever owns these partitions next tells how far behind they are; without any: all that were measured."""
        for place in self._measured & revoked if revoked is not None else set(self._measured):
            self._measured.discard(place)
            with suppress(KeyError):
                LAG.remove(self._service, place.topic.removeprefix(self._prefix), place.partition)

    def forget(self) -> None:
        for timer, _ in self._waiting.values():
            timer.cancel()
        self._waiting.clear()
        self._failures.clear()

    def state(self) -> str:
        silent = time.monotonic() - self._polled
        if not self._joined:
            return "no assignment yet"
        if not connected(self.consumer._client):
            return "not connected"
        if silent > SILENCE_SECONDS:
            return f"last poll {silent:.0f} s ago"
        if self._waiting:
            place, (_, fault) = next(iter(self._waiting.items()))
            return f"{len(self._waiting)} partitions wait, {place.topic}-{place.partition} after {fault}"
        return "ok"

    def _put_off(self, place: TopicPartition, offset: int, fault: Exception) -> None:
        failures = self._failures[place] = self._failures.get(place, 0) + 1
        delay = full_jitter(failures)
        try:
            self.consumer.seek(place, offset)
            self.consumer.pause(place)
        except IllegalStateError:
            self._failures.pop(place, None)  # it belongs to somebody else now, who begins at what is committed
            return
        RETRIES.labels(self._service).inc()
        _log.warning(
            "partition waits", service=self._service, topic=place.topic, partition=place.partition, offset=offset,
            fault=type(fault).__name__, attempt=failures,
        )  # fmt: skip
        timer = asyncio.get_running_loop().call_later(delay, self._resume, place)
        self._waiting[place] = (timer, type(fault).__name__)

    def _resume(self, place: TopicPartition) -> None:
        self._waiting.pop(place, None)
        with suppress(IllegalStateError):
            self.consumer.resume(place)

    async def _commit(self, done: dict[TopicPartition, int]) -> None:
        """Only what is named, never all that was polled; if it fails the records come again, without effect."""
        consumer = self.consumer
        if not done or consumer is None:
            return
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await consumer.commit(done)
        except (KafkaError, IllegalStateError, TimeoutError) as error:
            _log.warning("offsets not committed", service=self._service, reason=f"{type(error).__name__}: {error}")
        for place, offset in done.items():
            self._measure(consumer, place, offset)

    def _measure(self, consumer: AIOKafkaConsumer, place: TopicPartition, offset: int) -> None:
        with suppress(IllegalStateError, AssertionError):
            end = consumer.highwater(place)
            if end is not None:
                topic = place.topic.removeprefix(self._prefix)
                LAG.labels(self._service, topic, place.partition).set(max(0, end - offset))
                self._measured.add(place)


class Drain(ConsumerRebalanceListener):  # type: ignore[misc]
    """A rebalance waits for the batch in hand; without this the next owner handles the same records beside us."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._session.drain()
        self._session.unmeasure(revoked)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._session.assigned()


def _starts(
    records: Sequence[ConsumerRecord[Any, Any]], error: Exception
) -> dict[TopicPartition, tuple[int, Exception]]:
    starts: dict[TopicPartition, tuple[int, Exception]] = {}
    for record in records:
        starts.setdefault(TopicPartition(record.topic, record.partition), (record.offset, error))
    return starts


def is_of_a_record(error: BaseException) -> bool:
    """True if the client could not take a record apart, so that only this record's partition has to wait."""
    if isinstance(error, UnsupportedCodecError | CorruptRecordException):
        return True
    return not isinstance(error, KafkaError | OSError | ConsumerStoppedError | IllegalStateError)


def _stand_in(place: TopicPartition, offset: int) -> ConsumerRecord[Any, Any]:
    """A record without content that becomes a dead letter (`invalid_headers`) in the place of an unparsable one."""
    return ConsumerRecord(
        topic=place.topic,
        partition=place.partition,
        offset=offset,
        timestamp=-1,
        timestamp_type=0,
        key=None,
        value=None,
        checksum=None,
        serialized_key_size=-1,
        serialized_value_size=-1,
        headers=((NAMELESS, None),),
    )
