"""Facts on a real Postgres: shipments, short picks, counts, adjustments; never refused, each applied once."""

from dataclasses import replace
from decimal import Decimal

import pytest

from services.inventory.domain.shelf import UnknownItem
from services.inventory.operations.stock import Adjustment, Count, Receipt, adjust, count, receive
from shared.runtime.clock import new_id
from tests.component.inventory.warehouse import Warehouse, new, only


async def test_a_shipment_heard_twice_leaves_once(warehouse: Warehouse) -> None:
    await warehouse.item("P", 10)
    one, shipment = new(), new()
    await warehouse.hear(warehouse.created(one, ("P", 4), confirm=True))
    first = warehouse.shipped(one, ("P", 4), shipment_id=shipment)
    await warehouse.hear(first)
    await warehouse.hear(first)
    await warehouse.hear(warehouse.shipped(one, ("P", 4), shipment_id=shipment))
    await warehouse.hear(
        warehouse.shipped(one, ("P", 4), shipment_id=shipment), warehouse.shipped(one, ("P", 4), shipment_id=shipment)
    )
    assert await warehouse.levels("P") == (6, 0, 0, 0)
    assert [kind for kind in await warehouse.types() if "deducted" in kind] == ["stock.deducted confirmed shipped"]
    await warehouse.is_true()


async def test_units_that_an_order_did_not_hold_come_from_available_then_pending_then_others(
    warehouse: Warehouse,
) -> None:
    await warehouse.item("P", 10)
    sender, keen, meek, meek_and_new = new(), new(), new(), new()
    await warehouse.hear(warehouse.created(keen, ("P", 2), priority=9, confirm=True))
    await warehouse.hear(warehouse.created(meek, ("P", 2), confirm=True))
    await warehouse.hear(warehouse.created(meek_and_new, ("P", 2), confirm=True))
    await warehouse.hear(warehouse.created(sender, ("P", 2), confirm=True))
    await warehouse.hear(warehouse.short(sender, "P", 1))
    assert await warehouse.levels("P") == (10, 8, 1, 0)
    await warehouse.told()
    await warehouse.hear(warehouse.shipped(sender, ("P", 6)))
    told = await warehouse.told()
    assert [(type, payload["order_id"]) for type, payload in told] == [
        ("stock.deducted", sender),
        ("stock.reserved", sender),
        ("stock.shortfall", meek_and_new),
    ]
    assert (told[1][1]["reason"], told[2][1]["reason"]) == ("shipped_unheld", "shipped")
    assert await warehouse.line(meek_and_new, "P") == (2, 0, 2, 0, 0)
    assert await warehouse.line(meek, "P") == (2, 2, 0, 0, 0)
    assert await warehouse.line(sender, "P") == (6, 0, 0, 6, 0)
    assert await warehouse.levels("P") == (4, 4, 0, 2)
    await warehouse.is_true()


async def test_what_the_books_never_had_is_found_and_raises_an_alert(warehouse: Warehouse) -> None:
    await warehouse.item("P", 2)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 2), confirm=True))
    await warehouse.hear(warehouse.shipped(one, ("P", 5)))
    assert await warehouse.entries("P") == ["receipt +2", "reserve +2", "found +3", "sale -5"]
    assert await warehouse.levels("P") == (0, 0, 0, 0)
    async with warehouse.database.reading() as connection:
        assert await connection.fetchval("SELECT count(*) FROM alerts WHERE kind = 'discrepancy'") == 1
    await warehouse.is_true()


async def test_a_shipment_before_every_question_is_a_fact_all_the_same(warehouse: Warehouse) -> None:
    await warehouse.item("P", 5)
    one = new()
    await warehouse.hear(warehouse.shipped(one, ("P", 2)))
    await warehouse.hear(warehouse.created(one, ("P", 3), confirm=True))
    assert await warehouse.line(one, "P") == (3, 1, 0, 2, 0)
    assert await warehouse.levels("P") == (3, 1, 0, 0)
    await warehouse.is_true()


async def test_closing_keeps_what_shipped_and_is_not_deducted_yet(warehouse: Warehouse) -> None:
    await warehouse.item("P", 5)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 5), confirm=True))
    await warehouse.hear(warehouse.cancel(one, ("P", 5, 2)))
    assert await warehouse.line(one, "P") == (5, 2, 0, 0, 3)
    await warehouse.hear(warehouse.shipped(one, ("P", 2)))
    assert await warehouse.line(one, "P") == (5, 0, 0, 2, 3)
    assert await warehouse.levels("P") == (3, 0, 0, 0)
    await warehouse.is_true()


