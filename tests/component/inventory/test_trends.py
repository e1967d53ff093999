"""Sales and stock by day, and for how long what is there lasts."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.inventory.views.trends import read_cover, read_trends
from tests.component.inventory.figuring import TODAY, at, between, move, sum_up
from tests.component.inventory.warehouse import Warehouse
from tests.plans import rows_read


async def _trends(warehouse: Warehouse, first: int, last: int, item_id: str | None = None, now: Any = None) -> Any:
    await sum_up(warehouse.database)
    async with warehouse.database.reading() as connection:
        return await read_trends(connection, between(first, last), item_id, now or datetime.now(UTC))


def _column(found: Any, name: str) -> list[int]:
    return [day[name] for day in found["days"]]


async def _cover(warehouse: Warehouse, **wanted: Any) -> list[dict[str, Any]]:
    await sum_up(warehouse.database)
    async with warehouse.database.reading() as connection:
        return await read_cover(
            connection, wanted.get("after", ""), wanted.get("item_id"), wanted.get("limit", 50), datetime.now(UTC)
        )


async def _garden(warehouse: Warehouse) -> None:
    await warehouse.item("rose")
    await warehouse.item("lily")
    await warehouse.item("oil", kind="material")
    await move(warehouse, "rose", at(0), ("receipt", 10))
    await move(warehouse, "lily", at(2), ("receipt", 5), ("hold", 2))
    await move(warehouse, "rose", at(3), ("sale", -4), ("reserve", 1))
    await move(warehouse, "oil", at(3), ("receipt", 100), ("material_issue", -30), ("material_return", 5))


async def test_levels_stand_until_they_move_and_sales_belong_to_their_day(warehouse: Warehouse) -> None:
    await _garden(warehouse)
    rose = await _trends(warehouse, -1, 4, "rose")
    assert _column(rose, "current") == [0, 10, 10, 10, 6, 6]
    assert _column(rose, "available") == [0, 10, 10, 10, 5, 5]
    assert _column(rose, "sold") == [0, 0, 0, 0, 4, 0]
    assert _column(rose, "received") == [0, 10, 0, 0, 0, 0]


async def test_all_products_together_are_the_sum_and_hold_no_material(warehouse: Warehouse) -> None:
    await _garden(warehouse)
    found = await _trends(warehouse, 1, 4)
    assert (_column(found, "current"), _column(found, "available")) == ([10, 15, 11, 11], [10, 13, 8, 8])
    assert (_column(found, "sold"), _column(found, "used")) == ([0, 0, 4, 0], [0, 0, 0, 0])
    oil = await _trends(warehouse, 3, 3, "oil")
    assert [oil["days"][0][name] for name in ("received", "used", "current")] == [100, 25, 75]


async def test_trends_end_with_today(warehouse: Warehouse) -> None:
    await _garden(warehouse)
    found = await _trends(warehouse, 2, 9, "rose", at(4))
    assert [str(day["day"]) for day in found["days"]] == [f"{at(day):%Y-%m-%d}" for day in (2, 3, 4)]
    assert (await _trends(warehouse, 6, 9, "rose", at(4)))["days"] == []


async def test_cover_is_what_is_available_by_what_leaves_on_a_day(warehouse: Warehouse) -> None:
    await warehouse.item("rose", minimum=2, reorder_point=6, lead_days=9)
    await move(warehouse, "rose", at(1), ("receipt", 60))
    await move(warehouse, "rose", at(2), ("sale", -8))
    await move(warehouse, "rose", at(13), ("sale", -10))
    await move(warehouse, "rose", at(14), ("sale", -20), ("reserve", 4))
    [cover] = await _cover(warehouse)
    # 38 left within the 20 days since the first record, 18 are available
    assert [week["outgoing"] for week in cover["weeks"]] == [20, 10, 8, 0]
    assert cover["weeks"][0]["to"] - cover["weeks"][0]["from"] == timedelta(days=7)
    assert (cover["weeks"][0]["to"], cover["weeks"][3]["from"]) == (
        TODAY + timedelta(days=1),
        TODAY - timedelta(days=27),
    )
    told = [cover[name] for name in ("available_stock", "reorder_point", "min_stock_level", "lead_days")]
    assert told == [18, 6, 2, 9]
    figures = [str(cover[name]) for name in ("outgoing_per_day", "days_of_cover", "reorder_point_days")]
    assert figures == ["1.9000", "9.4737", "3.1579"]


async def test_material_leaves_by_being_used_and_comes_back_unused(warehouse: Warehouse) -> None:
    await warehouse.item("oil", kind="material")
    await move(warehouse, "oil", at(20), ("receipt", 100), ("material_issue", -30), ("material_return", 10))
    [cover] = await _cover(warehouse)
    assert (cover["weeks"][0]["outgoing"], str(cover["days_of_cover"])) == (20, "4.0000")


async def test_what_does_not_leave_lasts_nobody_knows_how_long(warehouse: Warehouse) -> None:
    await warehouse.item("rose", 10)
    await warehouse.item("lily")
    covers = {cover["item_id"]: cover for cover in await _cover(warehouse)}
    assert [(covers[id]["days_of_cover"], str(covers[id]["outgoing_per_day"])) for id in ("rose", "lily")] == [
        (None, "0.0000"),
        (None, "None"),
    ]


async def test_covers_are_of_active_items_page_by_page(warehouse: Warehouse) -> None:
    for item_id in ("a", "b", "c"):
        await warehouse.item(item_id, 1, active=item_id != "b")
    assert [cover["item_id"] for cover in await _cover(warehouse, limit=1)] == ["a"]
    assert [cover["item_id"] for cover in await _cover(warehouse, after="a")] == ["c"]
    assert [cover["item_id"] for cover in await _cover(warehouse, item_id="c")] == ["c"]


async def test_trends_and_covers_read_days_and_no_ledger(warehouse: Warehouse) -> None:
    await warehouse.item("rose")
    for day in range(6, 21):
        await move(warehouse, "rose", at(day), *[("receipt", 1)] * 20)
    await sum_up(warehouse.database)
    now = datetime.now(UTC)
    async with warehouse.database.reading() as connection:
        trends = await rows_read(connection, lambda: read_trends(connection, between(8, 12), "rose", now))
        cover = await rows_read(connection, lambda: read_cover(connection, "", None, 50, now))
    assert (0 < trends <= 15, 0 < cover <= 25) == (True, True)
