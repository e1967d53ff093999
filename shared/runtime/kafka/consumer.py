"""The consumer of a service: one batch subscriber, one group, all its topics, and every delivery setting, here."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaAckableMessage
from faststream.kafka.schemas import Topic
from faststream.kafka.subscriber.usecase import BatchSubscriber
from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from shared.runtime.database import Database
from shared.runtime.kafka.batches import Batches, Outcome
from shared.runtime.kafka.connection import (
    METADATA_MAX_AGE_MS,
    REQUEST_TIMEOUT_MS,
    Unreachable,
    connected,
    first_of,
    full_jitter,
    missing_topics,
    quiet_client_logs,
    stopped_within,
)
from shared.runtime.kafka.metrics import LAG, RETRIES
from shared.runtime.subscriptions import Subscription, subscribed_types

RECORDS_MAX: Final = 500
FETCH_WAIT_MS: Final = 100
POLL_MS: Final = 5_000
SESSION_TIMEOUT_MS: Final = 10_000
HEARTBEAT_MS: Final = 3_000
REBALANCE_TIMEOUT_MS: Final = 45_000
POLL_INTERVAL_MS_MAX: Final = 300_000
DRAIN_SECONDS: Final = 25.0
CLOSE_SECONDS: Final = 35.0
COMMIT_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 60.0

_log = structlog.get_logger()


class Consumer:
    """Hears what a service subscribes to; Kafka may be away, at the start or later, for as long as it likes."""

    def __init__(
        self,
        *,
        service: str,
        database: Database,
        subscriptions: Sequence[Subscription],
        bootstrap: str,
        prefix: str = "",
        security: Mapping[str, Any] | None = None,
        instance: str = "",
    ) -> None:
        self._service = service
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._security = dict(security or {})
        self._client_id = f"flacon-{service}-{instance}" if instance else f"flacon-{service}"
        self._topics = tuple(prefix + name for name in subscribed_types(subscriptions))
        self._batches = Batches(service, database, subscriptions, prefix)
        self._session: _Session | None = None
        self._trouble = f"not connected to {bootstrap} yet"

    @property
    def group(self) -> str:
        """The consumer group: one per service."""
        return self._prefix + self._service

    def state(self) -> str:
        """`ok`, or why nothing is heard just now."""
        return self._session.state() if self._session is not None else self._trouble

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: connects, and again after whatever ended the connection. Returns when the group is left."""
        quiet_client_logs()
        failures = 0
        while not stop.is_set() and self._topics:
            try:
                await self._hear(stop)
                failures = 0
            except Exception as error:
                failures += 1
                self._trouble = f"{type(error).__name__}: {error}" if not isinstance(error, Unreachable) else str(error)
                _log.warning("consumer waits", service=self._service, reason=self._trouble, attempt=failures)
                await stopped_within(stop, full_jitter(failures))

    async def _hear(self, stop: asyncio.Event) -> None:
        await self._find_topics()
        session = _Session(self._service, self._batches, self._prefix)
        broker = self._subscribe(session)
        self._session = session
        try:
            if await first_of(broker.start(), stop.wait()):
                await first_of(session.broken(), stop.wait())
        finally:
            self._session = None
            self._trouble = f"not connected to {self._bootstrap}"
            session.halt()
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_SECONDS):
                    await broker.stop()
        session.complain()

    async def _find_topics(self) -> None:
        try:
            missing = await missing_topics(self._bootstrap, self._topics, self._security)
        except (KafkaError, OSError) as error:
            raise Unreachable(f"not connected to {self._bootstrap}: {type(error).__name__}") from error
        if missing:
            raise Unreachable(f"topics are missing: {', '.join(missing)}")

    def _subscribe(self, session: "_Session") -> KafkaBroker:
        """FastStream's defaults acknowledge first and start at the end of a topic; so none is left a default."""
        broker = KafkaBroker(
            self._bootstrap,
            client_id=self._client_id,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            metadata_max_age_ms=METADATA_MAX_AGE_MS,
            consumer_only=True,
            allow_auto_create_topics=False,
            graceful_timeout=DRAIN_SECONDS,
            security=security_of(self._security),
            apply_types=False,
            logger=None,
        )
        subscriber: Any = broker.subscriber(
            *(Topic(name, declare=False) for name in self._topics),
            group_id=self.group,
            batch=True,
            max_records=RECORDS_MAX,
            batch_timeout_ms=POLL_MS,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            isolation_level="read_committed",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            fetch_min_bytes=1,
            fetch_max_bytes=50 * 1024 * 1024,
            max_partition_fetch_bytes=2 * 1024 * 1024,
            check_crcs=True,
            session_timeout_ms=SESSION_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            max_poll_interval_ms=POLL_INTERVAL_MS_MAX,
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            listener=_Drain(session),
            parser=_parse,
            decoder=_decode,
            no_reply=True,
        )
        subscriber(session.handle)
        session.attend(subscriber)
        return broker


