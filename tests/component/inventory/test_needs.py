"""`stock.low`: a need is told with its alert, once, and again when it grows, when a batch ended, and every day."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from services.inventory.domain.shelf import UnknownItem
from services.inventory.operations.items import Change, change_items
from tests.component.inventory.warehouse import START, Warehouse, new

UPGRADE = Path("services/inventory/migrations/0007_needs_are_told.sql").read_text(encoding="utf-8")
ALERTS = "SELECT alert_id::text, kind, status FROM alerts WHERE item_id = $1 ORDER BY alert_id"
LAST_LOW = "SELECT payload::jsonb AS low FROM outbox WHERE type = 'stock.low' AND aggregateid = $1 ORDER BY seq DESC"
YESTERDAY = "UPDATE needs_told SET told_at = told_at - interval '1 day'"


async def _last(warehouse: Warehouse, item_id: str) -> dict[str, Any]:
    async with warehouse.database.reading() as connection:
        return dict(json.loads(await connection.fetchval(LAST_LOW, item_id)))


async def _alerts(warehouse: Warehouse, item_id: str) -> dict[str, str]:
    async with warehouse.database.reading() as connection:
        return {row["kind"]: row["alert_id"] for row in await connection.fetch(ALERTS, item_id)}


async def test_a_need_is_told_when_its_alert_is_raised_grows_graver_and_ends(warehouse: Warehouse) -> None:
    await warehouse.item("P", minimum=2, reorder_point=5)
    assert await warehouse.needs("P") == [("raised", "stockout", 0, 10)]
    await warehouse.receive("P", 30)
    await warehouse.adjust("P", -20)
    assert (await warehouse.needs("P"))[1:] == [("resolved", "stockout", 30, 0)]
    await warehouse.adjust("P", -5)
    low = await _last(warehouse, "P")
    alerts = await _alerts(warehouse, "P")
    assert (low["status"], low["kind"], low["alert_id"]) == ("raised", "low_stock", alerts["low_stock"])
    assert (low["available"], low["queued"], low["incoming"], low["min_stock_level"], low["reorder_point"]) == (
        5,
        0,
        0,
        2,
        5,
    )
    await warehouse.adjust("P", -1)
    await warehouse.adjust("P", -2)
    await warehouse.receive("P", 2)
    await warehouse.receive("P", 20)
    assert (await warehouse.needs("P"))[2:] == [
        ("raised", "low_stock", 5, 5),
        ("raised", "critical", 2, 8),
        ("open", "low_stock", 4, 6),
        ("resolved", "low_stock", 24, 0),
    ]
    assert (await _last(warehouse, "P"))["alert_id"] == alerts["low_stock"]


async def test_two_alerts_raised_at_once_are_one_need_the_gravest(warehouse: Warehouse) -> None:
    await warehouse.item("P", 20, minimum=2, reorder_point=5)
    await warehouse.hear(warehouse.created(new(), ("P", 20)))
    assert (await warehouse.needs("P"))[-1] == ("raised", "stockout", 0, 10)
    assert len(await warehouse.needs("P")) == 3


async def test_lines_that_queue_on_an_item_without_levels_are_a_need_without_an_alert(warehouse: Warehouse) -> None:
    await warehouse.item("P", 3)
    await warehouse.hear(warehouse.created(new(), ("P", 8), on_shortage="backorder"))
    low = await _last(warehouse, "P")
    assert (low["status"], low["kind"], low["alert_id"], low["suggested_quantity"]) == ("raised", "stockout", None, 5)
    assert await _alerts(warehouse, "P") == {}
    await warehouse.receive("P", 5)
    assert await warehouse.needs("P") == [("raised", "stockout", 0, 5), ("resolved", "stockout", 0, 0)]
    assert await warehouse.remind() == 0


async def test_an_item_that_waits_for_nothing_and_has_no_levels_tells_no_need(warehouse: Warehouse) -> None:
    await warehouse.item("P", 3)
    await warehouse.hear(warehouse.created(new(), ("P", 3)))
    await warehouse.hear(warehouse.created(new(), ("P", 3)))
    assert await warehouse.needs("P") == []


async def test_a_need_that_grew_is_told_again_once(warehouse: Warehouse) -> None:
    await warehouse.item("P")
    await warehouse.hear(warehouse.created(new(), ("P", 8), on_shortage="backorder"))
    assert await warehouse.remind() == 0
    await warehouse.hear(warehouse.created(new(), ("P", 4), on_shortage="backorder"))
    assert [await warehouse.remind() for _ in range(2)] == [1, 0]
    assert await warehouse.needs("P") == [("raised", "stockout", 0, 8), ("open", "stockout", 0, 12)]


async def test_a_shelf_that_goes_on_falling_is_told_again_and_one_that_rises_is_not(warehouse: Warehouse) -> None:
    await warehouse.item("P", 6, reorder_point=5)
    await warehouse.adjust("P", -1)
    assert await warehouse.remind() == 0
    await warehouse.adjust("P", -2)
    assert [await warehouse.remind() for _ in range(2)] == [1, 0]
    await warehouse.receive("P", 1)
    assert await warehouse.remind() == 0
    assert (await warehouse.needs("P"))[-2:] == [("raised", "low_stock", 5, 5), ("open", "low_stock", 3, 7)]


async def test_what_is_on_its_way_is_not_suggested_again(warehouse: Warehouse) -> None:
    await warehouse.item("P", kind="product", reorder_point=6)
    await warehouse.hear(warehouse.batch("batch.planned", new(), expected=START))
    await warehouse.hear(warehouse.created(new(), ("P", 1), on_shortage="backorder"))
    assert await warehouse.remind() == 1
    low = await _last(warehouse, "P")
    assert (low["status"], low["incoming"], low["queued"], low["suggested_quantity"]) == ("open", 10, 1, 3)


async def test_a_need_is_told_again_every_day_while_it_lasts(warehouse: Warehouse) -> None:
    await warehouse.item("P", reorder_point=5)
    async with warehouse.database.transaction() as tx:
        await tx.execute(YESTERDAY)
    assert [await warehouse.remind() for _ in range(2)] == [1, 0]
    assert await warehouse.needs("P") == [("raised", "stockout", 0, 10), ("open", "stockout", 0, 10)]
    await warehouse.receive("P", 6)
    async with warehouse.database.transaction() as tx:
        await tx.execute(YESTERDAY)
    assert await warehouse.remind() == 0


async def test_a_need_that_lasts_is_told_again_when_a_batch_of_the_item_ended(warehouse: Warehouse) -> None:
    await warehouse.item("P", reorder_point=10)
    batch_id = new()
    await warehouse.hear(warehouse.batch("batch.planned", batch_id, expected=START))
    assert len(await warehouse.needs("P")) == 1
    ended = warehouse.batch("batch.cancelled", batch_id, status="cancelled", version=2)
    await warehouse.hear(ended)
    await warehouse.hear(ended)
    assert (await warehouse.needs("P"))[1:] == [("open", "stockout", 0, 20)]
    low = await _last(warehouse, "P")
    assert (low["incoming"], low["batches_ended"]) == (0, 1)


async def test_a_batch_that_brought_enough_ends_the_need_and_one_of_another_item_tells_nothing(
    warehouse: Warehouse,
) -> None:
    await warehouse.item("P", reorder_point=10)
    await warehouse.item("Q", 50, reorder_point=10)
    batch_id, other = new(), new()
    await warehouse.hear(
        warehouse.batch("batch.completed", batch_id, version=5, good=11, status="completed"),
        warehouse.batch("batch.completed", other, version=5, good=11, status="completed", product="Q"),
    )
    assert (await warehouse.needs("P"))[1:] == [("resolved", "stockout", 11, 0)]
    assert [status for status, *_ in await warehouse.needs("Q")] == ["raised", "resolved"]


async def test_other_levels_of_an_item_tell_its_need_anew(warehouse: Warehouse) -> None:
    await warehouse.item("P", 8)
    for fields in ({"reorder_point": 10}, {"min_stock_level": 9}, {"active": False}):
        async with warehouse.database.transaction() as tx:
            await change_items(tx, [Change("P", "product", fields, None)])
    assert await warehouse.needs("P") == [
        ("raised", "low_stock", 8, 12),
        ("raised", "critical", 8, 12),
        ("resolved", "critical", 8, 0),
    ]


async def test_a_material_tells_what_to_buy(warehouse: Warehouse) -> None:
    await warehouse.item("OIL", 30, kind="material", reorder_point=20)
    await warehouse.hear(warehouse.batch("batch.planned", new(), ("OIL", 25, None), product="OIL"))
    low = await _last(warehouse, "OIL")
    assert (low["item_kind"], low["status"], low["suggested_quantity"]) == ("material", "raised", 25)


async def test_needs_that_were_there_before_the_upgrade_are_told_first_of_all(warehouse: Warehouse) -> None:
    await warehouse.item("LOW", 4, reorder_point=5)
    await warehouse.item("WAITS")
    await warehouse.item("GONE", active=False, reorder_point=5)
    await warehouse.item("ENOUGH", 9, reorder_point=5)
    await warehouse.hear(warehouse.created(new(), ("WAITS", 3), on_shortage="backorder"))
    async with warehouse.database.transaction() as tx:
        await tx.execute("DELETE FROM needs_told")
        await tx.execute(UPGRADE[UPGRADE.index("INSERT INTO needs_told") :])
    assert [await warehouse.remind() for _ in range(2)] == [2, 0]
    assert (await warehouse.needs("LOW"))[-1] == ("open", "low_stock", 4, 6)
    assert (await warehouse.needs("WAITS"))[-1] == ("open", "stockout", 0, 3)
    assert await warehouse.needs("GONE") == []


async def test_two_that_cross_a_level_at_once_tell_it_once(warehouse: Warehouse) -> None:
    await warehouse.item("P", 20, reorder_point=15)
    before = len(await warehouse.needs("P"))
    await asyncio.gather(*(warehouse.hear(warehouse.created(new(), ("P", 3))) for _ in range(4)))
    assert (await warehouse.needs("P"))[before:] == [("raised", "low_stock", 14, 16)]


async def test_a_transaction_that_is_rolled_back_tells_no_need(warehouse: Warehouse) -> None:
    await warehouse.item("P", 20, reorder_point=15)
    before = await warehouse.needs("P")
    with pytest.raises(UnknownItem):
        await warehouse.hear(warehouse.created(new(), ("P", 9)), warehouse.batch("batch.planned", new(), ("no", 1, 1)))
    assert await warehouse.needs("P") == before
