"""The loads: orders by Kafka with a bounded number under way, or by REST in a closed loop; each to its delivery."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from aiokafka import AIOKafkaProducer

from benchmarks.accounts import Units, count_units, deviations
from benchmarks.client import Connection
from benchmarks.installation import settled
from benchmarks.meters import Meters, Reading, Volume, spent
from benchmarks.orders import Book, Kind
from benchmarks.results import Figures, percentiles
from benchmarks.warehouse import Warehouse
from benchmarks.watching import FULFILLED, RESERVED, Seen, watching
from deploy.local.credentials import token_for
from deploy.local.stack import Stack

UNDER_WAY_MAX: Final = 2_000
WARM_UP_ORDERS: Final = 2_000
WARM_UP_SECONDS: Final = 5.0
WARM_UP_SECONDS_MAX: Final = 30.0
SILENT_SECONDS: Final = 20.0
DRAIN_SILENT_SECONDS: Final = 30.0
SUBMIT_MAX: Final = 250
PAUSE_SECONDS: Final = 0.01
SUBMITTED: Final = "order.submitted"
WAVE_SECONDS: Final = 1.0
"""By REST the shops place orders, and the warehouse goes round once a second."""


class Lost(Exception):
    """An order did not come through, or units do not add up."""


@dataclass
class Run:
    """One load under way: what was ordered, when each order began (ms since the epoch), and when it was answered."""

    name: str
    book: Book
    seen: Seen
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    began: dict[str, int] = field(default_factory=dict)
    answered: dict[str, float] = field(default_factory=dict)

    @property
    def under_way(self) -> int:
        return self.book.orders - self.seen.over


Feed = Callable[[Stack, Run], Coroutine[Any, Any, None]]


async def through_kafka(stack: Stack, run: Run) -> None:
    """Submits whenever fewer than 2,000 orders are under way, until told to stop."""
    topic = stack.topic_prefix + SUBMITTED
    async with _producer(stack) as producer:
        while not run.stop.is_set():
            for _ in range(min(SUBMIT_MAX, UNDER_WAY_MAX - run.under_way)):
                order = next(run.book)
                external_id = f"{run.name}-{run.book.orders}"
                body = orjson.dumps({**order, "source": "bench", "external_id": external_id})
                run.began[external_id] = now_ms()
                await producer.send(topic, body, key=f"bench:{external_id}".encode())
            await asyncio.sleep(PAUSE_SECONDS)
        await producer.flush()


@asynccontextmanager
async def _producer(stack: Stack) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=stack.kafka, enable_idempotence=True, linger_ms=2, max_batch_size=256 * 1024
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


def through_rest(in_flight: int) -> Feed:
    """So many clients, each of which orders anew as soon as its last order is reserved."""

    async def feed(stack: Stack, run: Run) -> None:
        async with asyncio.TaskGroup() as clients:
            for number in range(in_flight):
                clients.create_task(_client(stack, run, number))

    return feed


async def one_by_rest(stack: Stack, run: Run) -> None:
    """One client that orders anew when its last order is delivered: each order is alone, as on the bare path."""
    await _client(stack, run, 0, under_way_max=1)


async def _client(stack: Stack, run: Run, number: int, under_way_max: int = UNDER_WAY_MAX) -> None:
    token = token_for(stack.jwt_secret, subject=f"shop-{number}")
    async with Connection(stack.services["order"], token) as connection:
        while not run.stop.is_set():
            await run.seen.until(
                lambda: run.under_way < under_way_max or run.stop.is_set(), silent_seconds=SILENT_SECONDS
            )
            order, began, clock = next(run.book), now_ms(), time.perf_counter()
            answer = await connection.post("/api/orders", order, wait=10)
            run.began[answer["order_id"]] = began
            run.answered[answer["order_id"]] = (time.perf_counter() - clock) * 1000


def now_ms() -> int:
    """Milliseconds since the epoch, as records carry them."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Load:
    """One kind of load, and how to run it."""

    name: str
    kind: Kind
    feed: Feed
    wave_seconds: float = 0.0

    async def measure(self, stack: Stack, meters: Meters, seconds: float, number: int) -> Figures:
        """Warm-up, `seconds` of steady state, then until the last order is delivered and every unit accounted for.

        Raises:
            Lost: an order or a unit is missing.
        """
        units, volume = await count_units(stack), await meters.volume()
        async with watching(stack) as seen:
            run = Run(f"{self.name}-{number}".replace(" ", "-"), Book(self.kind, f"{self.name}-{number}"), seen)
            async with asyncio.TaskGroup() as tasks:
                warehouse = tasks.create_task(Warehouse(stack, seen.listed, self.wave_seconds).run())
                feeding = tasks.create_task(self.feed(stack, run))
                steady = await _measured(meters, seconds, run)
                run.stop.set()
                await feeding
                await _drained(run)
                warehouse.cancel()
        await settled(stack)
        await _account(stack, run, units)
        return _figures(run, steady, volume, await meters.volume())


