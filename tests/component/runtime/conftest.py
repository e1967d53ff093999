"""A service without a business: its own database and topics, handlers that write down what they handled."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from shared.contracts.envelope import Event, headers_of
from shared.contracts.inventory import MaterialsReserved
from shared.runtime.clock import new_id
from shared.runtime.database import Database
from shared.runtime.kafka import Consumer
from shared.runtime.migrate import migrate
from shared.runtime.relay import Relay
from shared.runtime.subscriptions import Subscription
from shared.runtime.transaction import Transaction
from tests.servers import Servers

SERVICE = "bottling"
RESERVED = "materials.reserved"
SHORT = "materials.short"
Headers = list[tuple[str, bytes | None]]


async def until(condition: Callable[[], Awaitable[Any]] | Callable[[], Any], seconds: float = 15.0) -> float:
    """Waits until the condition is true; returns how long it took."""
    started = time.monotonic()
    while True:
        answer = condition()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return time.monotonic() - started
        assert time.monotonic() - started < seconds, "the condition did not come true in time"
        await asyncio.sleep(0.02)


def value_of(batch_id: str) -> bytes:
    """A payload that every reader of `materials.*` takes."""
    payload = MaterialsReserved(
        batch_id=batch_id,
        batch_version=1,
        status="reserved",
        materials=(),
        occurred_at=datetime(2026, 1, 31, tzinfo=UTC),
    )
    return payload.model_dump_json().encode()


def headers_for(batch_id: str, id: UUID | None = None, type: str = RESERVED) -> Headers:
    """The headers of an event of inventory."""
    texts = headers_of(
        id=id or new_id(),
        type=type,
        source="/flacon/inventory",
        subject=batch_id,
        time="2026-01-31T00:00:00.000Z",
        version=1,
        correlation_id=batch_id,
    )
    return [(name, text.encode()) for name, text in texts.items()]


class Desk:
    """Handlers whose effects are rows without a unique key, so that a second effect shows."""

    def __init__(self) -> None:
        self.poison: set[str] = set()
        self.faults: dict[str, int] = defaultdict(int)
        self.tries: dict[str, int] = defaultdict(int)
        self.hold: asyncio.Event | None = None
        self.holding = asyncio.Event()

    async def handle(self, tx: Transaction, events: Sequence[Event[Any]]) -> None:
        for event in events:
            self.tries[event.subject] += 1
            await tx.execute("INSERT INTO effects (subject, type) VALUES ($1, $2)", event.subject, event.type)
        if self.hold is not None:
            self.holding.set()
            await self.hold.wait()
        for event in events:
            if self.faults[event.subject] > 0:
                self.faults[event.subject] -= 1
                raise ConnectionResetError("the line is down")
            if event.subject in self.poison:
                raise ValueError(f"cannot decide about {event.subject}\x00")

    @property
    def subscriptions(self) -> tuple[Subscription, ...]:
        return (Subscription((RESERVED,), self.handle), Subscription((SHORT,), self.handle))


class Bench:
    """One service at work, and hands to put records before it."""

    def __init__(self, servers: Servers, database: Database, dsn: str, prefix: str) -> None:
        self.kafka = servers.kafka_bootstrap
        self.database = database
        self.dsn = dsn
        self.prefix = prefix
        self.desk = Desk()

    async def topics(self, *names: str, partitions: int = 1) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        await admin.create_topics([NewTopic(self.prefix + name, partitions, 1) for name in names])
        await admin.close()

    @asynccontextmanager
    async def producer(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka, acks="all", max_request_size=3_000_000)
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def put(self, subjects: Iterable[str], *, topic: str = RESERVED, partition: int = 0) -> None:
        """Good events, one per subject, in order."""
        async with self.producer() as producer:
            sent = [
                await producer.send(
                    self.prefix + topic,
                    value_of(subject),
                    key=subject.encode(),
                    headers=headers_for(subject, type=topic),
                    partition=partition,
                )
                for subject in subjects
            ]
            await asyncio.gather(*sent)

    async def put_raw(
        self, value: bytes | None, headers: Headers, *, key: bytes = b"k", topic: str = RESERVED, partition: int = 0
    ) -> None:
        async with self.producer() as producer:
            await producer.send_and_wait(self.prefix + topic, value, key=key, headers=headers, partition=partition)

    @asynccontextmanager
    async def consuming(self, desk: Desk | None = None, instance: str = "1") -> AsyncIterator[Consumer]:
        consumer = Consumer(
            service=SERVICE,
            database=self.database,
            subscriptions=(desk or self.desk).subscriptions,
            bootstrap=self.kafka,
            prefix=self.prefix,
            instance=instance,
        )
        async with running(consumer):
            yield consumer

    def relay(self, **more: Any) -> Relay:
        options: dict[str, Any] = {
            "service": SERVICE,
            "database": self.database,
            "dsn": self.dsn,
            "bootstrap": self.kafka,
            "prefix": self.prefix,
            "wakeups": self.database.wakeups,
        }
        return Relay(**options | more)

    async def rows(self, sql: str, *args: Any) -> list[asyncpg.Record]:
        async with self.database.reading() as connection:
            rows: list[asyncpg.Record] = await connection.fetch(sql, *args)
            return rows

    async def value(self, sql: str, *args: Any) -> Any:
        async with self.database.reading() as connection:
            return await connection.fetchval(sql, *args)

    async def effects(self) -> list[str]:
        """The subjects of all effects, in the order in which they were made."""
        return [row["subject"] for row in await self.rows("SELECT subject FROM effects ORDER BY n")]

    async def letters(self) -> list[asyncpg.Record]:
        return await self.rows("SELECT * FROM dead_letters ORDER BY dead_letter_id")

    async def committed(self, topic: str = RESERVED, partition: int = 0) -> int:
        """The group's committed offset."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        offsets = await admin.list_consumer_group_offsets(self.prefix + SERVICE)
        await admin.close()
        place = TopicPartition(self.prefix + topic, partition)
        return int(offsets[place].offset) if place in offsets else 0

    async def heard(self, topic: str, count: int, seconds: float = 15.0) -> list[ConsumerRecord[Any, Any]]:
        """The first records of a topic, from the beginning, as an outside reader gets them."""
        consumer = AIOKafkaConsumer(
            self.prefix + topic, bootstrap_servers=self.kafka, auto_offset_reset="earliest", enable_auto_commit=False
        )
        await consumer.start()
        records: list[ConsumerRecord[Any, Any]] = []
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while len(records) < count:
                        for part in (await consumer.getmany(timeout_ms=200)).values():
                            records += part
        finally:
            await consumer.stop()
        return records


@asynccontextmanager
async def running(work: Any) -> AsyncIterator[None]:
    """Runs until the block ends, then stops it in an orderly way."""
    stop = asyncio.Event()
    task = asyncio.create_task(work.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 40)


@pytest.fixture
async def bench(servers: Servers, topic_prefix: str, tmp_path: Path) -> AsyncIterator[Bench]:
    """A database with the runtime's tables and one of effects."""
    name = f"runtime_{token_hex(6)}"
    admin = await asyncpg.connect(servers.postgres_admin_dsn)
    await admin.execute(f"CREATE DATABASE {name}")
    dsn = servers.postgres_admin_dsn.rsplit("/", 1)[0] + f"/{name}"
    await migrate(dsn, SERVICE, tmp_path)
    database = Database(SERVICE, dsn, largest=10)
    await database.open()
    await database.pool.execute("CREATE TABLE effects (n bigserial PRIMARY KEY, subject text, type text)")
    yield Bench(servers, database, dsn, topic_prefix)
    await database.close()
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()