async def test_missing_units_wait_for_a_count_and_others_take_their_place(warehouse: Warehouse) -> None:
    await warehouse.item("P", 5)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 3), confirm=True))
    await warehouse.told()
    await warehouse.hear(warehouse.short(one, "P", 2))
    assert await warehouse.levels("P") == (5, 3, 2, 0)
    answer = only(await warehouse.told())
    assert (answer["reason"], answer["lines"][0]["short"], answer["lines"][0]["held"]) == ("short_pick", 2, 3)
    await warehouse.is_true()


async def test_without_other_stock_missing_units_queue_or_are_cancelled_under_reject(warehouse: Warehouse) -> None:
    await warehouse.item("P", 6)
    patient, strict = new(), new()
    await warehouse.hear(
        warehouse.created(patient, ("P", 3), confirm=True, on_shortage="backorder"),
        warehouse.created(strict, ("P", 3), confirm=True),
    )
    await warehouse.hear(warehouse.short(patient, "P", 1), warehouse.short(strict, "P", 1))
    assert await warehouse.line(patient, "P") == (3, 2, 1, 0, 0)
    assert await warehouse.line(strict, "P") == (3, 2, 0, 0, 1)
    assert await warehouse.levels("P") == (6, 4, 2, 1)
    await warehouse.is_true()


async def test_damaged_units_are_scrapped(warehouse: Warehouse) -> None:
    await warehouse.item("P", 3)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 3), confirm=True, on_shortage="backorder"))
    fact = warehouse.short(one, "P", 1, "damaged")
    await warehouse.hear(fact)
    await warehouse.hear(fact)
    assert await warehouse.levels("P") == (2, 2, 0, 1)
    assert (await warehouse.entries("P"))[-1] == "scrap -1"
    await warehouse.is_true()


async def test_a_count_settles_what_was_pending_and_takes_back_what_no_longer_fits(warehouse: Warehouse) -> None:
    await warehouse.item("P", 10)
    keen, meek = new(), new()
    await warehouse.hear(
        warehouse.created(keen, ("P", 5), confirm=True, priority=5),
        warehouse.created(meek, ("P", 5), confirm=True, on_shortage="backorder"),
    )
    await warehouse.hear(warehouse.short(meek, "P", 2))
    await warehouse.told()
    done = await warehouse.count("P", 7)
    assert (done.expected, [(id, quantity) for _, id, quantity in done.taken]) == (10, [(meek, 1)])
    assert await warehouse.levels("P") == (7, 7, 0, 3)
    assert await warehouse.types() == ["stock.shortfall confirmed count"]
    done = await warehouse.count("P", 12)
    assert await warehouse.levels("P") == (12, 10, 0, 0)
    assert await warehouse.types() == ["stock.reserved confirmed backorder_filled"]
    await warehouse.is_true()


async def test_movements_may_go_on_while_somebody_counts(warehouse: Warehouse) -> None:
    await warehouse.item("P", 10)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 4), confirm=True))
    version = (await warehouse.level("P"))["version"]
    await warehouse.hear(warehouse.shipped(one, ("P", 4)))
    await warehouse.count("P", 9, version)
    assert (await warehouse.levels("P"))[0] == 5
    await warehouse.count("P", 9, version)
    assert (await warehouse.levels("P"))[0] == 5
    await warehouse.is_true()


async def test_an_adjustment_never_takes_what_is_promised(warehouse: Warehouse) -> None:
    await warehouse.item("P", 10)
    await warehouse.hear(warehouse.created(new(), ("P", 8)))
    assert (await warehouse.adjust("P", -3)).available == 2
    assert await warehouse.levels("P") == (10, 8, 0, 0)
    assert (await warehouse.adjust("P", -2)).level.current == 8
    await warehouse.is_true()


