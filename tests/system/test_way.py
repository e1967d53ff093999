"""One order's way through four services, forward: held, confirmed, picked, shipped, out of stock, fulfilled."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import orjson

from shared.contracts.catalog import EVENTS
from tests.installation import System
from tests.shop import ADDRESS, Shop, until
from tests.staging import bottled

PUBLISHED = [event.name for event in EVENTS if event.name != "order.submitted"]


async def test_stock_goes_100_then_75_available_then_75_in_all(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("way-rose", 100, min_stock_level=10, reorder_point=20)
        stock = await shop.get("inventory", "/api/inventory/products/way-rose/stock")
        assert (stock["current_stock"], stock["reserved_stock"], stock["available_stock"]) == (100, 0, 100)
        assert (stock["min_stock_level"], stock["reorder_point"], stock["held_stock"]) == (10, 20, 0)

        answer = await shop.order([("way-rose", 25)])
        created = answer.json()
        assert answer.status_code == 201
        assert (created["success"], created["status"], created["stock_reserved"]) == (True, "created", True)
        assert created["estimated_delivery_basis"] == "stock"
        assert await shop.levels("way-rose") == (100, 25, 75)

        confirmed = await shop.confirmed(created["order_id"])
        assert (confirmed["success"], confirmed["status"], confirmed["stock_confirmed"]) == (True, "confirmed", True)
        assert await shop.levels("way-rose") == (100, 25, 75)

        await shop.ship(created["order_id"], "way-1", deliver=True)
        await shop.becomes(created["order_id"], "fulfilled")
        await until(lambda: _levels_are(shop, "way-rose", (75, 0, 75)))
        order = await shop.get("order", f"/api/orders/{created['order_id']}")
        assert [(line["quantity"], line["held"], line["shipped"]) for line in order["items"]] == [(25, 0, 25)]
        assert [shipment["tracking_number"] for shipment in order["shipments"]] == ["way-1"]


async def _levels_are(shop: Shop, item_id: str, levels: tuple[int, int, int]) -> bool:
    return await shop.levels(item_id) == levels


async def test_an_order_is_followed_as_it_goes_and_after_a_broken_connection(system: System) -> None:
    async with Shop(system.stack) as shop, system.client("order") as client:
        await shop.product("stream-rose", 10)
        async with client.stream("GET", "/api/orders/stream") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            lines = stream.aiter_lines()
            order_id = (await shop.order([("stream-rose", 2)], auto_confirm=True)).json()["order_id"]
            first = await _heard(lines, order_id, "order.created")
            confirmed = await _heard(lines, order_id, "order.confirmed")
        assert (first["status"], confirmed["status"]) == ("created", "confirmed")
        await shop.ship(order_id, "stream-1", deliver=True)
        resume = {"Last-Event-ID": confirmed["id"]}
        async with client.stream("GET", f"/api/orders/stream?order_id={order_id}", headers=resume) as stream:
            fulfilled = await _heard(stream.aiter_lines(), order_id, "order.fulfilled")
        assert fulfilled["status"] == "fulfilled" and fulfilled["version"] > confirmed["version"]


async def _heard(lines: AsyncIterator[str], order_id: str, event: str) -> dict[str, Any]:
    """The data of the next such event of the order, with its id."""
    found: dict[str, str] = {}
    async with asyncio.timeout(30):
        async for line in lines:
            name, _, text = line.partition(": ")
            found[name] = text
            if line:
                continue
            if found.get("event") == event and orjson.loads(found["data"])["order_id"] == order_id:
                return {**orjson.loads(found["data"]), "id": found["id"]}
            found = {}
    raise AssertionError(f"the stream ended without {event}")


async def test_an_auto_confirmed_order_in_one_parcel_makes_nine_messages(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("nine-rose", 10)
        await shop.submit([_submission("nine", "1", [("nine-rose", 3)])])
        order_id = await _order_of(shop, "nine", "1")
        await shop.ship(order_id, "nine-1", deliver=True)
        await shop.becomes(order_id, "fulfilled")
        await shop.settled()
        told = await shop.records(*PUBLISHED)
        of_order = Counter(
            event for event, records in told.items() for record in records if record.key == order_id.encode()
        )
        assert of_order == Counter(
            [
                "order.created",
                "stock.reserved",
                "order.confirmed",
                "order.ready",
                "fulfillment.created",
                "fulfillment.shipped",
                "stock.deducted",
                "order.fulfilled",
                "fulfillment.delivered",
            ]
        )


async def test_a_short_order_is_refused_with_every_short_line_and_nothing_is_held(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("short-a", 5)
        await shop.product("short-b", 50)
        await shop.product("short-c", 1)
        answer = await shop.order([("short-a", 6), ("short-b", 1), ("short-c", 1), ("short-c", 2)])
        problem = answer.json()
        assert answer.status_code == 409
        assert problem["type"] == "urn:flacon:problem:out-of-stock"
        assert problem["detail"] == "Insufficient stock for Short A. Available: 5, Requested: 6"
        assert [(line["product_id"], line["available"], line["requested"]) for line in problem["lines"]] == [
            ("short-a", 5, 6),
            ("short-c", 1, 3),
        ]
        assert await shop.status(problem["order_id"]) == "rejected"
        assert await shop.levels("short-a") == (5, 0, 5)
        assert await shop.levels("short-b") == (50, 0, 50)


async def test_a_backorder_is_filled_by_a_receipt_and_then_ships(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("back-rose", 4)
        order_id = await shop.ordered([("back-rose", 10)], on_shortage="backorder", auto_confirm=True)
        order = await shop.get("order", f"/api/orders/{order_id}")
        assert order["status"] == "backordered"
        assert [(line["held"], line["backordered"]) for line in order["items"]] == [(4, 6)]
        receipt = await shop.receive("back-rose", 7)
        assert receipt["filled"] == [{"order_id": order_id, "quantity": 6}]
        assert receipt["available_stock"] == 1
        await shop.ship(order_id, "back-1")
        await shop.becomes(order_id, "fulfilled")
        await until(lambda: _levels_are(shop, "back-rose", (1, 0, 1)))


async def test_a_batch_bottles_what_is_short_and_its_good_units_enter_stock_once(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("batch-rose", 0)
        await shop.material("batch-oil", 600, unit="ml")
        await shop.material("batch-bottle", 100)
        order_id = await shop.ordered([("batch-rose", 8)], on_shortage="backorder", auto_confirm=True)
        batch = await bottled(shop, "batch", planned=10, defective=1)
        assert (batch["status"], batch["quantity_good"]) == ("completed", 9)
        await shop.ship(order_id, "batch-1")
        await shop.becomes(order_id, "fulfilled")
        await until(lambda: _levels_are(shop, "batch-rose", (1, 0, 1)))
        oil = await shop.get("inventory", "/api/inventory/materials/batch-oil/stock")
        bottles = await shop.get("inventory", "/api/inventory/materials/batch-bottle/stock")
        assert (oil["current_stock"], bottles["current_stock"]) == (600 - 10 * 50 - 25, 100 - 10)
        received = await shop.every("inventory", "/api/inventory/ledger?item_id=batch-rose")
        assert [row["quantity"] for row in received if row["type"] == "batch_output"] == [9]


async def test_a_cancel_before_the_parcel_gives_everything_back(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("gone-rose", 9)
        order_id = await shop.ordered([("gone-rose", 9)], auto_confirm=True)
        await shop.fulfillment(order_id)
        answer = await shop.ask("order", "PUT", f"/api/orders/{order_id}/cancel", {}, Prefer="wait=10")
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["status"], body["stock_released"]) == ("cancelled", True)
        assert body["cancelled"] == [{"product_id": "gone-rose", "quantity": 9}]
        assert await shop.levels("gone-rose") == (9, 0, 9)
        assert (await shop.fulfillment(order_id))["status"] == "cancelled"


async def test_an_order_from_upstream_that_cannot_be_accepted_is_rejected_with_its_reasons(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("known-rose", 5)
        lines = [("known-rose", 0), ("never-heard-of", 1)]
        await shop.submit([_submission("bad", "1", lines)])
        order = await until(lambda: _found(shop, "bad", "1"))
        assert order["status"] == "rejected"
        pointers = {error["pointer"] for error in order["rejection"]["errors"]}
        assert pointers == {"/items/0/quantity", "/items/1/product_id"}
        assert await shop.levels("known-rose") == (5, 0, 5)


def _submission(source: str, external_id: str, lines: list[tuple[str, int]]) -> dict[str, Any]:
    return {
        "source": source,
        "external_id": external_id,
        "customer_id": "c-2",
        "shipping_address": ADDRESS,
        "items": [{"product_id": product_id, "quantity": quantity} for product_id, quantity in lines],
        "auto_confirm": True,
        "on_shortage": "backorder",
    }


async def _found(shop: Shop, source: str, external_id: str) -> dict[str, Any] | None:
    found = await shop.every("order", f"/api/orders?source={source}&external_id={external_id}")
    return found[0] if found else None


async def _order_of(shop: Shop, source: str, external_id: str) -> str:
    order = await until(lambda: _found(shop, source, external_id), what="the submitted order")
    order_id: str = order["order_id"]
    return order_id
