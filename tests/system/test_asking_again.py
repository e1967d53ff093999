"""Silence never compensates: what is not answered is asked again, shown as stuck, and goes on when somebody answers."""

from collections import Counter
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from tests.bottling import known_recipe
from tests.conservation import assert_at_rest, assert_books_balance, assert_order_agrees, quiet
from tests.installation import System
from tests.shop import Shop, until
from tests.staging import cancelled, silent

SETTINGS = {
    "ORDER_ASK_AGAIN_SECONDS": "[0.3, 0.3, 0.6]",
    "ORDER_ASK_AGAIN_EVERY_SECONDS": "0.1",
    "BOTTLING_ASK_AGAIN_SECONDS": "[0.3, 0.3, 0.6]",
    "BOTTLING_ASK_AGAIN_EVERY_SECONDS": "0.1",
}


async def test_a_silent_inventory_is_asked_again_shown_as_stuck_and_answers_once(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("mute-rose", 9)
        with silent(system, "inventory"):
            placed = [await shop.order([("mute-rose", 2)], wait=0, auto_confirm=True) for _ in range(3)]
            orders = sorted(answer.json()["order_id"] for answer in placed)
            stuck = await until(lambda: _stuck(shop, "orders", 3), what="three stuck orders")
            assert {(one["step"], one["last_error"]) for one in stuck} == {
                ("order.created", "no answer from inventory")
            }
            assert sorted(one["order_id"] for one in stuck) == orders
            await until(lambda: _metric_is(shop, "order", 3), what="the metric of stuck orders")
            assert await _alerted(shop, "orders", "raised") == orders
            listed = await shop.every("order", "/api/orders?stuck=true")
            assert sorted(order["order_id"] for order in listed) == orders
        for order_id in orders:
            await shop.ship(order_id, order_id)
            books = await assert_at_rest(shop, order_id, "fulfilled")
            assert books.causes("mute-rose") == {"reserve": 2, "sale": 2}
        await until(lambda: _metric_is(shop, "order", 0), what="nothing stuck")
        assert await _stuck(shop, "orders", 0) == []
        assert await _alerted(shop, "orders", "resolved") == orders
        assert await _alerted(shop, "orders", "raised") == []
        for order_id in orders:
            await _assert_same_words(shop, "order.created", order_id)


async def test_a_silent_inventory_is_asked_again_for_a_batch_too(system: System) -> None:
    async with Shop(system.stack) as shop:
        await _recipe(shop, "mute-batch")
        with silent(system, "inventory"):
            batch_id = await _planned(shop, "mute-batch")
            [stuck] = await until(lambda: _stuck(shop, "bottling", 1), what="a stuck batch")
            assert (stuck["batch_id"], stuck["step"]) == (batch_id, "batch.planned")
            await until(lambda: _metric_is(shop, "bottling", 1), what="the metric of stuck batches")
            [alert] = await shop.every("bottling", "/api/bottling/alerts?status=raised")
            path = f"/api/bottling/alerts/{alert['alert_id']}/acknowledge"
            seen = (await shop.ask("bottling", "POST", path, {"note": "they know"})).json()
            assert (seen["status"], seen["acknowledged_by"] is None) == ("acknowledged", False)
        await until(lambda: _batch_is(shop, batch_id, "ready"), what="an answered batch")
        assert await _alerted(shop, "bottling", "resolved") == [batch_id]
        await quiet(shop)
        await _assert_same_words(shop, "batch.planned", batch_id)
        rows = await shop.every("inventory", f"/api/inventory/reservations?batch_id={batch_id}")
        assert [(row["held"], row["backordered"]) for row in rows] == [(5, 0)]


async def test_a_silent_fulfillment_is_asked_again_and_makes_one_fulfillment(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("deaf-rose", 5)
        with silent(system, "fulfillment"):
            order_id = await shop.ordered([("deaf-rose", 5)], auto_confirm=True)
            [stuck] = await until(lambda: _stuck(shop, "orders", 1), what="a stuck order")
            assert (stuck["step"], stuck["last_error"]) == ("order.ready", "no answer from fulfillment")
            answer = await shop.ask("order", "POST", f"/api/orders/{order_id}/retry")
            assert answer.json() == {"order_id": order_id, "asked": ["order.ready"]}
        await shop.ship(order_id, "deaf")
        await assert_at_rest(shop, order_id, "fulfilled")
        assert len(await shop.every("fulfillment", f"/api/fulfillment/fulfillments?order_id={order_id}")) == 1
        told = (await shop.records("fulfillment.created"))["fulfillment.created"]
        versions = [dict(one.headers)["ce_aggregateversion"] for one in told if one.key == order_id.encode()]
        assert len(versions) > 1
        assert versions == [str(number).encode() for number in range(1, len(versions) + 1)]


async def test_a_stuck_order_can_be_cancelled_and_its_release_is_asked_again_too(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("quit-rose", 5)
        with silent(system, "inventory"):
            order_id = (await shop.order([("quit-rose", 5)], wait=0)).json()["order_id"]
            await until(lambda: _stuck(shop, "orders", 1), what="a stuck order")
            assert (await cancelled(shop, order_id, wait=0)).json()["status"] == "cancelled"
            [stuck] = await until(lambda: _stuck(shop, "orders", 1), what="a stuck cancel")
            assert stuck["step"] == "order.cancelled"
        await assert_at_rest(shop, order_id, "cancelled")
        assert await shop.levels("quit-rose") == (5, 0, 5)
        assert (await cancelled(shop, order_id)).json()["stock_released"] is True


async def test_a_lost_question_and_a_lost_answer_are_made_up_for(system: System) -> None:
    """Records that vanish from the broker's disk before their reader saw them."""
    async with Shop(system.stack) as shop:
        await shop.product("lost-rose", 10)
        await _recipe(shop, "lost-batch")
        await system.fleet.stop("inventory-1")
        asked = (await shop.order([("lost-rose", 2)], wait=0, auto_confirm=True)).json()["order_id"]
        batch_id = await _planned(shop, "lost-batch")
        await _vanish(shop, "order.created", asked)
        await _vanish(shop, "batch.planned", batch_id)
        await system.fleet.start_instance("inventory-1")
        await shop.becomes(asked, "processing")
        await until(lambda: _batch_is(shop, batch_id, "ready"), what="an answered batch")

        with silent(system, "inventory"):
            unheard = (await shop.order([("lost-rose", 3)], wait=0, auto_confirm=True)).json()["order_id"]
            await until(lambda: _written(shop, "order.created", unheard), what="the question")
            await system.fleet.stop("order-1")
        await until(lambda: _written(shop, "stock.reserved", unheard), what="the answer")
        await _vanish(shop, "stock.reserved", unheard)
        await system.fleet.start_instance("order-1")
        await shop.becomes(unheard, "processing")

        for order_id in (asked, unheard):
            await shop.ship(order_id, order_id)
            await shop.becomes(order_id, "fulfilled")
        await shop.settled()
        sold = [(await assert_order_agrees(shop, order_id)).causes("lost-rose") for order_id in (asked, unheard)]
        assert sold == [{"reserve": 2, "sale": 2}, {"reserve": 3, "sale": 3}]
        await assert_books_balance(shop)
        assert await shop.levels("lost-rose") == (5, 0, 5)


async def _stuck(shop: Shop, place: str, count: int) -> list[dict[str, Any]] | None:
    found = await shop.every("order" if place == "orders" else place, f"/api/{place}/stuck")
    return found if len(found) == count else None


async def _alerted(shop: Shop, place: str, status: str) -> list[str]:
    """Subjects of the alerts about stuck sagas of a module's present test."""
    service = "order" if place == "orders" else place
    found = await shop.every(service, f"/api/{place}/alerts?status={status}&kind=saga_stuck")
    return sorted(alert["subject_id"] for alert in found)


async def _metric_is(shop: Shop, service: str, count: int) -> bool:
    return await shop.metric(service, "flacon_sagas_stuck{") == [count]


async def _batch_is(shop: Shop, batch_id: str, status: str) -> bool:
    return bool((await shop.get("bottling", f"/api/bottling/batches/{batch_id}"))["status"] == status)


async def _assert_same_words(shop: Shop, event: str, key: str) -> None:
    """Every time the same version and payload, under a new event id."""
    told = [one for one in (await shop.records(event))[event] if one.key == key.encode()]
    assert len(told) >= 3
    headers = [dict(one.headers) for one in told]
    assert len({one["ce_id"] for one in headers}) == len(told)
    assert Counter((one["ce_aggregateversion"], two.value) for one, two in zip(headers, told, strict=True)) == Counter(
        {(b"1", told[0].value): len(told)}
    )


async def _written(shop: Shop, event: str, key: str) -> bool:
    return any(one.key == key.encode() for one in (await shop.records(event))[event])


async def _vanish(shop: Shop, event: str, key: str) -> None:
    """All that the topic has of this key, and what stands before it, is gone."""
    await until(lambda: _written(shop, event, key), what=f"{event} of {key}")
    topic = shop.stack.topic_prefix + event
    last = max(one.offset for one in (await shop.records(event))[event] if one.key == key.encode())
    partition = next(one.partition for one in (await shop.records(event))[event] if one.key == key.encode())
    admin = AIOKafkaAdminClient(bootstrap_servers=shop.stack.kafka)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(topic, partition): RecordsToDelete(before_offset=last + 1)})
    finally:
        await admin.close()


async def _recipe(shop: Shop, name: str) -> None:
    """One bottle a piece."""
    await shop.product(f"{name}-rose")
    await shop.material(f"{name}-bottle", 100)
    await known_recipe(shop, name, {"bottle": "1"})


async def _planned(shop: Shop, name: str) -> str:
    body = {"product_id": f"{name}-rose", "quantity": 5}
    answer = await shop.ask("bottling", "POST", "/api/bottling/batches", body, Prefer="wait=0")
    assert answer.status_code == 202, answer.text
    return str(answer.json()["batch_id"])
