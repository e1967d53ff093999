"""Prints every `stock.reserved` of the local stack, from the first one on; stop it with Ctrl-C."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path

from aiokafka import AIOKafkaConsumer


async def main() -> None:
    """Reads `.flacon/stack.json`, so run it from the project's root with a stack up."""
    stack = json.loads(Path(".flacon/stack.json").read_text(encoding="utf-8"))
    consumer = AIOKafkaConsumer(
        "stock.reserved", bootstrap_servers=stack["kafka"], group_id="me", auto_offset_reset="earliest"
    )
    async with consumer:
        async for record in consumer:
            event = json.loads(record.value)
            held = [(line["product_id"], line["held"]) for line in event["lines"]]
            print(event["order_id"], event["status"], held, flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
