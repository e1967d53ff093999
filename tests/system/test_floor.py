"""Once is once on the floor: two pickers with one list, ship twice at once, a kill between commit and telling."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import asyncpg
import httpx
import orjson
import pytest

from tests.conservation import assert_books_balance, assert_order_agrees
from tests.installation import System
from tests.mail_server import MailServer, mail_server, mail_settings
from tests.shop import Shop, until
from tests.staging import order_of, pick, untold

ORDERS = 20
IN_OUTBOX = "SELECT count(*) FROM outbox WHERE type = $1 AND aggregateid = $2"
READER = {"auto_confirm": True, "email": "ann@example.org"}


async def test_two_people_pick_and_ship_one_list_at_once_and_each_parcel_leaves_once(
    new_system: Callable[..., System],
) -> None:
    async with mail_server() as server:
        system = await asyncio.to_thread(new_system, counts={"fulfillment": 2}, more=mail_settings(server))
        async with Shop(system.stack) as shop:
            await shop.product("floor-rose", 100)
            orders = [await shop.ordered([("floor-rose", 2)], **READER) for _ in range(ORDERS)]
            for order_id in orders:
                await shop.fulfillment(order_id)
            picked, shipped = await _two_people(system)
            assert sorted(picked) == [0, ORDERS]
            assert shipped == [(ORDERS, ORDERS)] * 2
            for order_id in orders:
                await shop.becomes(order_id, "fulfilled")
            await shop.settled()
            assert await _parcels(shop) == Counter(dict.fromkeys(orders, 1))
            assert await shop.levels("floor-rose") == (60, 0, 60)
            for order_id in orders:
                books = await assert_order_agrees(shop, order_id)
                assert books.causes("floor-rose") == {"reserve": 2, "sale": 2}
            await assert_books_balance(shop)
            await _mails_are(server, orders)


async def _two_people(system: System) -> tuple[list[int], list[tuple[int, int]]]:
    """Each at an instance of their own takes the same list; how many of its orders each could pick, and then ship
    (with the number of shipments, the same for both)."""
    clients = [
        httpx.AsyncClient(base_url=f"{url}/api/fulfillment/", headers=system.stack.headers(), timeout=30)
        for url in system.urls("fulfillment")
    ]
    try:
        wave = (await clients[0].post("waves")).json()
        lists = [(await client.get(f"waves/{wave['wave_id']}")).json()["lines"] for client in clients]
        assert lists[0] == lists[1] and len(lists[0]) == ORDERS
        picks = [{"fulfillment_id": line["fulfillment_id"], "lines": [_units(line)]} for line in lists[0]]
        parcels = [
            {"fulfillment_id": one["fulfillment_id"], "carrier": "DHL", "tracking_number": one["fulfillment_id"]}
            for one in picks
        ]
        picked = await asyncio.gather(*(client.post("bulk/pick", json={"items": picks}) for client in clients))
        shipped = await asyncio.gather(*(client.post("bulk/ship", json={"items": parcels}) for client in clients))
    finally:
        for client in clients:
            await client.aclose()
    ids = {result["result"]["shipment_id"] for answer in shipped for result in answer.json()["results"]}
    return [_done(answer) for answer in picked], [(_done(answer), len(ids)) for answer in shipped]


def _units(line: dict[str, Any]) -> dict[str, Any]:
    return {"product_id": line["product_id"], "quantity": line["quantity"]}


def _done(answer: httpx.Response) -> int:
    assert answer.status_code == 200, answer.text
    return sum(result["ok"] for result in answer.json()["results"])


async def _parcels(shop: Shop) -> Counter[str]:
    """How many `fulfillment.shipped` went out of each order."""
    records = (await shop.records("fulfillment.shipped"))["fulfillment.shipped"]
    return Counter(orjson.loads(record.value)["order_id"] for record in records)


async def _mails_are(server: MailServer, orders: Iterable[str]) -> None:
    """Of each order the confirmation and its parcel, each once."""
    wanted = Counter(f"{order_id}.{name}" for order_id in orders for name in ("confirmed.1", "shipped.1"))

    async def all_came() -> bool:
        return len(server.got) >= wanted.total()

    await until(all_came, what="the customers' mails")
    assert server.counted() == wanted


@pytest.mark.parametrize(
    ("service", "event"),
    [("fulfillment", "fulfillment.shipped"), ("inventory", "stock.deducted"), ("order", "order.fulfilled")],
)
async def test_a_parcel_whose_service_dies_between_commit_and_telling_leaves_and_is_told_once(
    new_system: Callable[..., System], service: str, event: str
) -> None:
    async with mail_server() as server:
        system = await asyncio.to_thread(new_system, more=mail_settings(server))
        async with Shop(system.stack) as shop:
            await shop.product("kill-iris", 10)
            order_id = await shop.ordered([("kill-iris", 3)], **READER)
            await pick(shop, order_id)
            await shop.settled()
            fulfillment_id = (await shop.fulfillment(order_id))["fulfillment_id"]
            async with untold(system, service):
                first = await _shipped(system, fulfillment_id)
                await until(lambda: _committed(system, service, event, order_id), what=f"{event} committed")
                assert await _told(shop, event, order_id) == 0
                system.fleet.kill_instance(f"{service}-1")
            await system.fleet.start_instance(f"{service}-1")
            again = await _shipped(system, fulfillment_id)
            assert (first.status_code, again.status_code) == (201, 200)
            assert first.json() == again.json()
        async with Shop(system.stack) as shop:
            await _left_once(shop, order_id)
            await _mails_are(server, [order_id])


async def _shipped(system: System, fulfillment_id: str) -> httpx.Response:
    """Over a connection of its own: one that was kept may have broken with its instance."""
    async with system.client("fulfillment") as client:
        parcel = {"carrier": "DHL", "tracking_number": "JJD000000000000000001"}
        return await client.post(f"/api/fulfillment/fulfillments/{fulfillment_id}/ship", json=parcel)


async def _committed(system: System, service: str, event: str, order_id: str) -> bool:
    connection = await asyncpg.connect(system.stack.postgres[service])
    try:
        return bool(await connection.fetchval(IN_OUTBOX, event, order_id))
    finally:
        await connection.close()


async def _told(shop: Shop, event: str, order_id: str) -> int:
    return sum(record.key == order_id.encode() for record in (await shop.records(event))[event])


async def _left_once(shop: Shop, order_id: str) -> None:
    await shop.becomes(order_id, "fulfilled")
    await shop.settled()
    for event in ("fulfillment.shipped", "stock.deducted", "order.fulfilled"):
        assert await _told(shop, event, order_id) == 1
    assert await shop.levels("kill-iris") == (7, 0, 7)
    books = await assert_order_agrees(shop, order_id)
    assert books.causes("kill-iris") == {"reserve": 3, "sale": 3}
    assert len((await order_of(shop, order_id))["shipments"]) == 1
    await assert_books_balance(shop)
