"""Many at once on a real Postgres: no unit sold twice, none lost, no deadlock."""

import asyncio
import random
from typing import Any

from services.inventory.handlers import subscriptions
from shared.contracts.envelope import Event
from shared.runtime.subscriptions import deliver
from tests.component.inventory.warehouse import Warehouse, new

SECONDS = 60.0


async def _in_turn(warehouse: Warehouse, batches: list[list[Event[Any]]]) -> None:
    for batch in batches:
        async with warehouse.database.transaction() as tx:
            await deliver(tx, subscriptions(warehouse.house), batch)


async def test_of_500_buyers_of_100_units_on_two_connections_100_are_served(warehouse: Warehouse) -> None:
    await warehouse.item("P", 100)
    buyers = [warehouse.created(new(), ("P", 1)) for _ in range(500)]
    batches = [buyers[start : start + 10] for start in range(0, 500, 10)]
    async with asyncio.timeout(SECONDS):
        await asyncio.gather(_in_turn(warehouse, batches[::2]), _in_turn(warehouse, batches[1::2]))
    types = await warehouse.types()
    assert types.count("stock.reserved active new") == 100
    assert types.count("stock.rejected rejected insufficient_stock") == 400
    assert await warehouse.levels("P") == (100, 100, 0, 0)
    assert (await warehouse.entries("P")).count("reserve +1") == 100
    await warehouse.is_true()


async def test_one_question_heard_on_two_connections_at_once_has_one_effect(warehouse: Warehouse) -> None:
    await warehouse.item("P", 100)
    for _ in range(20):
        one = new()
        twins = [warehouse.created(one, ("P", 2)), warehouse.created(one, ("P", 2))]
        async with asyncio.timeout(SECONDS):
            await asyncio.gather(*(_in_turn(warehouse, [[twin]]) for twin in twins))
    assert await warehouse.levels("P") == (100, 40, 0, 0)
    await warehouse.is_true()


async def test_random_histories_on_several_connections_never_deadlock_and_stay_true(warehouse: Warehouse) -> None:
    dice = random.Random(7)
    items = [f"I{number}" for number in range(5)]
    for item_id in items:
        await warehouse.item(item_id, 40, minimum=5)
    warehouse.set_terms(hold_seconds=1)
    async with asyncio.timeout(SECONDS):
        await asyncio.gather(*(_worker(warehouse, random.Random(dice.random()), items) for _ in range(5)))
    await warehouse.is_true()
    async with warehouse.database.reading() as connection:
        stuck = "SELECT item_id FROM stock WHERE available > 5 AND queued > 0"
        assert await connection.fetch(stuck) == []
        ledger = await connection.fetchval("SELECT count(DISTINCT type) FROM ledger")
    assert ledger >= 8


async def _worker(warehouse: Warehouse, dice: random.Random, items: list[str]) -> None:
    """One instance: batches of whatever comes, receipts, counts and sweeps in between."""
    orders: dict[str, list[tuple[Any, ...]]] = {}
    for _ in range(30):
        batch = [_something(warehouse, dice, items, orders) for _ in range(dice.randint(1, 8))]
        await warehouse.hear(*batch)
        match dice.randint(0, 5):
            case 0:
                await warehouse.receive(dice.choice(items), dice.randint(1, 20))
            case 1:
                item_id = dice.choice(items)
                await warehouse.count(
                    item_id, max(0, (await warehouse.level(item_id))["current"] - dice.randint(-2, 4))
                )
            case 2:
                await warehouse.sweep()
            case 3:
                await warehouse.go_on()
            case _:
                pass


def _something(
    warehouse: Warehouse, dice: random.Random, items: list[str], orders: dict[str, list[tuple[Any, ...]]]
) -> Event[Any]:
    kind = dice.randint(0, 9)
    if kind < 5 or not orders:
        one = new()
        orders[one] = [(item_id, dice.randint(1, 4)) for item_id in dice.sample(items, dice.randint(1, 3))]
        policy = dice.choice(["reject", "backorder", "partial"])
        terms = {"priority": dice.randint(0, 2), "protect_safety_stock": dice.random() < 0.2}
        return warehouse.created(one, *orders[one], on_shortage=policy, confirm=dice.random() < 0.5, **terms)
    one = dice.choice(list(orders))
    lines = orders[one]
    version = warehouse.age + 10
    if kind == 5:
        return warehouse.confirm(one, *lines, version=version, on_shortage="backorder")
    if kind == 6:
        return warehouse.cancel(one, *lines, version=version)
    item_id, quantity = dice.choice(lines)
    if kind == 7:
        return warehouse.short(one, item_id, 1, dice.choice(["missing", "damaged"]))
    return warehouse.shipped(one, (item_id, dice.randint(1, quantity)))
