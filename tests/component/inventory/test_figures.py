"""Figures of stock: counted by hand, kept as sums by item and day, the same as going through the whole ledger."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.inventory.app import build
from services.inventory.settings import InventorySettings
from services.inventory.store.figures import add_ledger
from services.inventory.views.figures import read_figures
from shared.runtime.auth import make_token
from shared.runtime.database import Database
from shared.runtime.jobs import Job, tick_once
from shared.runtime.kpis import Window
from shared.runtime.service import http_app
from tests.component.inventory.figuring import DAY, TODAY, at, between, move, sum_up
from tests.component.inventory.warehouse import Warehouse, new
from tests.plans import rows_read

SECRET = "s" * 32
DAYS = "SELECT item_id, day, sold, used, received, closing_current, closing_available, was_out FROM item_days"
LEDGER = """
SELECT item_id, version, type, quantity, new_current, new_current - new_reserved - new_held AS available,
    previous_current - previous_reserved - previous_held AS before, at
FROM ledger
"""
Figures = dict[str, tuple[Any, Any, Any]]


async def figures(warehouse: Warehouse, window: Window, now: datetime | None = None) -> Figures:
    await sum_up(warehouse.database)
    async with warehouse.database.reading() as connection:
        found = await read_figures(connection, window, now or datetime.now(UTC))
    return {figure.name: (figure.value, figure.numerator, figure.denominator) for figure in found.figures}


async def figure(warehouse: Warehouse, name: str, window: Window, now: datetime | None = None) -> tuple[str, Any, str]:
    value, numerator, denominator = (await figures(warehouse, window, now))[name]
    return str(value), numerator, str(denominator)


async def test_a_warehouse_without_records_has_no_figure(warehouse: Warehouse) -> None:
    await warehouse.item("rose")
    found = await figures(warehouse, between(0, 5))
    assert list(found) == ["stock_turnover", "stock_accuracy", "reorder_efficiency", "stockout_frequency"]
    assert [(value, numerator, int(denominator)) for value, numerator, denominator in found.values()] == [
        (None, 0, 0)
    ] * 4


async def test_turnover_is_units_sold_by_the_mean_of_the_closing_levels(warehouse: Warehouse) -> None:
    await warehouse.item("rose")
    await warehouse.item("oil", kind="material")
    await move(warehouse, "rose", at(0), ("receipt", 10))
    await move(warehouse, "oil", at(0), ("receipt", 1_000), ("material_issue", -400))
    await move(warehouse, "rose", at(2), ("reserve", 4), ("sale", -1), ("sale", -3))
    # 10, 10, 6, 6 on the shelf, 4 of them sold
    assert await figure(warehouse, "stock_turnover", between(0, 3)) == ("0.5000", 4, "8.0000")
    # what stood there when the window began goes on standing
    assert await figure(warehouse, "stock_turnover", between(1, 1)) == ("0.0000", 0, "10.0000")
    assert await figure(warehouse, "stock_turnover", between(3, 3)) == ("0.0000", 0, "6.0000")
    # days before the first record had no stock to turn over
    assert await figure(warehouse, "stock_turnover", between(-9, 3)) == ("0.5000", 4, "8.0000")


async def test_days_to_come_have_no_stock_yet(warehouse: Warehouse) -> None:
    await warehouse.item("rose")
    await move(warehouse, "rose", at(0), ("receipt", 10), ("sale", -5))
    at_noon = at(1)
    assert await figure(warehouse, "stock_turnover", between(0, 9), at_noon) == ("1.0000", 5, "5.0000")
    assert await figure(warehouse, "stockout_frequency", between(0, 9), at_noon) == ("0.0000", 0, "2")
    assert await figure(warehouse, "stockout_frequency", between(5, 9), at_noon) == ("None", 0, "0")


async def test_a_day_is_out_of_stock_when_nothing_was_available_at_some_moment(warehouse: Warehouse) -> None:
    await warehouse.item("rose")
    await warehouse.item("lily")
    await move(warehouse, "lily", at(0), ("receipt", 5))
    await move(warehouse, "rose", at(0), ("receipt", 5))
    await move(warehouse, "rose", at(1, 9), ("reserve", 5))
    await move(warehouse, "rose", at(1, 17), ("release", -5))
    await move(warehouse, "rose", at(3), ("hold", 5))
    await move(warehouse, "rose", at(6, 15), ("receipt", 1))
    out = [(await figures(warehouse, between(day, day)))["stockout_frequency"][1] for day in range(9)]
    # on the 1st for some hours, from the 3rd until the 6th in the afternoon
    assert out == [0, 1, 0, 1, 1, 1, 1, 0, 0]
    assert await figure(warehouse, "stockout_frequency", between(0, 8)) == ("0.2778", 5, "18")


async def test_a_product_that_was_never_stocked_or_is_not_sold_any_more_is_not_out(warehouse: Warehouse) -> None:
    await warehouse.item("never")
    await warehouse.item("gone")
    await warehouse.item("oil", kind="material")
    for item_id in ("gone", "oil"):
        await move(warehouse, item_id, at(0), ("receipt", 5), ("adjust", -5))
    await warehouse.database.pool.execute("UPDATE items SET active = false WHERE id = 'gone'")
    assert await figure(warehouse, "stockout_frequency", between(0, 3)) == ("None", 0, "0")


async def test_the_first_receipt_of_a_product_ends_no_stockout(warehouse: Warehouse) -> None:
    await warehouse.item("rose")
    await move(warehouse, "rose", at(1), ("receipt", 5))
    assert await figure(warehouse, "stockout_frequency", between(0, 2)) == ("0.0000", 0, "2")
    await move(warehouse, "rose", at(2), ("sale", -5))
    await figures(warehouse, between(0, 2))
    await move(warehouse, "rose", at(4), ("receipt", 5))
    assert await figure(warehouse, "stockout_frequency", between(0, 5)) == ("0.6000", 3, "5")


async def test_accuracy_is_what_books_and_shelf_agree_on(warehouse: Warehouse) -> None:
    today = Window(TODAY, TODAY + timedelta(days=2))
    for item_id, books, shelf in (("rose", 10, 8), ("lily", 6, 6), ("iris", 0, 4), ("none", 0, 0)):
        await warehouse.item(item_id, books)
        await warehouse.count(item_id, shelf)
    # 8 of 10, 6 of 6, 0 of 4
    assert await figure(warehouse, "stock_accuracy", today) == ("0.7000", 14, "20")
    assert await figure(warehouse, "stock_accuracy", between(0, 18)) == ("None", 0, "0")


async def _stocked(warehouse: Warehouse, item_id: str) -> None:
    """An item above its levels, without the alerts of the moment at which it was new."""
    await warehouse.item(item_id, 20, minimum=2, reorder_point=10)
    await warehouse.database.pool.execute("DELETE FROM alerts WHERE item_id = $1", item_id)


async def _backdate(warehouse: Warehouse, item_id: str, raised: datetime, resolved: datetime) -> None:
    """An alert that ended is moved into the past, and what came in with it."""
    await warehouse.database.pool.execute(
        "UPDATE alerts SET raised_at = $2, resolved_at = $3 WHERE item_id = $1 AND status = 'resolved'",
        item_id,
        raised,
        resolved,
    )
    await warehouse.database.pool.execute("UPDATE lots SET made_at = $2 WHERE item_id = $1", item_id, resolved)


async def test_reordering_takes_from_the_alert_until_units_came_and_it_was_over(warehouse: Warehouse) -> None:
    for item_id in ("rose", "lily", "iris"):
        await _stocked(warehouse, item_id)
        await warehouse.adjust(item_id, -19)
    await warehouse.receive("rose", 30)
    await warehouse.receive("lily", 30)
    await _backdate(warehouse, "rose", at(0), at(2))
    await _backdate(warehouse, "lily", at(0), at(0, 12, 30))
    assert await figure(warehouse, "reorder_efficiency", between(0, 5)) == ("87300.0000", 174_600, "2")
    assert await figure(warehouse, "reorder_efficiency", between(2, 2)) == ("172800.0000", 172_800, "1")
    assert await figure(warehouse, "reorder_efficiency", between(1, 1)) == ("None", 0, "0")


async def test_an_alert_that_no_delivery_ended_says_nothing_of_reordering(warehouse: Warehouse) -> None:
    await _stocked(warehouse, "rose")
    order_id = new()
    await warehouse.hear(warehouse.created(order_id, ("rose", 15)))
    await warehouse.hear(warehouse.cancel(order_id, ("rose", 15, 0, 15)))
    async with warehouse.database.reading() as connection:
        ended = await connection.fetchval("SELECT count(*) FROM alerts WHERE status = 'resolved'")
    assert ended == 1
    today = Window(TODAY, TODAY + timedelta(days=2))
    assert await figure(warehouse, "reorder_efficiency", today) == ("None", 0, "0")


async def _kept(warehouse: Warehouse) -> dict[tuple[str, date], tuple[Any, ...]]:
    rows = await warehouse.database.pool.fetch(DAYS)
    return {(row["item_id"], row["day"]): tuple(row.values())[2:] for row in rows}


async def _counted(warehouse: Warehouse) -> dict[tuple[str, date], tuple[Any, ...]]:
    """Every item and day from every row of the ledger."""
    days: defaultdict[tuple[str, date], list[Any]] = defaultdict(list)
    known: set[str] = set()
    found = {}
    for row in sorted(await warehouse.database.pool.fetch(LEDGER), key=lambda row: (row["item_id"], row["version"])):
        days[row["item_id"], row["at"].date()].append(row)
    for (item_id, day), rows in sorted(days.items(), key=lambda pair: (pair[0][0], pair[1][0]["version"])):
        moved: defaultdict[str, int] = defaultdict(int)
        for row in rows:
            moved[row["type"]] += row["quantity"]
        out = any(row["available"] == 0 for row in rows) or (item_id in known and rows[0]["before"] == 0)
        known.add(item_id)
        found[item_id, day] = (
            -moved["sale"],
            -moved["material_issue"] - moved["material_return"],
            moved["receipt"] + moved["batch_output"],
            rows[-1]["new_current"],
            rows[-1]["available"],
            out,
        )
    return found


async def _move_at_random(warehouse: Warehouse, chance: random.Random, item_id: str, when: datetime) -> None:
    current, reserved, held, _ = await warehouse.levels(item_id)
    free = current - reserved - held
    options = [("receipt", chance.randint(1, 9)), ("batch_output", chance.randint(1, 9))]
    if free:
        taken = chance.randint(1, free)
        options += [
            ("reserve", taken),
            ("hold", taken),
            ("sale", -taken),
            ("material_issue", -taken),
            ("reserve", free),
        ]
    if reserved:
        options.append(("release", -chance.randint(1, reserved)))
    if held:
        options.append(("unhold", -held))
    options.append(("material_return", 1))
    await move(warehouse, item_id, when, chance.choice(options))


@pytest.mark.parametrize("seed", range(2))
async def test_sums_added_piece_by_piece_are_what_the_whole_ledger_tells(warehouse: Warehouse, seed: int) -> None:
    chance = random.Random(seed)
    items = ("rose", "lily", "oil")
    for item_id in items:
        await warehouse.item(item_id)
    hours = dict.fromkeys(items, 0)
    for _ in range(60):
        item_id = chance.choice(items)
        hours[item_id] += chance.choice((0, 1, 9, 40))
        await _move_at_random(warehouse, chance, item_id, at(0, 0) + timedelta(hours=hours[item_id]))
        if chance.random() < 0.4:
            async with warehouse.database.transaction() as tx:
                await add_ledger(tx, 2, 2)
    await sum_up(warehouse.database)
    assert await _kept(warehouse) == await _counted(warehouse)


async def test_more_rows_than_a_transaction_adds_are_added_in_several(warehouse: Warehouse) -> None:
    await warehouse.item("rose")
    await warehouse.item("lily")
    for day in range(7):
        await move(warehouse, "rose", at(day), ("receipt", 1))
    await move(warehouse, "lily", at(0), ("receipt", 1))
    done = []
    for _ in range(6):
        async with warehouse.database.transaction() as tx:
            done.append(await add_ledger(tx, 1, 3))
    # the item that waited longest is next, so that a busy one never keeps the others
    assert done == [(1, False), (1, True), (1, True), (1, False), (0, False), (0, False)]
    assert await _kept(warehouse) == await _counted(warehouse)


async def test_two_instances_that_tick_at_once_add_nothing_twice(warehouse: Warehouse) -> None:
    settings = InventorySettings(postgres_dsn=warehouse.dsn, kafka="unused:1", jwt_secret=SECRET)
    [job] = [job for job in build(settings).jobs if job.name == "keep_sums"]
    assert isinstance(job, Job)
    other = Database("inventory", warehouse.dsn)
    await other.open()
    await warehouse.item("rose")
    try:
        for day in range(5):
            await move(warehouse, "rose", at(day), ("receipt", 5), ("sale", -3))
            await asyncio.gather(*(tick_once(database, job) for database in (warehouse.database, other) * 2))
    finally:
        await other.close()
    await sum_up(warehouse.database)
    assert await _kept(warehouse) == await _counted(warehouse)


async def test_what_the_service_does_is_summed_up(warehouse: Warehouse) -> None:
    await warehouse.item("rose", 10, reorder_point=4)
    await warehouse.item("oil", 100, kind="material")
    order_id, batch_id = new(), new()
    await warehouse.hear(warehouse.created(order_id, ("rose", 7), confirm=True))
    await warehouse.hear(warehouse.shipped(order_id, ("rose", 7)))
    needs = ("oil", 40, None)
    await warehouse.hear(warehouse.batch("batch.planned", batch_id, needs, product="rose"))
    await warehouse.hear(
        warehouse.batch("batch.start_requested", batch_id, needs, product="rose", version=2, status="starting")
    )
    await warehouse.hear(
        warehouse.batch("batch.consumed", batch_id, ("oil", 40, 30), product="rose", version=3, good=6)
    )
    await warehouse.hear(warehouse.batch("batch.completed", batch_id, product="rose", version=4, good=6))
    await sum_up(warehouse.database)
    kept = await _kept(warehouse)
    assert kept == await _counted(warehouse)
    sums = {
        item_id: sum(row[place] for key, row in kept.items() if key[0] == item_id)
        for item_id, place in (("rose", 0), ("oil", 1))
    }
    assert sums == {"rose": 7, "oil": 30}


async def test_figures_tell_up_to_when_the_ledger_is_in_them(warehouse: Warehouse) -> None:
    await warehouse.item("rose")
    await move(warehouse, "rose", at(0), ("receipt", 1))
    now = datetime.now(UTC)
    async with warehouse.database.reading() as connection:
        before = await read_figures(connection, between(0, 1), now)
        await sum_up(warehouse.database)
        after = await read_figures(connection, between(0, 1), now)
    assert (before.as_of, after.as_of) == (at(0), now)


async def test_figures_read_days_of_the_window_and_no_ledger(warehouse: Warehouse) -> None:
    await warehouse.item("rose")
    for day in range(15):
        await move(warehouse, "rose", at(day), *[("receipt", 1)] * 20)
    await sum_up(warehouse.database)
    async with warehouse.database.reading() as connection:
        now = datetime.now(UTC)
        read = await rows_read(connection, lambda: read_figures(connection, between(5, 9), now))
    assert 0 < read <= 20


@pytest.fixture
async def client(warehouse: Warehouse) -> AsyncIterator[httpx.AsyncClient]:
    """A client that may read."""
    service = build(InventorySettings(postgres_dsn=warehouse.dsn, kafka="unused:1", jwt_secret=SECRET))
    await service.database.open()
    transport = httpx.ASGITransport(app=http_app(service))
    headers = {"Authorization": f"Bearer {make_token(SECRET, 'ann', ('inventory:read',))}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://i/api/inventory", headers=headers) as opened:
        yield opened
    await service.database.close()


async def test_figures_are_told_in_the_words_of_the_contract(client: httpx.AsyncClient, warehouse: Warehouse) -> None:
    await warehouse.item("rose")
    await move(warehouse, "rose", at(0), ("receipt", 3), ("sale", -1))
    await sum_up(warehouse.database)
    answer = await client.get("/kpis", params={"from": DAY.isoformat(), "to": (DAY + timedelta(days=1)).isoformat()})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert sorted(body) == ["as_of", "figures", "from", "to"]
    assert body["figures"][0] == {
        "name": "stock_turnover",
        "value": "0.5000",
        "unit": "times",
        "numerator": 1,
        "denominator": "2.0000",
    }
