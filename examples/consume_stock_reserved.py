"""Prints every `stock.reserved` of the local stack, from the first one on; stop it with Ctrl-C.

Run it from the project's root while a stack is up: it reads `.flacon/stack.json`.
"""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer


async def main(stack: dict[str, Any]) -> None:
    topic = stack.get("topic_prefix", "") + "stock.reserved"
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=stack["kafka"], group_id="me", auto_offset_reset="earliest")
    async with consumer:
        async for record in consumer:
            event = json.loads(record.value)
            held = [(line["product_id"], line["held"]) for line in event["lines"]]
            print(event["order_id"], event["status"], held, flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(json.loads(Path(".flacon/stack.json").read_text(encoding="utf-8"))))
