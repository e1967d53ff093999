"""Two and more instances of every service, joining, leaving and dying under load: the end state is a calm twin's."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg
import httpx

from deploy.local.credentials import SERVICES
from tests.installation import System
from tests.shop import ADDRESS, Shop, until
from tests.totals import totals

ORDERS, PRODUCTS, STEPS = 200, 5, 10
AT_REST = ("fulfilled", "cancelled", "rejected")
LIMITS = {f"{service.upper()}_RATE_LIMIT": "100000/second" for service in SERVICES}
CUT_RELAYS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_locks
WHERE locktype = 'advisory' AND granted
  AND pid IN (SELECT pid FROM pg_stat_activity
              WHERE datname = current_database() AND application_name LIKE '%relay%')
"""


async def test_instances_that_join_leave_and_die_under_load_end_as_a_calm_twin(
    new_system: Callable[..., System],
) -> None:
    calm = await _run(new_system(more=LIMITS), storm=False)
    stormy = await _run(new_system(more=LIMITS), storm=True)
    assert stormy == calm
    assert sum(calm["dead_letters"].values()) == 0
    ended = [status for status, _, _ in calm["orders"].values()]
    assert {status: ended.count(status) for status in AT_REST} == {"fulfilled": 140, "cancelled": 40, "rejected": 20}


async def _run(system: System, *, storm: bool) -> dict[str, Any]:
    async with Shop(system.stack) as shop:
        for number in range(PRODUCTS):
            await shop.product(f"many-{number}", 1000)
        await shop.product("many-none", 0)
        turns = asyncio.Semaphore(3 if storm else STEPS)
        async with asyncio.TaskGroup() as group:
            submitted = group.create_task(_submit(shop, turns))
            served = group.create_task(_serve(shop, submitted))
            if storm:
                await _storm(system, shop, turns)
        assert served.result() == ORDERS
        await shop.settled()
        return await totals(shop)


async def _submit(shop: Shop, turns: asyncio.Semaphore) -> None:
    """A tenth at each turn, so that there is work under way in every phase of a storm, however long it takes."""
    orders = [_submission(number) for number in range(ORDERS)]
    for start in range(0, ORDERS, ORDERS // STEPS):
        await turns.acquire()
        await shop.submit(orders[start : start + ORDERS // STEPS])


def _more(turns: asyncio.Semaphore, tenths: int) -> None:
    for _ in range(tenths):
        turns.release()


async def _storm(system: System, shop: Shop, turns: asyncio.Semaphore) -> None:
    """Second instances join; the first ones, which lead the relays, are killed or leave; relays are cut off."""
    fleet = system.fleet
    await asyncio.gather(*(fleet.start_instance(f"{service}-2") for service in SERVICES))
    _more(turns, 2)
    for service in ("order", "inventory", "fulfillment"):
        fleet.kill_instance(f"{service}-1")
    _more(turns, 2)
    await until(lambda: _relay_works(system, "inventory"), what="the second inventory's relay at work")
    await asyncio.gather(*(fleet.start_instance(f"{service}-1") for service in ("order", "inventory", "fulfillment")))
    _more(turns, 2)
    assert await _cut_relays(system) >= 3
    await fleet.stop("inventory-2")
    assert await _at_rest(shop, system.urls("order")[0]) < ORDERS
    _more(turns, 1)


async def _relay_works(system: System, service: str) -> bool:
    """Whether the instance that is left has sent anything."""
    async with httpx.AsyncClient(timeout=10) as client:
        text = (await client.get(f"{system.urls(service)[0]}/metrics")).text
    sent = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith("flacon_outbox_sent_total")]
    return sum(float(value) for value in sent) > 0


async def _cut_relays(system: System) -> int:
    """Ends the sessions that make relays leaders: each may be in the midst of a batch that its successor sends too."""
    connection = await asyncpg.connect(system.stack.postgres["admin"])
    try:
        found: int = await connection.fetchval(CUT_RELAYS)
        return found
    finally:
        await connection.close()


async def _serve(shop: Shop, submitted: asyncio.Task[None]) -> int:
    """Staff ship what is there and cancel what can never come, whoever answers them; until all orders ended."""

    async def all_ended() -> int | None:
        with suppress(httpx.HTTPError, AssertionError, KeyError):
            await shop.ship_what_is_there()
            await _cancel_hopeless(shop)
            ended = await _at_rest(shop, shop.stack.services["order"])
            return ended if ended == ORDERS and submitted.done() else None
        return None

    return await until(all_ended, seconds=120, what="all orders ended")


async def _cancel_hopeless(shop: Shop) -> None:
    """Of the orders for what nobody makes, and of the rest of partial ones."""
    waiting = await shop.every("order", "/api/orders?product_id=many-none&status=backordered")
    waiting += await shop.every("order", "/api/orders?product_id=many-none&status=partially_fulfilled")
    await asyncio.gather(
        *(shop.ask("order", "PUT", f"/api/orders/{order['order_id']}/cancel", {}, Prefer="wait=0") for order in waiting)
    )


async def _at_rest(shop: Shop, url: str) -> int:
    """How many of the flow's orders ended; asks that instance."""
    async with httpx.AsyncClient(base_url=url, headers=shop.stack.headers(), timeout=30) as client:
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = (await client.get(f"/api/orders?source=many&limit=500{cursor}")).json()
            found += page["items"]
            if page["next_cursor"] is None:
                return sum(order["status"] in AT_REST for order in found)
            cursor = f"&cursor={page['next_cursor']}"


def _submission(number: int) -> dict[str, Any]:
    """Of ten: six plain ones, one that is shipped in part, two that wait for nothing, one that is refused."""
    kind = number % 10
    lines = [(f"many-{number % PRODUCTS}", 1 + number % 3)]
    lines += [("many-none", 2)] if kind >= 6 else [(f"many-{(number + 1) % PRODUCTS}", 1)]
    policy = {6: "partial", 7: "backorder", 8: "backorder", 9: "reject"}.get(kind, "backorder")
    return {
        "source": "many",
        "external_id": f"{number:04d}",
        "customer_id": f"c-{number % 9}",
        "shipping_address": ADDRESS,
        "items": [{"product_id": product_id, "quantity": quantity} for product_id, quantity in lines],
        "auto_confirm": True,
        "on_shortage": policy,
        "priority": number % 10,
    }
