"""Every event delivered twice more, in another order: nothing changes."""

import random
from typing import Any

from shared.contracts.catalog import EVENTS
from tests.installation import System
from tests.shop import ADDRESS, Shop
from tests.totals import totals

READ = [event.name for event in EVENTS if event.readers]
SEED = 20261121


async def test_every_event_redelivered_twice_changes_nothing(system: System) -> None:
    async with Shop(system.stack) as shop:
        await _a_day(shop)
        before = await totals(shop)
        told = await shop.records(*READ)
        dice = random.Random(SEED)
        again = 0
        for event, records in told.items():
            copies = [(record.key, record.value, list(record.headers)) for record in records] * 2
            dice.shuffle(copies)
            await shop.publish(event, copies)
            again += len(copies)
        await shop.settled()
        assert await totals(shop) == before
        assert again > 100
        assert await _duplicates(shop) == again


async def _duplicates(shop: Shop) -> float:
    """Each copy was read by each reader; every reader knew it."""
    seen = 0.0
    for event in EVENTS:
        for reader in event.readers:
            seen += sum(await shop.metric(reader, "flacon_records_duplicate_total", topic=event.name)) / len(
                event.readers
            )
    return seen


async def _a_day(shop: Shop) -> None:
    """Orders that are shipped, short, backordered and filled, cancelled before and after picking."""
    for name, quantity in (("day-a", 40), ("day-b", 15), ("day-c", 0)):
        await shop.product(name, quantity)
    await shop.submit(_submissions())
    await shop.settled()
    await shop.receive("day-c", 20)
    await shop.settled()
    for order in (await shop.every("order", "/api/orders?source=day"))[::7]:
        await shop.ask("order", "PUT", f"/api/orders/{order['order_id']}/cancel", {}, Prefer="wait=10")
    await shop.ship_what_is_there()
    await shop.settled()


def _submissions() -> list[dict[str, Any]]:
    return [
        {
            "source": "day",
            "external_id": str(number),
            "customer_id": f"c-{number % 5}",
            "shipping_address": ADDRESS,
            "items": [
                {"product_id": f"day-{'abc'[number % 3]}", "quantity": 1 + number % 4},
                {"product_id": "day-a", "quantity": 1},
            ],
            "auto_confirm": number % 6 != 0,
            "on_shortage": ("backorder", "reject", "partial")[number % 3 if number % 5 else 0],
            "priority": number % 10,
        }
        for number in range(30)
    ]
