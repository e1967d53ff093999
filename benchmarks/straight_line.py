"""The straight-line limit: the rows and messages of an order without services. Its work is fixed for good.

What Flacon does is measured against this script, so nothing in it may change: not the tables, their keys and columns,
not the number of rows, not the messages, not that one batch follows the other; a faster way is another script.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from typing import Any, Final
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local.database import create_database, drop_database, with_database
from deploy.local.stack import Stack
from shared.runtime.clock import new_id

DATABASE: Final = "straight_line"
TOPIC: Final = "straight-line.events"
PARTITIONS: Final = 4
LINES: Final = 3
LEDGER_ROWS: Final = 6
STATUS_CHANGES: Final = 5
MESSAGES: Final = 8
MESSAGE: Final = b'{"order_id":"' + b"0" * 36 + b'","lines":[' + b"1" * 235 + b"]}..."
WARM_UP_SECONDS: Final = 2.0
PRODUCTS: Final = 1_000

SCHEMA: Final = """
CREATE TABLE orders (order_id uuid PRIMARY KEY, customer_id text NOT NULL, status text NOT NULL,
    created_at timestamptz NOT NULL);
CREATE TABLE order_items (order_id uuid NOT NULL, line integer NOT NULL, product_id text NOT NULL,
    quantity bigint NOT NULL, PRIMARY KEY (order_id, line));
CREATE TABLE reservations (order_id uuid NOT NULL, product_id text NOT NULL, held bigint NOT NULL,
    deducted bigint NOT NULL, PRIMARY KEY (order_id, product_id));
CREATE TABLE ledger (transaction_id uuid PRIMARY KEY, product_id text NOT NULL, type text NOT NULL,
    quantity bigint NOT NULL, reference_id uuid NOT NULL, at timestamptz NOT NULL);
CREATE TABLE fulfillments (fulfillment_id uuid PRIMARY KEY, order_id uuid NOT NULL, status text NOT NULL,
    tracking_number text NOT NULL);
CREATE TABLE status_changes (order_id uuid NOT NULL, step integer NOT NULL, status text NOT NULL,
    at timestamptz NOT NULL, PRIMARY KEY (order_id, step));
CREATE TABLE inbox (id uuid PRIMARY KEY);
CREATE TABLE outbox (id uuid PRIMARY KEY, aggregate_id text NOT NULL, type text NOT NULL, payload text NOT NULL);
"""
EMPTY: Final = "TRUNCATE orders, order_items, reservations, ledger, fulfillments, status_changes, inbox, outbox"
INSERT_ORDERS: Final = """
INSERT INTO orders SELECT id, 'C-1', 'fulfilled', $2 FROM unnest($1::uuid[]) AS new (id)
"""
INSERT_ITEMS: Final = """
INSERT INTO order_items SELECT id, line, product, 2
FROM unnest($1::uuid[], $2::int[], $3::text[]) AS new (id, line, product)
"""
INSERT_RESERVATIONS: Final = """
INSERT INTO reservations SELECT id, product, 0, 2 FROM unnest($1::uuid[], $2::text[]) AS new (id, product)
"""
INSERT_LEDGER: Final = """
INSERT INTO ledger SELECT id, product, type, quantity, reference, $6
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::uuid[])
    AS new (id, product, type, quantity, reference)
