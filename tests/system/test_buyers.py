"""500 buyers, 100 units, four order and two inventory instances: exactly 100 are sold, and nobody else gets one."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import httpx
import pytest

from shared.contracts.catalog import Service
from tests.installation import System
from tests.shop import ADDRESS, Shop, until

BUYERS, UNITS, CONNECTIONS, ORDERS, INVENTORIES = 500, 100, 32, 4, 2
PRODUCT = "hot-rose"
SPREAD = {"ORDER_RATE_LIMIT": "100000/second", "INVENTORY_RATE_LIMIT": "100000/second"}
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@pytest.fixture
def crowded(new_system: Callable[..., System]) -> System:
    return new_system(counts={"order": ORDERS, "inventory": INVENTORIES}, more=SPREAD)


async def test_500_buyers_of_100_units_leave_exactly_100_sold(crowded: System) -> None:
    async with Shop(crowded.stack) as shop:
        await shop.product(PRODUCT, UNITS)
        await until(lambda: _all_are_members(shop), seconds=60, what="groups of all instances")
        before = await shop.metric("inventory", "flacon_records_handled_total", topic="order.created")
        outcomes, statuses = await _buy(crowded, shop)
        assert outcomes == Counter({"sold": UNITS, "out-of-stock": BUYERS - UNITS})
        assert statuses.keys() <= {201, 202, 409}
        await shop.settled()
        assert await shop.levels(PRODUCT) == (UNITS, UNITS, 0)
        ledger = await shop.every("inventory", f"/api/inventory/ledger?item_id={PRODUCT}")
        assert sum(row["quantity"] for row in ledger if row["type"] == "reserve") == UNITS
        after = await shop.metric("inventory", "flacon_records_handled_total", topic="order.created")
        assert sum(after) - sum(before) == BUYERS
        assert len(after) == INVENTORIES and all(after), "each inventory instance served some"
        orders = await shop.metric("order", "flacon_records_handled_total", topic="stock.reserved")
        assert len(orders) == ORDERS and all(orders), "each order instance heard some"
    assert await _deadlocks(crowded) == 0


async def _all_are_members(shop: Shop) -> bool:
    """A rebalance takes a moment after the last one started."""
    wanted: dict[Service, int] = {"order": ORDERS, "inventory": INVENTORIES}
    return [await shop.members(service) for service in wanted] == list(wanted.values())


async def _buy(system: System, shop: Shop) -> tuple[Counter[str], Counter[int]]:
    """Every buyer at once, spread evenly over the instances of order."""
    gate, statuses = asyncio.Semaphore(CONNECTIONS), Counter[int]()
    async with AsyncExitStack() as doors:
        clients = [
            await doors.enter_async_context(httpx.AsyncClient(base_url=url, headers=system.stack.headers(), timeout=30))
            for url in system.urls("order")
        ]

        async def buyer(number: int) -> str:
            order = {"customer_id": f"buyer-{number}", "items": [{"product_id": PRODUCT, "quantity": 1}]}
            async with gate:
                client = clients[number % len(clients)]
                answer = await client.post("/api/orders", json={**order, "shipping_address": ADDRESS})
            statuses[answer.status_code] += 1
            return await _outcome(shop, answer)

        return Counter(await asyncio.gather(*(buyer(number) for number in range(BUYERS)))), statuses


async def _outcome(shop: Shop, answer: httpx.Response) -> str:
    """What came of an order, after following its `Location` if that was not known at once."""
    if answer.status_code == 201:
        return "sold"
    if answer.status_code != 202:
        return str(answer.json()["type"]).rpartition(":")[2]
    order = await until(lambda: _decided(shop, answer.headers["Location"]), what="an order decided")
    if order["stock_reserved"]:
        return "sold"
    return str(order["rejection"]["reason"]).replace("insufficient_stock", "out-of-stock")


async def _decided(shop: Shop, location: str) -> dict[str, Any] | None:
    order = await shop.get("order", location)
    return order if order["stock_reserved"] or order["status"] == "rejected" else None


async def _deadlocks(system: System) -> int:
    connection: Any = await asyncpg.connect(system.stack.postgres["admin"])
    try:
        found: int = await connection.fetchval(DEADLOCKS)
        return found
    finally:
        await connection.close()
