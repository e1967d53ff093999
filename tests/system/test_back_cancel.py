"""Cancels at every moment of an order's life, whole and by items: all books agree, and each unit held ends once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conservation import assert_at_rest, assert_order_agrees, quiet
from tests.installation import System
from tests.shop import ADDRESS, Shop, until
from tests.staging import (
    cancelled,
    order_in_hand,
    order_of,
    pack,
    pick,
    places,
    send,
    silent,
    waiting_for_rows,
)

Stage = Callable[[Shop, str], Awaitable[str]]
ROSE, LILY = 4, 3


async def _products(shop: Shop, name: str, rose: int = 10, lily: int = 10) -> list[tuple[str, int]]:
    await shop.product(f"{name}-rose", rose)
    await shop.product(f"{name}-lily", lily)
    return [(f"{name}-rose", ROSE), (f"{name}-lily", LILY)]


async def _held(shop: Shop, name: str) -> str:
    return await shop.ordered(await _products(shop, name))


async def _backordered(shop: Shop, name: str) -> str:
    return await shop.ordered(await _products(shop, name, rose=1), on_shortage="backorder")


async def _confirmed_and_queued(shop: Shop, name: str) -> str:
    return await shop.ordered(await _products(shop, name, rose=1), on_shortage="backorder", auto_confirm=True)


async def _ready(shop: Shop, name: str) -> str:
    order_id = await shop.ordered(await _products(shop, name), auto_confirm=True)
    await shop.becomes(order_id, "processing")
    return order_id


async def _picked(shop: Shop, name: str) -> str:
    order_id = await _ready(shop, name)
    assert (await pick(shop, order_id))["status"] == "picked"
    return order_id


async def _packed(shop: Shop, name: str) -> str:
    order_id = await _picked(shop, name)
    assert (await pack(shop, order_id))["status"] == "packed"
    return order_id


async def _one_rose_gone(shop: Shop, name: str) -> str:
    order_id = await _packed(shop, name)
    await send(shop, order_id, f"{name}-1", {f"{name}-rose": 1})
    await shop.becomes(order_id, "partially_fulfilled")
    return order_id


@dataclass(frozen=True)
class Moment:
    """A stage of an order, and what the ledger says of its roses and lilies before anything was cancelled."""

    name: str
    reach: Stage
    rose_held: int = ROSE
    shipped: int = 0


MOMENTS = (
    Moment("held", _held),
    Moment("backordered", _backordered, rose_held=1),
    Moment("queued", _confirmed_and_queued, rose_held=1),
    Moment("ready", _ready),
    Moment("picked", _picked),
    Moment("packed", _packed),
    Moment("parcel", _one_rose_gone, shipped=1),
)
every_moment = pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.name)


@every_moment
async def test_a_whole_cancel_gives_back_all_that_has_not_left(system: System, moment: Moment) -> None:
    name = f"whole-{moment.name}"
    async with Shop(system.stack) as shop:
        order_id = await moment.reach(shop, name)
        answer = await cancelled(shop, order_id)
        assert (answer.status_code, answer.json()["stock_released"]) == (200, True), answer.text
        gone = {line["product_id"]: line["quantity"] for line in answer.json()["cancelled"]}
        assert gone == {f"{name}-rose": ROSE - moment.shipped, f"{name}-lily": LILY}
        books = await assert_at_rest(shop, order_id, "fulfilled" if moment.shipped else "cancelled")
        sold = {"sale": 1} if moment.shipped else {}
        released = moment.rose_held - moment.shipped
        assert books.causes(f"{name}-rose") == {"reserve": moment.rose_held, "release": released, **sold}
        assert books.causes(f"{name}-lily") == {"reserve": LILY, "release": LILY}
        again = await cancelled(shop, order_id)
        assert (again.status_code, again.json()["cancelled"]) == (200, answer.json()["cancelled"])


@every_moment
async def test_a_cancel_of_items_gives_back_those_and_the_rest_goes_on(system: System, moment: Moment) -> None:
    name = f"items-{moment.name}"
    async with Shop(system.stack) as shop:
        order_id = await moment.reach(shop, name)
        given_up = {f"{name}-rose": 2, f"{name}-lily": LILY}
        answer = await cancelled(shop, order_id, given_up)
        assert answer.status_code == 200, answer.text
        assert {line["product_id"]: line["quantity"] for line in answer.json()["cancelled"]} == given_up
        await _finish(shop, name, order_id)
        books = await assert_at_rest(shop, order_id, "fulfilled")
        assert places(await order_of(shop, order_id), "shipped", "cancelled") == [(ROSE - 2, 2), (0, LILY)]
        queued = moment.rose_held < ROSE
        released = {} if queued else {"release": 2}
        assert books.causes(f"{name}-rose") == {"reserve": ROSE - 2 if queued else ROSE, "sale": ROSE - 2, **released}
        assert books.causes(f"{name}-lily") == {"reserve": LILY, "release": LILY}


async def _finish(shop: Shop, name: str, order_id: str) -> None:
    """What is left of the order is filled, confirmed and shipped."""
    if any(queued for (queued,) in places(await order_of(shop, order_id), "backordered")):
        await shop.receive(f"{name}-rose", 9)
    await shop.confirmed(order_id)

    async def listed() -> bool:
        line = {one["product_id"]: one for one in (await shop.fulfillment(order_id))["lines"]}[f"{name}-rose"]
        return bool(line["target"] == ROSE - 2)

    await until(listed, what="the target without the cancelled units")
    await shop.ship(order_id, f"{name}-rest")


async def test_a_cancel_before_inventory_has_answered_leaves_no_hold(system: System) -> None:
    async with Shop(system.stack) as shop:
        lines = await _products(shop, "early")
        with silent(system, "inventory"):
            placed = await shop.order(lines, wait=0)
            order_id = placed.json()["order_id"]
            whole = await cancelled(shop, order_id, wait=0)
            assert (placed.status_code, whole.status_code, whole.json()["status"]) == (202, 202, "cancelled")
            assert whole.json()["stock_released"] is None
        books = await assert_at_rest(shop, order_id, "cancelled")
        assert books.promised["early-rose"] == 0
        answer = await cancelled(shop, order_id)
        assert (answer.status_code, answer.json()["stock_released"]) == (200, True)


async def test_a_cancel_of_items_before_inventory_has_answered_holds_the_rest_only(system: System) -> None:
    async with Shop(system.stack) as shop:
        lines = await _products(shop, "early-some")
        with silent(system, "inventory"):
            order_id = (await shop.order(lines, wait=0, auto_confirm=True)).json()["order_id"]
            assert (await cancelled(shop, order_id, {"early-some-rose": 3}, wait=0)).status_code == 202
        await shop.ship(order_id, "early-some")
        await assert_at_rest(shop, order_id, "fulfilled")
        assert places(await order_of(shop, order_id), "shipped", "cancelled") == [(1, 3), (LILY, 0)]


async def test_a_cancel_that_fulfillment_hears_before_its_order_makes_a_closed_one(system: System) -> None:
    async with Shop(system.stack) as shop:
        lines = await _products(shop, "unheard")
        with silent(system, "fulfillment"):
            order_id = await shop.ordered(lines, auto_confirm=True)
            await shop.becomes(order_id, "confirmed")
            answer = await cancelled(shop, order_id, wait=0)
            assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
        books = await assert_at_rest(shop, order_id, "cancelled")
        assert books.causes("unheard-rose") == {"reserve": ROSE, "release": ROSE}
        assert (await shop.fulfillment(order_id))["closed"] is True


@pytest.mark.parametrize(("left", "status"), [(None, 409), ({"flight-some-rose": 1}, 200)], ids=["all", "some"])
async def test_a_cancel_while_its_parcel_is_in_flight_cancels_what_did_not_leave(
    system: System, left: dict[str, int] | None, status: int
) -> None:
    """Order has not heard of the parcel when it asks fulfillment, which judges."""
    name = "flight-some" if left else "flight-all"
    async with Shop(system.stack) as shop:
        order_id = await _picked(shop, name)
        async with order_in_hand(system, order_id):
            answer = asyncio.create_task(cancelled(shop, order_id))
            await until(lambda: _waits(system, 1), what="the cancel to wait for its order")
            await send(shop, order_id, f"{name}-1", left)
            await until(lambda: _waits(system, 2), what="the parcel to wait behind the cancel")
        assert (await answer).status_code == status
        books = await assert_at_rest(shop, order_id, "fulfilled")
        gone = 1 if left else ROSE
        assert books.causes(f"{name}-rose") == {"reserve": ROSE, "sale": gone} | (
            {"release": ROSE - gone} if left else {}
        )
        told = [(step["service"], step["event"]) for step in await _history(shop, order_id)]
        asked = told.index(("order", "order.cancellation_requested"))
        assert asked < told.index(("fulfillment", "fulfillment.shipped"))


async def test_a_parcel_that_inventory_hears_of_after_the_order_closed_is_deducted_once(system: System) -> None:
    async with Shop(system.stack) as shop:
        order_id = await _picked(shop, "late-parcel")
        with silent(system, "inventory"):
            await send(shop, order_id, "late-parcel-1", {"late-parcel-rose": 3})
            await shop.becomes(order_id, "partially_fulfilled")
            answer = await cancelled(shop, order_id, wait=1)
            assert (answer.status_code, answer.json()["stock_released"]) == (202, None)
            await shop.becomes(order_id, "fulfilled")
        books = await assert_at_rest(shop, order_id, "fulfilled")
        assert books.causes("late-parcel-rose") == {"reserve": ROSE, "sale": 3, "release": 1}
        assert await shop.levels("late-parcel-rose") == (10 - 3, 0, 10 - 3)


async def test_a_rejected_order_holds_nothing_and_cannot_be_cancelled(system: System) -> None:
    async with Shop(system.stack) as shop:
        lines = await _products(shop, "refused", lily=LILY - 1)
        answer = await shop.order(lines, auto_confirm=True)
        assert answer.status_code == 409
        order_id = answer.json()["order_id"]
        books = await assert_at_rest(shop, order_id, "rejected")
        assert (books.causes("refused-rose"), books.causes("refused-lily")) == ({}, {})
        assert (await cancelled(shop, order_id)).status_code == 409


async def test_cancelled_units_go_to_those_that_wait_at_once(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("heir-rose", 5)
        first = await shop.ordered([("heir-rose", 5)], auto_confirm=True)
        heirs = [
            await shop.ordered([("heir-rose", 3)], on_shortage="backorder", auto_confirm=True, priority=priority)
            for priority in (1, 7)
        ]
        assert (await cancelled(shop, first)).status_code == 200
        await shop.becomes(heirs[1], "processing")
        await quiet(shop)
        assert [places(await order_of(shop, heir), "held", "backordered") for heir in heirs] == [[(2, 1)], [(3, 0)]]
        assert [(await cancelled(shop, heir)).status_code for heir in heirs] == [200, 200]
        await assert_at_rest(shop, first, "cancelled")
        for heir in heirs:
            await assert_at_rest(shop, heir, "cancelled")
        assert await shop.levels("heir-rose") == (5, 0, 5)


async def test_a_cancel_and_a_parcel_at_once_are_judged_by_fulfillment(system: System) -> None:
    """Many orders, cancelled while their parcels leave: each is either shipped whole or cancelled whole."""
    async with Shop(system.stack) as shop:
        await shop.product("race-rose", 100)
        await shop.submit(
            {
                "source": "race",
                "external_id": str(number),
                "customer_id": "c-1",
                "shipping_address": ADDRESS,
                "items": [{"product_id": "race-rose", "quantity": 2}],
                "auto_confirm": True,
            }
            for number in range(40)
        )
        orders = await until(lambda: _processing(shop, "race", 40), what="40 orders to be picked")
        parcels, answers = await asyncio.gather(
            shop.ship_what_is_there(), asyncio.gather(*(cancelled(shop, order_id) for order_id in orders))
        )
        await quiet(shop)
        ended = [await shop.status(order_id) for order_id in orders]
        assert ended.count("fulfilled") == parcels
        assert ended.count("cancelled") == 40 - parcels
        assert [answer.status_code for answer in answers] == [200 if one == "cancelled" else 409 for one in ended]
        for order_id in orders:
            await assert_order_agrees(shop, order_id)
        assert await shop.levels("race-rose") == (100 - 2 * parcels, 0, 100 - 2 * parcels)


async def _waits(system: System, transactions: int) -> bool:
    return await waiting_for_rows(system, "order") == transactions


async def _history(shop: Shop, order_id: str) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = (await shop.get("order", f"/api/orders/{order_id}/history"))["items"]
    return steps


async def _processing(shop: Shop, source: str, count: int) -> list[str] | None:
    found = await shop.every("order", f"/api/orders?source={source}&status=processing")
    return [order["order_id"] for order in found] if len(found) == count else None