@dataclass(frozen=True, slots=True)
class Steady:
    """The steady state: readings at its ends, and how many orders were fulfilled by then."""

    before: Reading
    after: Reading
    fulfilled_before: int
    fulfilled_after: int
    from_ms: int
    to_ms: int

    @property
    def seconds(self) -> float:
        return self.after.at - self.before.at

    @property
    def orders(self) -> int:
        return self.fulfilled_after - self.fulfilled_before


async def _measured(meters: Meters, seconds: float, run: Run) -> Steady:
    await _warmed_up(run)
    before, fulfilled, start = await meters.read(), run.seen.fulfilled, now_ms()
    await asyncio.sleep(seconds)
    after = await meters.read()
    steady = Steady(before, after, fulfilled, run.seen.fulfilled, start, now_ms())
    if steady.orders == 0:
        raise Lost(f"{run.name}: no order was fulfilled within {seconds:.0f} s")
    return steady


async def _drained(run: Run) -> None:
    if not await run.seen.until(lambda: run.under_way <= 0, silent_seconds=DRAIN_SILENT_SECONDS):
        raise Lost(f"{run.name}: {run.under_way} of {run.book.orders} orders did not reach their delivery")


async def _warmed_up(run: Run) -> None:
    """5 s, and the first wave of orders through, but no longer than 30 s."""
    await asyncio.sleep(WARM_UP_SECONDS)
    deadline = time.monotonic() + WARM_UP_SECONDS_MAX - WARM_UP_SECONDS
    wave = min(WARM_UP_ORDERS, run.book.orders)
    await run.seen.until(
        lambda: run.seen.fulfilled >= wave or time.monotonic() > deadline, silent_seconds=SILENT_SECONDS
    )


async def _account(stack: Stack, run: Run, before: Units) -> None:
    wrong = deviations(run.book.units, before, await count_units(stack))
    if wrong:
        raise Lost(f"{run.name}: units do not add up: {'; '.join(wrong[:5])}")


def _figures(run: Run, steady: Steady, before: Volume, after: Volume) -> Figures:
    cpu = spent(steady.before, steady.after)
    per_topic = {name: count - before.messages.get(name, 0) for name, count in after.messages.items()}
    messages = {name: count / run.book.orders for name, count in per_topic.items() if count}
    return Figures(
        orders=run.book.orders,
        seconds=steady.seconds,
        rate=steady.orders / steady.seconds,
        reserved_ms=percentiles(_reserved(run, steady)),
        fulfilled_ms=percentiles(_durations(run, steady, FULFILLED)),
        cpu={part: seconds / steady.orders * 1000 for part, seconds in cpu.items()},
        busy=(sum(cpu.values()) - cpu["services"]) / steady.seconds,
        wal_bytes=(steady.after.wal - steady.before.wal) / steady.orders,
        table_bytes=(after.tables - before.tables) / run.book.orders,
        messages=sum(count for name, count in messages.items() if name != SUBMITTED),
        messages_by_topic=messages,
    )


def _reserved(run: Run, steady: Steady) -> list[float]:
    if not run.answered:
        return _durations(run, steady, RESERVED)
    return [took for id, took in run.answered.items() if steady.from_ms <= run.began[id] < steady.to_ms]


def _durations(run: Run, steady: Steady, step: str) -> list[float]:
    """Milliseconds from the start of each order that reached the step within the steady state."""
    found = []
    for order_id, at in run.seen.at[step].items():
        began = run.began.get(run.seen.external.get(order_id) or order_id)
        if began is not None and steady.from_ms <= at < steady.to_ms:
            found.append(float(at - began))
    return found


LOADS: Final = (
    Load("kafka uniform", "uniform", through_kafka),
    Load("kafka hot", "hot", through_kafka),
    Load("rest 1", "uniform", one_by_rest),
    Load("rest 32", "uniform", through_rest(32), WAVE_SECONDS),
    Load("rest 128", "uniform", through_rest(128), WAVE_SECONDS),
)
