"""Promises that bend: queues, partial orders, units not found, damaged, or counted away while orders hold them."""

from typing import Any

import pytest

from tests.conservation import assert_at_rest, assert_item_agrees, assert_order_agrees, quiet
from tests.installation import System
from tests.shop import Shop, until
from tests.staging import cancelled, confirm, order_of, pick, places, send


async def _listed(shop: Shop, order_id: str, target: int) -> None:
    """Waits until the fulfillment's one line is to be shipped in so many units in all."""

    async def has_it() -> bool:
        return [line["target"] for line in (await shop.fulfillment(order_id))["lines"]] == [target]

    await until(has_it, what=f"a target of {target} for {order_id}")


async def test_a_backordered_order_may_be_confirmed_and_its_fills_are_held_as_confirmed(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("wait-rose", 1)
        order_id = await shop.ordered([("wait-rose", 4)], on_shortage="backorder")
        answer = await confirm(shop, order_id)
        told = answer.json()
        assert (answer.status_code, told["status"], told["stock_confirmed"]) == (200, "backordered", False)
        await shop.receive("wait-rose", 1)
        await quiet(shop)
        assert await shop.status(order_id) == "backordered"
        await shop.receive("wait-rose", 5)
        await shop.becomes(order_id, "processing")
        rows = await shop.every("inventory", f"/api/inventory/reservations?order_id={order_id}")
        assert [(row["status"], row["held"]) for row in rows] == [("confirmed", 4)]
        await shop.ship(order_id, "wait")
        books = await assert_at_rest(shop, order_id, "fulfilled")
        assert books.causes("wait-rose") == {"reserve": 4, "sale": 4}


async def test_a_partial_order_ships_what_is_held_and_the_rest_when_it_comes(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("part-rose", 3)
        order_id = await shop.ordered([("part-rose", 7)], on_shortage="partial", auto_confirm=True)
        await shop.ship(order_id, "part-1")
        await shop.becomes(order_id, "partially_fulfilled")
        await shop.receive("part-rose", 2)
        await _listed(shop, order_id, 5)
        await shop.ship(order_id, "part-2")
        await quiet(shop)
        await assert_order_agrees(shop, order_id)
        assert places(await order_of(shop, order_id), "shipped", "backordered") == [(5, 2)]
        assert (await cancelled(shop, order_id)).status_code == 200
        books = await assert_at_rest(shop, order_id, "fulfilled")
        assert books.causes("part-rose") == {"reserve": 5, "sale": 5}
        assert places(await order_of(shop, order_id), "shipped", "cancelled") == [(5, 2)]


SHORT = [
    # reason, policy, other stock -> shipped, cancelled, ledger of the order, level (current, reserved, available)
    ("missing", "reject", 0, 3, 2, {"reserve": 5, "hold": 2, "sale": 3}, (2, 0, 0)),
    ("missing", "reject", 1, 4, 1, {"reserve": 6, "hold": 2, "sale": 4}, (2, 0, 0)),
    ("missing", "backorder", 9, 5, 0, {"reserve": 7, "hold": 2, "sale": 5}, (9, 0, 7)),
    ("damaged", "reject", 0, 3, 2, {"reserve": 5, "scrap": 2, "sale": 3}, (0, 0, 0)),
    ("damaged", "backorder", 9, 5, 0, {"reserve": 7, "scrap": 2, "sale": 5}, (7, 0, 7)),
]


@pytest.mark.parametrize(("reason", "policy", "other", "shipped", "given_up", "causes", "levels"), SHORT)
async def test_units_that_the_picker_did_not_find_are_replaced_or_given_up(
    system: System,
    reason: str,
    policy: str,
    other: int,
    shipped: int,
    given_up: int,
    causes: dict[str, int],
    levels: tuple[int, int, int],
) -> None:
    item = f"{reason}-{policy}-{other}"
    async with Shop(system.stack) as shop:
        await shop.product(item, 5 + other)
        order_id = await shop.ordered([(item, 5)], on_shortage=policy, auto_confirm=True)
        await pick(shop, order_id, [_found(item, 3, short=2, reason=reason)])
        await _listed(shop, order_id, shipped)
        await shop.ship(order_id, item)
        books = await assert_at_rest(shop, order_id, "fulfilled")
        assert books.causes(item) == causes
        assert places(await order_of(shop, order_id), "shipped", "cancelled") == [(shipped, given_up)]
        assert await shop.levels(item) == levels


def _found(item: str, quantity: int, *, short: int, reason: str) -> dict[str, Any]:
    return {"product_id": item, "quantity": quantity, "short_quantity": short, "short_reason": reason}


async def test_without_other_stock_missing_units_queue_until_a_receipt(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("lost-rose", 5)
        order_id = await shop.ordered([("lost-rose", 5)], on_shortage="backorder", auto_confirm=True)
        await pick(shop, order_id, [_found("lost-rose", 3, short=2, reason="missing")])
        await quiet(shop)
        assert places(await order_of(shop, order_id), "held", "backordered") == [(3, 2)]
        stock = await shop.get("inventory", "/api/inventory/products/lost-rose/stock")
        assert (stock["held_stock"], stock["queued"]) == (2, 2)
        await shop.receive("lost-rose", 2)
        await _listed(shop, order_id, 5)
        await shop.ship(order_id, "lost")
        books = await assert_at_rest(shop, order_id, "fulfilled")
        assert books.causes("lost-rose") == {"reserve": 7, "hold": 2, "sale": 5}


async def test_a_unit_found_damaged_on_the_bench_is_scrapped_and_replaced(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("crack-rose", 6)
        order_id = await shop.ordered([("crack-rose", 4)], on_shortage="backorder", auto_confirm=True)
        await pick(shop, order_id)
        await pick(shop, order_id, [_found("crack-rose", 0, short=1, reason="damaged")])
        await _listed(shop, order_id, 4)
        await shop.ship(order_id, "crack")
        books = await assert_at_rest(shop, order_id, "fulfilled")
        assert books.causes("crack-rose") == {"reserve": 5, "scrap": 1, "sale": 4}
        assert await shop.levels("crack-rose") == (1, 0, 1)


async def test_an_order_of_which_nothing_was_found_is_cancelled_under_reject(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("void-rose", 2)
        order_id = await shop.ordered([("void-rose", 2)], auto_confirm=True)
        await pick(shop, order_id, [_found("void-rose", 0, short=2, reason="missing")])
        books = await assert_at_rest(shop, order_id, "cancelled")
        assert books.causes("void-rose") == {"reserve": 2, "hold": 2}
        assert (await cancelled(shop, order_id)).json()["cancelled"] == [{"product_id": "void-rose", "quantity": 2}]


async def _count(shop: Shop, item_id: str, counted: int) -> list[dict[str, Any]]:
    version = (await shop.get("inventory", f"/api/inventory/products/{item_id}/stock"))["version"]
    body = {"item_id": item_id, "counted": counted, "version": version, "reason": "cycle count"}
    answer = await shop.ask("inventory", "POST", "/api/inventory/counts", body)
    assert answer.status_code == 201, answer.text
    taken: list[dict[str, Any]] = answer.json()["taken_back"]
    return taken


async def test_a_count_takes_back_from_the_lowest_priority_the_newest_first(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("count-rose", 12)
        high, old, new = [
            await shop.ordered([("count-rose", 4)], on_shortage="backorder", auto_confirm=True, priority=priority)
            for priority in (9, 1, 1)
        ]
        taken = await _count(shop, "count-rose", 6)
        assert {one["order_id"]: one["quantity"] for one in taken} == {new: 4, old: 2}
        await _listed(shop, new, 0)
        await _listed(shop, old, 2)
        await quiet(shop)
        for order_id, held in ((high, 4), (old, 2), (new, 0)):
            await assert_order_agrees(shop, order_id)
            assert places(await order_of(shop, order_id), "held", "backordered") == [(held, 4 - held)]
        await shop.receive("count-rose", 3)
        await quiet(shop)
        assert places(await order_of(shop, old), "held", "backordered") == [(4, 0)]
        await shop.receive("count-rose", 3)
        for order_id in (high, old, new):
            await _listed(shop, order_id, 4)
            await shop.ship(order_id, f"count-{order_id}")
        books = [await assert_at_rest(shop, order_id, "fulfilled") for order_id in (high, old, new)]
        assert [one.causes("count-rose") for one in books] == [
            {"reserve": 4, "sale": 4},
            {"reserve": 6, "take_back": 2, "sale": 4},
            {"reserve": 8, "take_back": 4, "sale": 4},
        ]
        assert await shop.levels("count-rose") == (0, 0, 0)


async def test_taken_back_units_that_were_picked_ship_as_a_fact(system: System) -> None:
    """The bench has them whatever the count said: the parcel takes them, and the books find what they had lost."""
    async with Shop(system.stack) as shop:
        await shop.product("bench-rose", 4)
        order_id = await shop.ordered([("bench-rose", 4)], on_shortage="backorder", auto_confirm=True)
        await pick(shop, order_id)
        assert await _count(shop, "bench-rose", 1) == [
            {"order_id": order_id, "product_id": "bench-rose", "quantity": 3}
        ]
        await quiet(shop)
        assert places(await order_of(shop, order_id), "held", "backordered") == [(1, 3)]
        await send(shop, order_id, "bench")
        books = await assert_at_rest(shop, order_id, "fulfilled")
        assert books.causes("bench-rose") == {"reserve": 4, "take_back": 3, "found": 3, "sale": 4}
        assert await shop.levels("bench-rose") == (0, 0, 0)


async def test_a_picked_unit_that_was_taken_back_ships_from_another_order_of_less_weight(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("weight-rose", 6)
        picked = await shop.ordered([("weight-rose", 3)], on_shortage="backorder", auto_confirm=True)
        await pick(shop, picked)
        other = await shop.ordered([("weight-rose", 3)], on_shortage="backorder", auto_confirm=True, priority=5)
        assert [one["order_id"] for one in await _count(shop, "weight-rose", 3)] == [picked]
        await send(shop, picked, "weight")
        await assert_at_rest(shop, picked, "fulfilled")
        assert places(await order_of(shop, other), "held", "backordered") == [(0, 3)]
        await assert_order_agrees(shop, other)
        assert (await cancelled(shop, other)).status_code == 200
        books = await assert_at_rest(shop, other, "cancelled")
        assert books.causes("weight-rose") == {"reserve": 3, "take_back": 3}
        assert await shop.levels("weight-rose") == (0, 0, 0)


async def test_a_taken_back_order_that_is_cancelled_queues_no_more(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("end-rose", 5)
        order_id = await shop.ordered([("end-rose", 5)], on_shortage="backorder", auto_confirm=True)
        await _count(shop, "end-rose", 2)
        assert (await cancelled(shop, order_id)).status_code == 200
        books = await assert_at_rest(shop, order_id, "cancelled")
        assert books.causes("end-rose") == {"reserve": 5, "take_back": 3, "release": 2}
        await shop.receive("end-rose", 3)
        await assert_item_agrees(shop, "end-rose")
        assert await shop.levels("end-rose") == (5, 0, 5)