async def test_an_alert_is_raised_on_crossing_its_level_and_resolved_on_the_way_back(warehouse: Warehouse) -> None:
    await warehouse.item("P", 10, minimum=2, reorder_point=5)
    for _ in range(6):
        await warehouse.hear(warehouse.created(new(), ("P", 1)))
    sql = "SELECT kind || ' ' || status FROM alerts WHERE kind <> 'discrepancy' ORDER BY raised_at, kind"

    async def alerts() -> list[str]:
        async with warehouse.database.reading() as connection:
            return [row[0] for row in await connection.fetch(sql)]

    born_empty = ["critical resolved", "low_stock resolved", "stockout resolved"]
    assert await alerts() == [*born_empty, "low_stock raised"]
    await warehouse.hear(warehouse.created(new(), ("P", 4)))
    assert (await alerts())[4:] == ["critical raised", "stockout raised"]
    await warehouse.receive("P", 3)
    assert (await alerts())[3:] == ["low_stock raised", "critical resolved", "stockout resolved"]


async def test_cancelled_units_that_shipped_all_the_same_are_no_longer_cancelled(warehouse: Warehouse) -> None:
    await warehouse.item("P", 5)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 5), confirm=True))
    await warehouse.hear(warehouse.cancel(one, ("P", 5)))
    await warehouse.hear(warehouse.shipped(one, ("P", 2)))
    assert await warehouse.line(one, "P") == (5, 0, 0, 2, 3)
    assert await warehouse.levels("P") == (3, 0, 0, 0)
    await warehouse.is_true()


async def test_a_short_pick_told_again_by_another_event_counts_once(warehouse: Warehouse) -> None:
    await warehouse.item("P", 5)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 3), confirm=True))
    told = warehouse.short(one, "P", 1)
    await warehouse.hear(told)
    await warehouse.hear(replace(told, id=new_id()))
    assert await warehouse.levels("P") == (5, 3, 1, 0)


async def test_what_staff_did_is_done_once_however_often_it_is_tried(warehouse: Warehouse) -> None:
    await warehouse.item("P", 10)
    receipt = Receipt(new_id(), new_id(), "P", 5, "S-1", Decimal("2.5"), None, None, "ann")
    adjustment = Adjustment(new_id(), "P", -1, "broken", "ann")
    version = (await warehouse.level("P"))["version"]
    counted = Count(new_id(), "P", 8, version, "cycle", "ann")
    for _ in range(2):
        async with warehouse.database.transaction() as tx:
            await receive(tx, warehouse.house, [receipt])
            await adjust(tx, warehouse.house, [adjustment])
            await count(tx, warehouse.house, [counted])
    assert await warehouse.entries("P") == ["receipt +10", "receipt +5", "adjust -1", "count -2"]
    await warehouse.is_true()


async def test_of_many_holds_the_least_urgent_and_newest_give_first(warehouse: Warehouse) -> None:
    await warehouse.item("P", 6)
    keen, old, newest = new(), new(), new()
    await warehouse.hear(warehouse.created(keen, ("P", 2), priority=9, confirm=True))
    await warehouse.hear(warehouse.created(old, ("P", 2), confirm=True))
    await warehouse.hear(warehouse.created(newest, ("P", 2), confirm=True))
    await warehouse.hear(warehouse.shipped(new(), ("P", 1)))
    assert [(await warehouse.line(one, "P"))[1] for one in (keen, old, newest)] == [2, 2, 1]
    await warehouse.count("P", 2)
    assert [(await warehouse.line(one, "P"))[1] for one in (keen, old, newest)] == [2, 0, 0]
    assert "found" not in " ".join(await warehouse.entries("P"))
    await warehouse.is_true()


async def test_a_fact_about_an_item_that_was_never_made_changes_nothing_and_is_kept_for_later(
    warehouse: Warehouse,
) -> None:
    await warehouse.item("P", 5)
    one, batch = new(), new()
    facts = [
        warehouse.shipped(one, ("P", 1), ("NEVER", 1)),
        warehouse.short(one, "NEVER", 1),
        warehouse.batch("batch.completed", batch, product="NEVER", good=3, status="completed"),
    ]
    for fact in facts:
        with pytest.raises(UnknownItem):
            await warehouse.hear(fact)
    assert (await warehouse.entries("P"), await warehouse.told()) == (["receipt +5"], [])
    await warehouse.item("NEVER", 1)
    await warehouse.hear(*facts)
    assert await warehouse.levels("P") == (4, 0, 0, 0)
    assert "batch_output +3" in await warehouse.entries("NEVER")
    await warehouse.is_true()