class _Session:
    """One connection's life: polls, handled batches, partitions that wait."""

    def __init__(self, service: str, batches: Batches, prefix: str) -> None:
        self._service = service
        self._batches = batches
        self._prefix = prefix
        self._subscriber: Any = None
        self._joined = False
        self._halted = False
        self._error: Exception | None = None
        self._broken = asyncio.Event()
        self._polled = time.monotonic()
        self._failures: dict[TopicPartition, int] = {}
        self._waiting: dict[TopicPartition, tuple[asyncio.TimerHandle, str]] = {}

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
            polled = await consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
        except (ConsumerStoppedError, asyncio.CancelledError):
            raise
        except Exception as error:
            self._error = error
            self._broken.set()
            await asyncio.Event().wait()
            raise
        self._polled = time.monotonic()
        return tuple(chain.from_iterable(polled.values()))

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


class _Drain(ConsumerRebalanceListener):  # type: ignore[misc]
    """A rebalance waits for the batch in hand; without this the next owner handles the same records beside us."""

    def __init__(self, session: _Session) -> None:
        self._session = session

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._session.drain()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._session.assigned()


async def _parse(raw: tuple[ConsumerRecord[Any, Any], ...], original: Any) -> KafkaAckableMessage:
    """Cannot raise: the client's own parser loses a record with a null or non-UTF-8 header for good."""
    first = raw[0]
    place = f"{first.topic}:{first.partition}:{first.offset}"
    return KafkaAckableMessage(
        body=b"",
        headers={},
        batch_headers=[],
        raw_message=raw,
        correlation_id=place,
        message_id=place,
        consumer=original.__self__._consumer,
    )


async def _decode(message: Any) -> Any:
    return message.raw_message


def _starts(
    records: Sequence[ConsumerRecord[Any, Any]], error: Exception
) -> dict[TopicPartition, tuple[int, Exception]]:
    starts: dict[TopicPartition, tuple[int, Exception]] = {}
    for record in records:
        starts.setdefault(TopicPartition(record.topic, record.partition), (record.offset, error))
    return starts


def security_of(settings: Mapping[str, Any]) -> BaseSecurity | None:
    """The client library's security settings in FastStream's words."""
    if not settings:
        return None
    protocol = settings.get("security_protocol", "PLAINTEXT")
    tls: dict[str, Any] = {"ssl_context": settings.get("ssl_context"), "use_ssl": protocol.endswith("SSL")}
    if not protocol.startswith("SASL"):
        return BaseSecurity(**tls)
    mechanism = settings.get("sasl_mechanism", "PLAIN")
    kinds: dict[str, Any] = {"PLAIN": SASLPlaintext, "SCRAM-SHA-256": SASLScram256, "SCRAM-SHA-512": SASLScram512}
    security: BaseSecurity = kinds[mechanism](
        username=settings["sasl_plain_username"], password=settings["sasl_plain_password"], **tls
    )
    return security
