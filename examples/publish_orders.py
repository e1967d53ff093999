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
    awaited = {(one["external_id"], created) for one in orders for created in (True, False)}
    consumer = AIOKafkaConsumer(
        *(prefix + name for name in ANSWERS), bootstrap_servers=stack["kafka"], auto_offset_reset="earliest"
    )
    async with consumer, asyncio.timeout(SECONDS):
        while awaited:
            record = await consumer.getone()
            event, name = json.loads(record.value), record.topic.removeprefix(prefix)
            # Each event has a topic of its own, so the answer may be read before the order it answers.
            told = (event["external_id"], name == "order.created")
            if event["source"] == SOURCE and told in awaited:
                print(event["external_id"], name, event["order_id"], flush=True)
                awaited.discard(told)


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(".flacon/stack.json").read_text(encoding="utf-8")), sys.argv[1]))
