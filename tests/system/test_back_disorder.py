"""Events out of order: before their predecessor, late, replayed from the dead letters, after the order ended."""

import asyncio
import random
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from shared.contracts.catalog import EVENTS
from tests.conservation import assert_at_rest, assert_books_balance, assert_order_agrees
from tests.installation import System
from tests.shop import Shop, until
from tests.staging import cancelled, confirm, order_of, pick, places, send
from tests.totals import totals

SEED = 20261122
OF_ORDERS = ("order.", "stock.", "fulfillment.")
ABOUT_ORDERS = [event.name for event in EVENTS if event.readers and event.name.startswith(OF_ORDERS)]
ABOUT_ORDERS.remove("order.submitted")
SETTINGS = {"ORDER_ASK_AGAIN_SECONDS": "[600]"}


async def test_questions_that_come_before_their_predecessors_end_as_in_order(system: System) -> None:
    """The first questions are taken off the broker, and put back once their successors were answered."""
    async with Shop(system.stack) as shop:
        for name in ("first-a", "first-b", "first-c"):
            await shop.product(name, 9)
        await asyncio.gather(*(system.fleet.stop(name) for name in ("inventory-1", "fulfillment-1")))
        confirmed, gone, some = [
            (await shop.order([(name, 4)], wait=0)).json()["order_id"] for name in ("first-a", "first-b", "first-c")
        ]
        await confirm(shop, confirmed, wait=0)
        await cancelled(shop, gone, wait=0)
        await cancelled(shop, some, {"first-c": 1}, wait=0)
        early = await _taken_off(shop, "order.created", {confirmed, gone, some})
        await system.fleet.start_instance("inventory-1")
        await shop.becomes(confirmed, "confirmed")
        await until(lambda: _reserved(shop, some), what="a hold without its order.created")
        await _confirmed(shop, some)
        assert (await cancelled(shop, some, {"first-c": 2}, wait=0)).json()["status"] == "cancelling"
        ready = await _taken_off(shop, "order.ready", {confirmed, some})
        await system.fleet.start_instance("fulfillment-1")
        await until(lambda: _status_of(shop, some, "processing"), what="a cancel judged before its order was ready")
        await _put_back(shop, "order.created", early)
        await _put_back(shop, "order.ready", ready)
        await shop.ship(some, "first-some")
        await shop.ship(confirmed, "first-confirmed")
        for order_id, status in ((confirmed, "fulfilled"), (gone, "cancelled"), (some, "fulfilled")):
            await shop.becomes(order_id, status)
        await shop.settled()
        books = [await assert_order_agrees(shop, order_id) for order_id in (confirmed, gone, some)]
        assert books[0].causes("first-a") == {"reserve": 4, "sale": 4}
        assert books[1].promised["first-b"] == 0
        assert places(await order_of(shop, some), "shipped", "cancelled") == [(2, 2)]
        await assert_books_balance(shop)


async def test_a_closed_order_keeps_what_left_until_inventory_hears_of_the_parcel(system: System) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("kept-rose", 9)
        order_id = await shop.ordered([("kept-rose", 4)], auto_confirm=True)
        await pick(shop, order_id)
        await system.fleet.stop("inventory-1")
        await send(shop, order_id, "kept-1", {"kept-rose": 3})
        await shop.becomes(order_id, "partially_fulfilled")
        parcel = await _taken_off(shop, "fulfillment.shipped", {order_id})
        await cancelled(shop, order_id, wait=0)
        await shop.becomes(order_id, "fulfilled")
        await system.fleet.start_instance("inventory-1")
        assert (await cancelled(shop, order_id)).json()["stock_released"] is True
        assert await shop.levels("kept-rose") == (9, 3, 6)
        await _put_back(shop, "fulfillment.shipped", parcel)
        await shop.settled()
        books = await assert_order_agrees(shop, order_id)
        assert books.causes("kept-rose") == {"reserve": 4, "release": 1, "sale": 3}
        assert await shop.levels("kept-rose") == (6, 0, 6)


async def test_a_parcel_parked_as_a_dead_letter_counts_when_it_is_replayed_after_the_order_ended(
    system: System,
) -> None:
    """Inventory's table of parcels is away for a while: the record is poison, is passed over, and is replayed later."""
    async with Shop(system.stack) as shop:
        await shop.product("park-rose", 9)
        order_id = await shop.ordered([("park-rose", 4)], auto_confirm=True)
        await shop.becomes(order_id, "processing")
        await _rename(system, "shipments_deducted", "elsewhere")
        await shop.ship(order_id, "park")
        letter = await until(lambda: _parked(shop), what="a parked parcel")
        await shop.becomes(order_id, "fulfilled")
        await _rename(system, "elsewhere", "shipments_deducted")
        assert await shop.levels("park-rose") == (9, 4, 5)
        path = f"/api/inventory/dead-letters/{letter['dead_letter_id']}/replay"
        assert (await shop.ask("inventory", "POST", path)).json()["result"] == "handled"
        assert (await shop.ask("inventory", "POST", path)).json()["result"] == "duplicate"
        await shop.settled()
        books = await assert_order_agrees(shop, order_id)
        assert books.causes("park-rose") == {"reserve": 4, "sale": 4}
        assert await shop.levels("park-rose") == (5, 0, 5)


