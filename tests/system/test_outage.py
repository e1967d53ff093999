"""The broker is gone for twenty seconds: orders are accepted all the while, and all of them end."""

import asyncio
import time
from functools import partial

from deploy.local.starting import LocalStack
from tests.shop import Shop, until

OUTAGE_SECONDS = 20.0
PRODUCT = "dark-rose"


async def test_orders_are_accepted_while_kafka_is_gone_and_served_when_it_is_back(own_stack: LocalStack) -> None:
    stack = await own_stack.up()
    async with Shop(stack) as shop:
        await shop.product(PRODUCT, 10_000)
        await own_stack.stop_broker()
        accepted = await _order_for(shop, OUTAGE_SECONDS)
        assert len(accepted) > 20
        ready = await shop.ask("order", "GET", "/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        assert ready.json()["checks"]["kafka"] != "ok"
        await own_stack.start_broker()
        for order_id in accepted:
            await until(partial(_reserved, shop, order_id), seconds=60, what=f"{order_id} reserved")
        await shop.settled()
        assert await shop.levels(PRODUCT) == (10_000, len(accepted), 10_000 - len(accepted))
        for service, place in (("order", "orders"), ("inventory", "inventory"), ("fulfillment", "fulfillment")):
            assert await shop.every(service, f"/api/{place}/dead-letters") == []


async def _order_for(shop: Shop, seconds: float) -> list[str]:
    accepted: list[str] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = await shop.order([(PRODUCT, 1)], wait=0)
        assert answer.status_code == 202, answer.text
        accepted.append(answer.json()["order_id"])
        await asyncio.sleep(0.2)
    return accepted


async def _reserved(shop: Shop, order_id: str) -> bool:
    return bool((await shop.get("order", f"/api/orders/{order_id}"))["stock_reserved"])
