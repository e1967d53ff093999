"""The bare path: three commits and two Kafka hops for each order, one order at a time, without services."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.database import create_database, drop_database, with_database
from deploy.local.stack import Stack
from shared.runtime.clock import new_id

DATABASE: Final = "bare_path"
QUESTIONS: Final = "bare-path.questions"
ANSWERS: Final = "bare-path.answers"
WARM_UP_ORDERS: Final = 50
MESSAGE: Final = b"m" * 300
LINES: Final = 3

SCHEMA: Final = """
CREATE TABLE orders (order_id uuid PRIMARY KEY, status text NOT NULL);
CREATE TABLE order_items (order_id uuid NOT NULL, line integer NOT NULL, PRIMARY KEY (order_id, line));
CREATE TABLE reservations (order_id uuid NOT NULL, line integer NOT NULL, PRIMARY KEY (order_id, line));
"""
ORDER: Final = """
WITH lines AS (INSERT INTO order_items SELECT $1, line FROM generate_series(1, $2::int) AS line)
INSERT INTO orders VALUES ($1, 'created')
"""
RESERVE: Final = "INSERT INTO reservations SELECT $1, line FROM generate_series(1, $2::int) AS line"
CONFIRM: Final = "UPDATE orders SET status = 'confirmed' WHERE order_id = $1"


class BarePath:
    """Order, question, reservation, answer, confirmation; each statement is a commit of its own."""

    def __init__(self, connection: Any, producer: Any, asked: Any, answered: Any) -> None:
        self._connection = connection
        self._producer = producer
        self._asked = asked
        self._answered = answered

    async def run(self, seconds: float) -> list[float]:
        """Milliseconds of each order, for so long."""
        for _ in range(WARM_UP_ORDERS):
            await self._order(new_id())
        until = time.monotonic() + seconds
        took: list[float] = []
        while time.monotonic() < until:
            began = time.perf_counter()
            await self._order(new_id())
            took.append((time.perf_counter() - began) * 1000)
        return took

    async def _order(self, id: UUID) -> None:
        await self._connection.execute(ORDER, id, LINES)
        await self._hop(QUESTIONS, self._asked, id)
        await self._connection.execute(RESERVE, id, LINES)
        await self._hop(ANSWERS, self._answered, id)
        await self._connection.execute(CONFIRM, id)

    async def _hop(self, topic: str, consumer: Any, id: UUID) -> None:
        sent = await self._producer.send(topic, MESSAGE, key=id.bytes)
        await consumer.getone()
        await sent


@asynccontextmanager
async def bare_path(stack: Stack) -> AsyncIterator[BarePath]:
    """The path on the stack's servers, in a database and topics of its own."""
    admin = stack.postgres["admin"]
    await create_database(admin, DATABASE)
    await _make_topics(stack)
    connection: Any = await asyncpg.connect(with_database(admin, DATABASE))
    producer = AIOKafkaProducer(bootstrap_servers=stack.kafka, enable_idempotence=True)
    asked, answered = await _reader(stack, QUESTIONS), await _reader(stack, ANSWERS)
    await producer.start()
    try:
        await connection.execute(SCHEMA)
        yield BarePath(connection, producer, asked, answered)
    finally:
        await asyncio.gather(producer.stop(), asked.stop(), answered.stop())
        await connection.close()
        await drop_database(admin, DATABASE)


async def _reader(stack: Stack, topic: str) -> AIOKafkaConsumer:
    consumer = AIOKafkaConsumer(bootstrap_servers=stack.kafka, enable_auto_commit=False)
    await consumer.start()
    place = TopicPartition(topic, 0)
    consumer.assign([place])
    await consumer.seek_to_end(place)
    await consumer.position(place)
    return consumer


async def _make_topics(stack: Stack) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(QUESTIONS, 1, 1), NewTopic(ANSWERS, 1, 1)])
    finally:
        await admin.close()