async def test_a_question_parked_as_a_dead_letter_takes_nothing_when_it_is_replayed_after_the_cancel(
    system: System,
) -> None:
    async with Shop(system.stack) as shop:
        await shop.product("ghost-rose", 9)
        await _rename(system, "reservations", "elsewhere")
        order_id = (await shop.order([("ghost-rose", 4)], wait=0, auto_confirm=True)).json()["order_id"]
        letter = await until(lambda: _parked(shop), what="a parked question")
        await _rename(system, "elsewhere", "reservations")
        assert (await cancelled(shop, order_id)).json()["stock_released"] is True
        path = f"/api/inventory/dead-letters/{letter['dead_letter_id']}/replay"
        assert (await shop.ask("inventory", "POST", path)).json()["result"] == "handled"
        books = await assert_at_rest(shop, order_id, "cancelled")
        assert books.promised["ghost-rose"] == 0
        assert await shop.levels("ghost-rose") == (9, 0, 9)


async def test_everything_once_more_a_day_later_under_new_ids_changes_nothing(system: System) -> None:
    """All events of orders that ended, by whomever, shuffled, as from a republished topic whose inbox was emptied."""
    async with Shop(system.stack) as shop:
        await shop.product("late-rose", 20)
        shipped = await shop.ordered([("late-rose", 4)], auto_confirm=True)
        await shop.becomes(shipped, "processing")
        await shop.ship(shipped, "late-1", deliver=True)
        part = await shop.ordered([("late-rose", 4)], auto_confirm=True)
        await shop.becomes(part, "processing")
        fulfillment_id = (await shop.fulfillment(part))["fulfillment_id"]
        await shop.ask("fulfillment", "POST", f"/api/fulfillment/fulfillments/{fulfillment_id}/pick")
        await send(shop, part, "late-2", {"late-rose": 1})
        await shop.becomes(part, "partially_fulfilled")
        assert (await cancelled(shop, part)).status_code == 200
        gone = await shop.ordered([("late-rose", 4)])
        assert (await cancelled(shop, gone)).status_code == 200
        await shop.settled()
        before = await totals(shop)
        told = await shop.records(*ABOUT_ORDERS)
        dice = random.Random(SEED)
        for event, records in told.items():
            copies = [(record.key, record.value, _under_new_id(record, dice)) for record in records]
            dice.shuffle(copies)
            await shop.publish(event, copies)
        await shop.settled()
        assert await totals(shop) == before
        assert sum(len(records) for records in told.values()) > 30


def _under_new_id(record: ConsumerRecord, dice: random.Random) -> list[tuple[str, bytes]]:
    headers = [(name, value) for name, value in record.headers if name != "ce_id"]
    return [*headers, ("ce_id", str(UUID(int=dice.getrandbits(128), version=4)).encode())]


async def _reserved(shop: Shop, order_id: str) -> bool:
    return bool((await order_of(shop, order_id))["stock_reserved"])


async def _status_of(shop: Shop, order_id: str, status: str) -> bool:
    return await shop.status(order_id) == status


async def _confirmed(shop: Shop, order_id: str) -> None:
    answer = await confirm(shop, order_id)
    assert answer.status_code == 200, answer.text


async def _taken_off(shop: Shop, event: str, keys: set[str]) -> list[ConsumerRecord]:
    """The records of these keys, once they are written; the topic is empty afterwards."""
    found: list[ConsumerRecord] = []

    async def written() -> bool:
        found[:] = [one for one in (await shop.records(event))[event] if (one.key or b"").decode() in keys]
        return {(one.key or b"").decode() for one in found} == keys

    await until(written, what=f"{event} of {keys}")
    ends: dict[TopicPartition, int] = {}
    for one in found:
        place = TopicPartition(one.topic, one.partition)
        ends[place] = max(ends.get(place, 0), one.offset + 1)
    admin = AIOKafkaAdminClient(bootstrap_servers=shop.stack.kafka)
    await admin.start()
    try:
        await admin.delete_records({place: RecordsToDelete(before_offset=end) for place, end in ends.items()})
    finally:
        await admin.close()
    return found


async def _put_back(shop: Shop, event: str, records: list[ConsumerRecord]) -> None:
    await shop.publish(event, [(one.key, one.value, list(one.headers)) for one in records])


async def _parked(shop: Shop) -> dict[str, Any] | None:
    found = await shop.every("inventory", "/api/inventory/dead-letters?state=open")
    return found[0] if found else None


async def _rename(system: System, table: str, name: str) -> None:
    """What Postgres answers about a missing table is no fault that passes: the record is poison."""
    statement = {
        "shipments_deducted": "ALTER TABLE inventory_service.shipments_deducted RENAME TO elsewhere",
        "reservations": "ALTER TABLE inventory_service.reservations RENAME TO elsewhere",
    }.get(table, f"ALTER TABLE inventory_service.elsewhere RENAME TO {name}")
    connection = await asyncpg.connect(system.stack.postgres["admin"])
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
