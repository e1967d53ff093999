"""How fast orders flow: publishes orders to a stack of its own and times each step by the records of its topics."""

import argparse
import asyncio
import platform
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson
import psutil  # type: ignore[import-untyped]
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord

from deploy.local.home import Home
from deploy.local.screen import Screen
from deploy.local.stack import Stack
from deploy.local.starting import LocalStack

SUBMITTED = "order.submitted"
STEPS = ("order.created", "stock.reserved", "order.confirmed", "order.ready", "fulfillment.created")
PRODUCTS = 200
LINES_MAX = 3
STOCK = 10_000_000
WARM_UP = 200
SILENCE_SECONDS = 60.0
SOURCE = "bench"


@dataclass
class Measured:
    """When, by the records' own clock in ms, the first order was submitted and each order reached each step."""

    first: int = 0
    reached: dict[str, dict[str, int]] = field(default_factory=lambda: {step: {} for step in STEPS})

    def note(self, step: str, record: ConsumerRecord) -> None:
        if step == SUBMITTED:
            self.first = min(self.first or record.timestamp, record.timestamp)
        else:
            self.reached[step].setdefault(record.key.decode(), record.timestamp)

    def complete(self, orders: int) -> bool:
        return all(len(times) >= orders for times in self.reached.values())


async def bench(orders: int, folder: Path) -> str:
    """Start a stack in that folder, let the orders flow, and tell what was measured."""
    local = LocalStack(Home(folder), Screen())
    try:
        stack = await local.up()
        await _stock_up(stack)
        await _flow(stack, "warm-up", WARM_UP)
        began = time.monotonic()
        measured = await _flow(stack, "run", orders)
        return _page(orders, measured, time.monotonic() - began)
    finally:
        await local.down()


async def _stock_up(stack: Stack) -> None:
    async with httpx.AsyncClient(
        base_url=stack.services["inventory"], headers=stack.headers(), timeout=30, trust_env=False
    ) as client:
        for number in range(PRODUCTS):
            product = {"product_id": f"BENCH-{number}", "name": f"Bench {number}"}
            (await client.post("/api/inventory/products", json=product)).raise_for_status()
            receipt = {"item_id": f"BENCH-{number}", "quantity": STOCK, "supplier_lot": "L-1"}
            receipt["unit_cost"] = {"amount": "1.00", "currency": "EUR"}
            (await client.post("/api/inventory/receipts", json=receipt)).raise_for_status()


async def _flow(stack: Stack, run: str, orders: int) -> Measured:
    """One run, from the first submission until the last order has reached the last step."""
    topics = [stack.topic_prefix + name for name in (SUBMITTED, *STEPS)]
    consumer = AIOKafkaConsumer(*topics, bootstrap_servers=stack.kafka, auto_offset_reset="latest")
    await consumer.start()
    try:
        await consumer.seek_to_end()
        reading = asyncio.create_task(_read(consumer, stack.topic_prefix, orders))
        await _publish(stack, run, orders)
        return await reading
    finally:
        await consumer.stop()


async def _publish(stack: Stack, run: str, orders: int) -> None:
    chance = random.Random(run)  # the same orders in every run
    topic = stack.topic_prefix + SUBMITTED
    async with AIOKafkaProducer(bootstrap_servers=stack.kafka, linger_ms=5, enable_idempotence=True) as producer:
        for number in range(orders):
            order = _order(chance, f"{run}-{number}")
            await producer.send(topic, orjson.dumps(order), key=f"{SOURCE}:{run}-{number}".encode())
        await producer.flush()


def _order(chance: random.Random, external_id: str) -> dict[str, object]:
    products = chance.sample(range(PRODUCTS), chance.randint(1, LINES_MAX))
    return {
        "source": SOURCE,
        "external_id": external_id,
        "customer_id": f"C-{chance.randrange(1000)}",
        "items": [{"product_id": f"BENCH-{product}", "quantity": chance.randint(1, 5)} for product in products],
        "shipping_address": {"city": "Grasse"},
        "auto_confirm": True,
        "on_shortage": "backorder",
    }


async def _read(consumer: AIOKafkaConsumer, prefix: str, orders: int) -> Measured:
    measured, moved_at = Measured(), time.monotonic()
    while not measured.complete(orders):
        polled = await consumer.getmany(timeout_ms=500)
        for record in (record for records in polled.values() for record in records):
            measured.note(record.topic.removeprefix(prefix), record)
            moved_at = time.monotonic()
        if time.monotonic() - moved_at > SILENCE_SECONDS:
            missing = {step: orders - len(times) for step, times in measured.reached.items()}
            sys.exit(f"error: nothing has moved for {SILENCE_SECONDS:.0f} s; orders that are missing: {missing}")
    return measured


def _page(orders: int, measured: Measured, seconds: float) -> str:
    lines = [
        f"Flacon: {orders} orders of 1-{LINES_MAX} lines over {PRODUCTS} products",
        f"{platform.machine()}, {psutil.cpu_count()} processors for the load, Kafka, Postgres and one of each service",
        "",
        f"{'step':<22}{'orders/s':>10}{'p50 ms':>10}{'p99 ms':>10}",
    ]
    lines += [_row(step, list(measured.reached[step].values()), measured.first) for step in STEPS]
    lines += ["", f"all {orders} orders had reached fulfillment after {seconds:.1f} s", *NOTES]
    return "\n".join(lines)


NOTES = (
    "orders/s: orders divided by the time from the first submission to the last record of the step.",
    "p50, p99: time from the first submission to the step's record, so the queue before it is counted in.",
)


def _row(step: str, times: Sequence[int], first: int) -> str:
    after = sorted(at - first for at in times)
    rate = len(after) / max(after[-1] / 1000, 0.001)
    p99 = after[min(len(after) - 1, int(len(after) * 0.99))]
    return f"{step:<22}{rate:>10.0f}{statistics.median(after):>10.0f}{p99:>10.0f}"


def main() -> None:
    """`python -m benchmarks.flow [--orders N]`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flow", description=__doc__)
    parser.add_argument("--orders", type=int, default=5000)
    orders: int = parser.parse_args().orders
    folder = Path(tempfile.mkdtemp(prefix="flacon-bench-"))
    try:
        print(asyncio.run(bench(orders, folder)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
