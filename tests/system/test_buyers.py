"""500 buyers, 100 units, two inventory instances: exactly 100 are sold, and nobody else gets one."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.installation import System
from tests.shop import Shop, until

BUYERS, UNITS, CONNECTIONS = 500, 100, 32
PRODUCT = "hot-rose"
SPREAD = {"ORDER_RATE_LIMIT": "100000/second", "INVENTORY_RATE_LIMIT": "100000/second"}


@pytest.fixture
def two_inventories(new_system: Callable[..., System]) -> System:
    return new_system(counts={"inventory": 2}, more=SPREAD)


async def test_500_buyers_of_100_units_leave_exactly_100_sold(two_inventories: System) -> None:
    async with Shop(two_inventories.stack) as shop:
        await shop.product(PRODUCT, UNITS)
        await until(lambda: _both_are_members(shop), what="a group of both inventory instances")
        before = await shop.metric("inventory", "flacon_records_handled_total", topic="order.created")
        outcomes = await _buy(shop)
        assert outcomes == Counter({"sold": UNITS, "out-of-stock": BUYERS - UNITS})
        await shop.settled()
        assert await shop.levels(PRODUCT) == (UNITS, UNITS, 0)
        ledger = await shop.every("inventory", f"/api/inventory/ledger?item_id={PRODUCT}")
        assert sum(row["quantity"] for row in ledger if row["type"] == "reserve") == UNITS
        after = await shop.metric("inventory", "flacon_records_handled_total", topic="order.created")
        assert sum(after) - sum(before) == BUYERS
        assert len(after) == 2
        assert all(after), "each instance served some"


async def _both_are_members(shop: Shop) -> bool:
    """A rebalance takes a moment after the second one started."""
    return await shop.members("inventory") == 2


async def _buy(shop: Shop) -> Counter[str]:
    gate = asyncio.Semaphore(CONNECTIONS)

    async def buyer(number: int) -> str:
        async with gate:
            answer = await shop.order([(PRODUCT, 1)], wait=2, customer_id=f"buyer-{number}")
        return await _outcome(shop, answer)

    return Counter(await asyncio.gather(*(buyer(number) for number in range(BUYERS))))


async def _outcome(shop: Shop, answer: httpx.Response) -> str:
    if answer.status_code == 202:
        order = await until(lambda: _decided(shop, answer.headers["Location"]), what="an order decided")
        return (
            "sold"
            if order["stock_reserved"]
            else str(order["rejection"]["reason"]).replace("insufficient_stock", "out-of-stock")
        )
    if answer.status_code == 201:
        return "sold"
    return str(answer.json()["type"]).rpartition(":")[2]


async def _decided(shop: Shop, location: str) -> dict[str, Any] | None:
    order = await shop.get("order", location)
    return order if order["stock_reserved"] or order["status"] == "rejected" else None
