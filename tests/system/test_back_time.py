"""Holds that lapse: what was not confirmed in time goes back, and may be taken anew while there is time and stock."""

import asyncio
from typing import Any

import asyncpg
import pytest

from tests.conservation import assert_at_rest, assert_order_agrees, quiet
from tests.installation import System
from tests.shop import Shop, until
from tests.staging import cancelled, confirm, order_of, places

SETTINGS = {"INVENTORY_HOLD_SECONDS": "1", "INVENTORY_CONFIRMED_SECONDS": "1", "INVENTORY_SWEEP_SECONDS": "0.2"}


async def _lapsed(shop: Shop, name: str, stock: int = 5, **fields: Any) -> str:
    """An order of 5 that nobody confirmed in time."""
    await shop.product(f"{name}-rose", stock)
    order_id = await shop.ordered([(f"{name}-rose", 5)], **fields)
    await shop.becomes(order_id, "expired")
    return order_id


async def test_an_unconfirmed_order_lapses_whole_its_queued_units_too(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("lapse-lily", 9)
        await shop.product("lapse-rose", 2)
        order_id = await shop.ordered([("lapse-rose", 5), ("lapse-lily", 3)], on_shortage="backorder")
        books = await assert_at_rest(shop, order_id, "expired")
        assert books.causes("lapse-rose") == {"reserve": 2, "expire": 2}
        assert books.causes("lapse-lily") == {"reserve": 3, "expire": 3}
        order = await order_of(shop, order_id)
        assert places(order, "held", "backordered", "cancelled") == [(0, 0, 0)] * 2
        assert (order["stock_reserved"], order["stock_confirmed"]) == (False, False)


async def test_a_confirmed_hold_never_lapses_however_old(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("firm-rose", 10)
        firm = await shop.ordered([("firm-rose", 5)], auto_confirm=True)
        await _lapsed(shop, "firm-clock")
        assert await shop.levels("firm-rose") == (10, 5, 5)
        await shop.ship(firm, "firm")
        books = await assert_at_rest(shop, firm, "fulfilled")
        assert books.causes("firm-rose") == {"reserve": 5, "sale": 5}


async def test_what_lapsed_goes_to_those_that_wait_and_a_confirmed_one_keeps_it(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("next-rose", 5)
        first = await shop.ordered([("next-rose", 5)])
        heir = await shop.ordered([("next-rose", 4)], on_shortage="backorder", auto_confirm=True)
        await shop.becomes(heir, "processing")
        await shop.ship(heir, "next")
        await assert_at_rest(shop, first, "expired")
        await assert_at_rest(shop, heir, "fulfilled")
        assert await shop.levels("next-rose") == (1, 0, 1)


async def test_a_lapsed_order_that_is_confirmed_is_held_anew_and_ships(system: System) -> None:
    async with Shop(system.stack) as shop:
        order_id = await _lapsed(shop, "anew")
        answer = await confirm(shop, order_id)
        assert (answer.status_code, answer.json()["stock_confirmed"]) == (200, True), answer.text
        await shop.ship(order_id, "anew")
        books = await assert_at_rest(shop, order_id, "fulfilled")
        assert books.causes("anew-rose") == {"reserve": 10, "expire": 5, "sale": 5}


async def test_a_lapsed_order_whose_units_are_gone_may_be_confirmed_when_they_are_back(system: System) -> None:
    async with Shop(system.stack) as shop:
        order_id = await _lapsed(shop, "gone")
        rival = await shop.ordered([("gone-rose", 2)], auto_confirm=True)
        refused = await confirm(shop, order_id)
        problem = refused.json()
        assert (refused.status_code, problem["type"]) == (409, "urn:flacon:problem:reservation-expired")
        assert [(line["available"], line["requested"]) for line in problem["lines"]] == [(3, 5)]
        await assert_at_rest(shop, order_id, "expired")
        await shop.receive("gone-rose", 2)
        assert (await confirm(shop, order_id)).status_code == 200
        for one in (order_id, rival):
            await shop.ship(one, f"gone-{one}")
            await assert_at_rest(shop, one, "fulfilled")
        assert await shop.levels("gone-rose") == (0, 0, 0)


LATE_TO_ORDER = """
UPDATE order_service.orders SET expired_at = expired_at - interval '25 hours' WHERE order_id = $1::text::uuid
"""
LATE_TO_INVENTORY = """
UPDATE inventory_service.claims SET expires_at = expires_at - interval '25 hours' WHERE id = $1::text::uuid
"""


@pytest.mark.parametrize("lateness", [LATE_TO_ORDER, LATE_TO_INVENTORY], ids=["order", "inventory"])
async def test_after_a_day_a_lapsed_order_is_not_taken_again_whoever_judges(system: System, lateness: str) -> None:
    name = "late-o" if lateness is LATE_TO_ORDER else "late-i"
    async with Shop(system.stack) as shop:
        order_id = await _lapsed(shop, name)
        connection = await asyncpg.connect(system.stack.postgres["admin"])
        await connection.execute(lateness, order_id)
        await connection.close()
        refused = await confirm(shop, order_id)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:flacon:problem:reservation-expired")
        books = await assert_at_rest(shop, order_id, "expired")
        assert books.causes(f"{name}-rose") == {"reserve": 5, "expire": 5}


async def test_a_lapsed_order_can_be_cancelled_whole_and_by_items(system: System) -> None:
    async with Shop(system.stack) as shop:
        whole, some = await asyncio.gather(_lapsed(shop, "lapsed-whole"), _lapsed(shop, "lapsed-some"))
        answer = await cancelled(shop, whole)
        assert (answer.status_code, answer.json()["stock_released"]) == (200, True)
        assert (await confirm(shop, whole)).status_code == 409
        books = await assert_at_rest(shop, whole, "cancelled")
        assert books.causes("lapsed-whole-rose") == {"reserve": 5, "expire": 5}
        assert (await cancelled(shop, some, {"lapsed-some-rose": 2})).status_code == 200
        assert (await confirm(shop, some)).status_code == 200
        await shop.ship(some, "lapsed-some")
        books = await assert_at_rest(shop, some, "fulfilled")
        assert books.causes("lapsed-some-rose") == {"reserve": 8, "expire": 5, "sale": 3}


async def test_a_late_confirmation_that_is_queued_waits_and_is_filled_as_confirmed(system: System) -> None:
    async with Shop(system.stack) as shop:
        order_id = await _lapsed(shop, "queue", stock=1, on_shortage="backorder")
        answer = await confirm(shop, order_id)
        assert (answer.status_code, answer.json()["status"]) == (200, "backordered"), answer.text
        await shop.receive("queue-rose", 4)
        await shop.ship(order_id, "queue")
        books = await assert_at_rest(shop, order_id, "fulfilled")
        assert books.causes("queue-rose") == {"reserve": 6, "expire": 1, "sale": 5}


async def test_confirmations_in_the_moment_of_expiry_keep_every_unit_once(system: System) -> None:
    """Thirty orders of all there is are confirmed about when they lapse: each is held in the end, none twice."""
    async with Shop(system.stack) as shop:
        await shop.product("brink-rose", 60)
        orders = await asyncio.gather(*(shop.ordered([("brink-rose", 2)]) for _ in range(30)))

        async def one_lapsed() -> bool:
            return bool(await shop.every("order", "/api/orders?product_id=brink-rose&status=expired"))

        await until(one_lapsed, what="the first to lapse")
        answers = await asyncio.gather(*(confirm(shop, order_id) for order_id in orders))
        assert [answer.status_code for answer in answers] == [200] * 30
        await quiet(shop)
        assert await shop.levels("brink-rose") == (60, 60, 0)
        assert await shop.ship_what_is_there() >= 30
        await quiet(shop)
        for order_id in orders:
            books = await assert_order_agrees(shop, order_id)
            causes = books.causes("brink-rose")
            assert (causes["sale"], causes["reserve"] - causes.get("expire", 0)) == (2, 2)
        assert await shop.levels("brink-rose") == (0, 0, 0)
