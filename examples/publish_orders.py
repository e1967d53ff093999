"""Publishes two orders as an upstream system does, and prints what becomes of them; a repeat is the same order.

Run it from the project's root while a stack is up, with a product that exists:
`python examples/publish_orders.py ROSE-50`.
It reads `.flacon/stack.json`; what it sends is `order.submitted` of `docs/events.md`.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

SOURCE = "example"
ANSWERS = ("order.created", "order.confirmed", "order.backordered", "order.rejected")
SECONDS = 60


def order(number: int, product: str) -> dict[str, Any]:
    """`source` and `external_id` name the order for ever: sent twice, it is still one."""
    return {
        "source": SOURCE,
        "external_id": f"{product}-{number}",
        "customer_id": "c-1",
        "items": [{"product_id": product, "quantity": 1}],
        "shipping_address": {"city": "Grasse"},
        "on_shortage": "backorder",
        "auto_confirm": True,
    }


async def main(stack: dict[str, Any], product: str) -> None:
    prefix = stack.get("topic_prefix", "")
    orders = [order(number, product) for number in (1, 2)]
    async with AIOKafkaProducer(bootstrap_servers=stack["kafka"], acks="all", enable_idempotence=True) as producer:
        for one in orders:
            key = f"{one['source']}:{one['external_id']}"
            await producer.send_and_wait(prefix + "order.submitted", json.dumps(one).encode(), key.encode())
    open_ids = {one["external_id"] for one in orders}
    consumer = AIOKafkaConsumer(
        *(prefix + name for name in ANSWERS), bootstrap_servers=stack["kafka"], auto_offset_reset="earliest"
    )
    async with consumer, asyncio.timeout(SECONDS):
        while open_ids:
            record = await consumer.getone()
            event = json.loads(record.value)
            if event["source"] == SOURCE and event["external_id"] in open_ids:
                print(event["external_id"], record.topic.removeprefix(prefix), event["order_id"], flush=True)
                if not record.topic.endswith("order.created"):
                    open_ids.discard(event["external_id"])


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(".flacon/stack.json").read_text(encoding="utf-8")), sys.argv[1]))
