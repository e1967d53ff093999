"""Kill -9 of each service under load: the final state is that of the twin run without kills."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from deploy.local.credentials import SERVICES
from tests.installation import System
from tests.shop import ADDRESS, Shop, until
from tests.totals import totals

ORDERS, PRODUCTS, TENTHS = 240, 6, 10
AT_REST = ("fulfilled", "cancelled", "rejected", "expired")


async def test_kills_of_every_service_change_nothing(new_system: Callable[..., System]) -> None:
    calm = await _run(new_system(), kill=False)
    stormy = await _run(new_system(), kill=True)
    assert stormy["orders"] == calm["orders"]
    assert stormy["levels"] == calm["levels"]
    assert stormy["fulfillments"] == calm["fulfillments"]
    assert sum(stormy["dead_letters"].values()) == 0


async def _run(system: System, *, kill: bool) -> dict[str, Any]:
    async with Shop(system.stack) as shop:
        for number in range(PRODUCTS):
            await shop.product(f"kill-{number}", 1000)
        turns = asyncio.Semaphore(0 if kill else TENTHS)
        async with asyncio.TaskGroup() as group:
            group.create_task(_submit(shop, turns))
            warehouse = group.create_task(_warehouse(shop))
            if kill:
                for service in SERVICES:
                    turns.release()
                    await _kill(system, shop, service)
                for _ in range(TENTHS - len(SERVICES)):
                    turns.release()
        assert await warehouse == ORDERS
        await shop.settled()
        return await totals(shop)


async def _kill(system: System, shop: Shop, service: str) -> None:
    """Kills the process in the midst of the load and starts it again; the kill fell before half of the orders ended."""
    before = system.fleet.instances()[service][0].pid
    system.fleet.kill_instance(f"{service}-1")
    await system.fleet.start_instance(f"{service}-1")
    after = system.fleet.instances()[service][0].pid
    assert after != before
    assert await _ended(shop) < ORDERS / 2, f"{service} was killed too late to prove anything"


async def _submit(shop: Shop, turns: asyncio.Semaphore) -> None:
    """A tenth at each turn: one goes out just before each kill, so every service dies with work under way."""
    orders = [_submission(number) for number in range(ORDERS)]
    for start in range(0, ORDERS, ORDERS // TENTHS):
        await turns.acquire()
        await shop.submit(orders[start : start + ORDERS // TENTHS])


async def _warehouse(shop: Shop) -> int:
    """Ships whatever is there until every order ended; its own requests are repeated when a service is away."""

    async def all_ended() -> int | None:
        try:
            await shop.ship_what_is_there()
            ended = await _ended(shop)
        except (httpx.TransportError, AssertionError):
            return None  # a service that was killed does not answer, or says that it is not ready
        return ended if ended == ORDERS else None

    return await until(all_ended, seconds=120, what="all orders ended")


async def _ended(shop: Shop) -> int:
    async def count() -> int | None:
        try:
            orders = await shop.every("order", "/api/orders?source=kill")
        except (httpx.TransportError, AssertionError):
            return None
        return sum(order["status"] in AT_REST for order in orders) + 1

    return await until(count, seconds=30, what="order's answer") - 1


def _submission(number: int) -> dict[str, Any]:
    return {
        "source": "kill",
        "external_id": f"{number:04d}",
        "customer_id": f"c-{number % 9}",
        "shipping_address": ADDRESS,
        "items": [
            {"product_id": f"kill-{number % PRODUCTS}", "quantity": 1 + number % 3},
            {"product_id": f"kill-{(number + 1) % PRODUCTS}", "quantity": 1},
        ],
        "auto_confirm": True,
        "on_shortage": "backorder",
        "priority": number % 10,
        "submitted_at": datetime(2026, 1, 1).astimezone().isoformat(),
    }