"""
INSERT_FULFILLMENTS: Final = """
INSERT INTO fulfillments SELECT id, order_id, 'delivered', 'T-' || id
FROM unnest($1::uuid[], $2::uuid[]) AS new (id, order_id)
"""
INSERT_CHANGES: Final = """
INSERT INTO status_changes SELECT id, step, status, $4
FROM unnest($1::uuid[], $2::int[], $3::text[]) AS new (id, step, status)
"""
INSERT_INBOX: Final = "INSERT INTO inbox SELECT id FROM unnest($1::uuid[]) AS new (id)"
INSERT_OUTBOX: Final = """
INSERT INTO outbox SELECT id, aggregate_id, 'order.changed', payload
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS new (id, aggregate_id, payload)
"""
STATUSES: Final = ("created", "confirmed", "processing", "partially_fulfilled", "fulfilled")


@dataclass(frozen=True, slots=True)
class Pace:
    """How far the script got."""

    orders: int
    seconds: float

    @property
    def rate(self) -> float:
        return self.orders / self.seconds


class StraightLine:
    """One batch after the other: a transaction, then its messages, acknowledged."""

    def __init__(self, connection: Any, producer: Any) -> None:
        self._connection = connection
        self._producer = producer

    async def warm_up(self, batch: int) -> None:
        """Empties the tables and writes for 2 s."""
        await self._connection.execute(EMPTY)
        await self.run(batch, WARM_UP_SECONDS)

    async def run(self, batch: int, seconds: float) -> Pace:
        """Writes batches of that many orders for so long."""
        orders, started = 0, time.monotonic()
        while (took := time.monotonic() - started) < seconds:
            ids = [new_id() for _ in range(batch)]
            await self._write(ids)
            await self._produce(ids)
            orders += batch
        return Pace(orders, took)

    async def _write(self, ids: list[UUID]) -> None:
        """Thirty-five rows of each order, one statement a table."""
        now = datetime.now(UTC)
        products = [f"BENCH-{(id.int + line * 331) % PRODUCTS:04d}" for id in ids for line in range(LINES)]
        by_line = list(_times(ids, LINES))
        by_message = list(_times(ids, MESSAGES))
        connection = self._connection
        async with connection.transaction():
            await connection.execute(INSERT_ORDERS, ids, now)
            await connection.execute(INSERT_ITEMS, by_line, [*range(LINES)] * len(ids), products)
            await connection.execute(INSERT_RESERVATIONS, by_line, products)
            await connection.execute(INSERT_LEDGER, *_ledger(ids, products), now)
            await connection.execute(INSERT_FULFILLMENTS, [new_id() for _ in ids], ids)
            steps = [*range(STATUS_CHANGES)] * len(ids)
            changes = list(_times(ids, STATUS_CHANGES))
            await connection.execute(INSERT_CHANGES, changes, steps, [*STATUSES] * len(ids), now)
            await connection.execute(INSERT_INBOX, [new_id() for _ in by_message])
            texts, payload = [str(id) for id in by_message], MESSAGE.decode()
            await connection.execute(INSERT_OUTBOX, [new_id() for _ in by_message], texts, [payload] * len(texts))

    async def _produce(self, ids: list[UUID]) -> None:
        """Eight messages of 300 bytes for each order, in one batch a partition."""
        builders = [self._producer.create_batch() for _ in range(PARTITIONS)]
        for number, id in enumerate(ids):
            key, builder = str(id).encode(), builders[number % PARTITIONS]
            for _ in range(MESSAGES):
                builder.append(key=key, value=MESSAGE, timestamp=None)
        sent = [
            await self._producer.send_batch(builder, TOPIC, partition=partition)
            for partition, builder in enumerate(builders)
            if builder.record_count()
        ]
        await asyncio.gather(*sent)


def _times(ids: Iterable[UUID], number: int) -> Iterable[UUID]:
    return chain.from_iterable(repeat(id, number) for id in ids)


def _ledger(ids: list[UUID], products: list[str]) -> tuple[list[Any], ...]:
    """A hold and a sale of each line."""
    count = LEDGER_ROWS * len(ids)
    rows = [product for product in products for _ in range(2)]
    return (
        [new_id() for _ in range(count)],
        rows,
        ["reserve", "sale"] * (count // 2),
        [2, -2] * (count // 2),
        list(_times(ids, LEDGER_ROWS)),
    )


@asynccontextmanager
async def straight_line(stack: Stack) -> AsyncIterator[StraightLine]:
    """The script on the stack's servers, in a database and a topic of its own."""
    admin = stack.postgres["admin"]
    await create_database(admin, DATABASE)
    await _make_topic(stack)
    connection: Any = await asyncpg.connect(with_database(admin, DATABASE))
    producer = AIOKafkaProducer(
        bootstrap_servers=stack.kafka, enable_idempotence=True, max_batch_size=1024 * 1024, max_request_size=2**23
    )
    await producer.start()
    try:
        await connection.execute(SCHEMA)
        yield StraightLine(connection, producer)
    finally:
        await producer.stop()
        await connection.close()
        await drop_database(admin, DATABASE)


async def _make_topic(stack: Stack) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
    await admin.start()
    try:
        one_segment = {"retention.ms": str(int(timedelta(minutes=10).total_seconds() * 1000))}
        await admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1, topic_configs=one_segment)])
    finally:
        await admin.close()
