"""Figures of orders: counted by hand, kept as sums by day, the same as counting every row anew."""

import asyncio
import random
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.order.domain.order import STATUSES, Policy
from services.order.jobs.timers import jobs
from services.order.operations.figuring import keep_sums
from services.order.views.figures import read_figures
from shared.runtime.database import Database
from shared.runtime.jobs import Job, tick_once
from shared.runtime.kpis import Window
from tests.component.order.conftest import Shop, fulfillment_line, held, new_order
from tests.component.order.figuring import DAY, Row, at, counted, kept, until_idle
from tests.plans import rows_read

WINDOW = "from=2026-03-01&to=2026-04-01"
FUTURE = 400
NOTES = "SELECT count(*) FROM orders_touched"


def _job(name: str) -> Job:
    [found] = [job for job in jobs(Policy(), 1.0) if job.name == name]
    assert isinstance(found, Job)
    return found


async def _sum_up(shop: Shop) -> int:
    return await until_idle(lambda: tick_once(shop.database, _job("keep_sums")))


async def _figures(shop: Shop, window: str = WINDOW) -> dict[str, Mapping[str, Any]]:
    await _sum_up(shop)
    body = await shop.get(f"/kpis?{window}")
    return {figure["name"]: figure for figure in body["figures"]}


async def _figure(shop: Shop, name: str, window: str = WINDOW) -> tuple[str | None, int, int]:
    figure = (await _figures(shop, window))[name]
    return figure["value"], figure["numerator"], figure["denominator"]


async def _write(shop: Shop, *rows: Row) -> None:
    for row in rows:
        await row.write(shop.database)


def _left(when: datetime, *, promised: date = DAY, arrived: datetime | None = None, day: int = -3) -> Row:
    """An order of five roses that left whole."""
    return Row("fulfilled", at(day), [("rose", 5, 5, 0)], [promised], [(when, arrived)])


async def test_a_window_without_orders_has_no_figure_instead_of_a_perfect_or_a_bad_one(shop: Shop) -> None:
    figures = await _figures(shop)
    assert list(figures) == ["fulfillment_rate", "reservation_accuracy", "delivery_performance", "order_to_delivery"]
    assert [(figure["value"], figure["numerator"], figure["denominator"]) for figure in figures.values()] == [
        (None, 0, 0)
    ] * 4


async def test_an_order_is_on_time_when_its_last_unit_left_on_the_first_promised_day(shop: Shop) -> None:
    await _write(
        shop,
        _left(at(0, 23, 59)),
        _left(at(1, 0, 0)),
        Row("fulfilled", at(-3), [("rose", 5, 5, 0)], [DAY], [(at(0), None), (at(1), None)]),
        Row("fulfilled", at(-3), [("rose", 5, 5, 0)], [DAY, DAY + timedelta(days=9)], [(at(5), None)]),
        Row("fulfilled", at(-3), [("rose", 5, 3, 2)], [DAY], [(at(-2), None)]),
        Row("processing", at(-3), promises=[DAY]),
        Row("partially_fulfilled", at(-3), [("rose", 5, 3, 0)], [DAY], [(at(-1), None)]),
    )
    assert await _figure(shop, "fulfillment_rate") == ("0.2857", 2, 7)


async def test_who_gave_up_and_who_was_refused_waits_for_no_day(shop: Shop) -> None:
    await _write(
        shop,
        _left(at(0)),
        Row("cancelled", at(-3), [("rose", 5, 0, 5)], [DAY]),
        Row("expired", at(-3), promises=[DAY]),
        Row("rejected", at(-3), refused_for="insufficient_stock"),
        Row("created", at(-3)),
    )
    assert await _figure(shop, "fulfillment_rate") == ("1.0000", 1, 1)


async def test_an_order_is_judged_when_its_day_is_over_or_it_has_left_before(shop: Shop) -> None:
    later = datetime.now(UTC).date() + timedelta(days=FUTURE)
    window = f"from={later}&to={later + timedelta(days=1)}"
    await _write(shop, Row("processing", at(0), promises=[later]))
    assert await _figure(shop, "fulfillment_rate", window) == (None, 0, 0)
    await _write(shop, _left(at(0), promised=later))
    assert await _figure(shop, "fulfillment_rate", window) == ("1.0000", 1, 1)


async def test_an_open_order_counts_as_late_once_its_day_is_over(shop: Shop) -> None:
    promised = datetime.now(UTC).date()
    await _write(shop, Row("processing", at(0), promises=[promised]))
    await _sum_up(shop)
    async with shop.database.reading() as connection:
        window = Window(promised, promised + timedelta(days=1))
        at_noon = datetime(promised.year, promised.month, promised.day, 12, tzinfo=UTC)
        days = [await read_figures(connection, window, at_noon + timedelta(days=n)) for n in (0, 1)]
    assert [found.figures[0].denominator for found in days] == [0, 1]


async def test_reserved_units_are_shipped_released_or_expired(shop: Shop) -> None:
    await _write(
        shop,
        Row("fulfilled", at(0), [("rose", 5, 5, 0), ("lily", 3, 1, 2)]),
        Row("cancelled", at(0), [("rose", 4, 0, 4)]),
        Row("expired", at(0), [("rose", 6, 0, 1)]),
        Row("processing", at(0), [("rose", 10, 0, 3)]),
        Row("rejected", at(0), [("rose", 9, 0, 0)], refused_for="insufficient_stock"),
    )
    figure = (await _figures(shop))["reservation_accuracy"]
    assert figure["parts"] == {"shipped": 6, "released": 10, "expired": 5}
    assert (figure["value"], figure["numerator"], figure["denominator"]) == ("0.2857", 6, 21)


async def test_an_order_that_expired_and_was_confirmed_after_all_is_not_expired_any_more(shop: Shop) -> None:
    order = Row("expired", at(0), promises=[DAY])
    await _write(shop, order)
    assert await _figure(shop, "reservation_accuracy") == ("0.0000", 0, 5)
    order.status, order.lines, order.parcels = "fulfilled", [("rose", 5, 5, 0)], [(at(0), None)]
    await _write(shop, order)
    assert await _figure(shop, "reservation_accuracy") == ("1.0000", 5, 5)
    assert await _figure(shop, "fulfillment_rate") == ("1.0000", 1, 1)


async def test_delivery_is_judged_by_the_last_parcel_and_the_first_promise(shop: Shop) -> None:
    await _write(
        shop,
        _left(at(-1), arrived=at(0, 23, 59)),
        _left(at(-1), arrived=at(1)),
        Row("fulfilled", at(-3), [("rose", 5, 5, 0)], [DAY], [(at(-1), at(0)), (at(-1), at(2))]),
        Row("fulfilled", at(-3), [("rose", 5, 5, 0)], [DAY], [(at(-1), at(0)), (at(-1), None)]),
        Row("partially_fulfilled", at(-3), [("rose", 5, 3, 0)], [DAY], [(at(-1), at(0))]),
        Row("fulfilled", at(-3), [("rose", 5, 5, 0)], (), [(at(-1), at(0))]),
    )
    assert await _figure(shop, "delivery_performance") == ("0.3333", 1, 3)
    days = (3 * 86_400 + 11 * 3600 + 59 * 60) + 4 * 86_400 + 5 * 86_400 + 3 * 86_400
    assert await _figure(shop, "order_to_delivery") == (f"{days / 4:.4f}", days, 4)


async def test_a_parcel_heard_of_late_moves_the_order_to_the_day_it_was_whole(shop: Shop) -> None:
    order = _left(at(-1), arrived=at(0))
    await _write(shop, order)
    assert await _figure(shop, "delivery_performance", f"from={DAY}&to={DAY}T23:00Z") == ("1.0000", 1, 1)
    order.parcels = [*order.parcels, (at(-1), at(4))]
    await _write(shop, order)
    assert await _figure(shop, "delivery_performance", f"from={DAY}&to={DAY}T23:00Z") == (None, 0, 0)
    assert await _figure(shop, "delivery_performance") == ("0.0000", 0, 1)


async def test_a_delivery_told_before_its_order_counts_no_time(shop: Shop) -> None:
    await _write(shop, Row("fulfilled", at(1), [("rose", 5, 5, 0)], [DAY], [(at(0), at(0))]))
    assert await _figure(shop, "order_to_delivery") == ("0.0000", 0, 1)


async def test_each_figure_belongs_to_its_own_day(shop: Shop) -> None:
    await _write(shop, _left(at(-1), arrived=at(2)))
    found = {
        name: [
            day
            for day in range(-4, 5)
            if (await _figure(shop, name, f"from={at(day):%Y-%m-%d}&to={at(day):%FT23Z}"))[2]
        ]
        for name in ("reservation_accuracy", "fulfillment_rate", "delivery_performance", "order_to_delivery")
    }
    assert found == {
        "reservation_accuracy": [-3],
        "fulfillment_rate": [0],
        "delivery_performance": [2],
        "order_to_delivery": [2],
    }


async def test_the_way_of_real_orders_through_the_service_is_counted(shop: Shop) -> None:
    whole, given_up, lapsed = [await shop.placed(auto_confirm=True) for _ in range(3)]
    for order_id in (whole, given_up, lapsed):
        await shop.deliver(shop.stock(order_id, "reserved", "confirmed", 1, held()))
    line = fulfillment_line("rose", shipped=5)
    now = datetime.now(UTC)
    await shop.deliver(shop.shipped(whole, "s-1", ("rose", line)))
    arrival = shop.fulfillment(whole, "delivered", 3, ("rose", line), shipment_id="s-1", delivered_at=now)
    await shop.deliver(arrival)
    await shop.deliver(arrival)
    await shop.deliver(shop.stock(lapsed, "released", "expired", 1, ("rose", {}), reason="expired"))
    until = (now + timedelta(days=3)).date()
    figures = await _figures(shop, f"to={until}")
    assert figures["reservation_accuracy"]["parts"] == {"shipped": 5, "released": 0, "expired": 5}
    assert [figures[name]["denominator"] for name in figures] == [1, 10, 1, 1]
    assert (figures["fulfillment_rate"]["value"], figures["delivery_performance"]["value"]) == ("1.0000", "1.0000")
    assert await kept(shop.database) == await counted(shop.database)


async def test_a_refusal_for_lack_of_stock_is_demand_and_an_unusable_order_is_none(shop: Shop) -> None:
    await _write(
        shop,
        Row("rejected", at(0), [("rose", 5, 0, 0)], refused_for="insufficient_stock"),
        Row("rejected", at(0), [("rose", 7, 0, 0)], refused_for="invalid"),
        Row("created", at(0), [("rose", 2, 0, 1), ("lily", 4, 0, 0)]),
    )
    await _sum_up(shop)
    assert (await kept(shop.database))[1] == {("rose", DAY): (7, 2), ("lily", DAY): (4, 1)}


def _random_row(chance: random.Random, order_id: Any = None) -> Row:
    status = chance.choice(STATUSES)
    lines = []
    for product in chance.sample(("rose", "lily", "iris"), chance.randint(1, 3)):
        quantity = chance.randint(1, 9)
        lines.append((product, quantity, chance.randint(0, quantity), chance.randint(0, quantity)))
    promises = [DAY + timedelta(days=chance.randint(-3, 3)) for _ in range(chance.randint(0, 2))]
    parcels = [
        (
            chance.choice([None, at(chance.randint(-3, 3), chance.randint(0, 23))]),
            chance.choice([None, at(chance.randint(-3, 3), chance.randint(0, 23))]),
        )
        for _ in range(chance.randint(0, 3))
    ]
    refused_for = chance.choice(("insufficient_stock", "invalid")) if status == "rejected" else None
    row = Row(status, at(chance.randint(-4, 4), chance.randint(0, 23)), lines, promises, parcels, refused_for)
    if order_id is not None:
        row.order_id = order_id
    return row


def _changed_at_random(chance: random.Random, row: Row) -> None:
    """What a late event may change: status, quantities that ended, parcels; never what was ordered or when."""
    other = _random_row(chance)
    row.status, row.refused_for = other.status, other.refused_for
    row.lines = [
        (product, quantity, chance.randint(0, quantity), chance.randint(0, quantity))
        for product, quantity, _, _ in row.lines
    ]
    row.parcels = [*other.parcels, *row.parcels[len(other.parcels) :]]


@pytest.mark.parametrize("seed", range(3))
async def test_sums_kept_through_random_late_changes_are_what_a_full_count_finds(shop: Shop, seed: int) -> None:
    chance = random.Random(seed)
    rows = [_random_row(chance) for _ in range(40)]
    await _write(shop, *rows)
    for _ in range(6):
        await tick_once(shop.database, _job("keep_sums"))
        changed = chance.sample(rows, 15)
        for row in changed:
            _changed_at_random(chance, row)
        await _write(shop, *changed)
        await _sum_up(shop)
        assert await kept(shop.database) == await counted(shop.database)


async def test_two_instances_that_tick_at_once_count_nothing_twice(shop: Shop) -> None:
    chance = random.Random(7)
    other = Database("order", shop.database.dsn)
    await other.open()
    try:
        for _ in range(5):
            await _write(shop, *(_random_row(chance) for _ in range(10)))
            ticks = [tick_once(database, _job("keep_sums")) for database in (shop.database, other) * 2]
            assert sum(await asyncio.gather(*ticks)) > 0
    finally:
        await other.close()
    await _sum_up(shop)
    assert await kept(shop.database) == await counted(shop.database)


async def test_a_change_that_is_not_committed_while_sums_are_kept_is_counted_after(shop: Shop) -> None:
    row = _left(at(0))
    await _write(shop, row)
    async with shop.database.transaction() as tx:
        await tx.execute("UPDATE order_lines SET shipped = 2 WHERE order_id = $1", row.order_id)
        await tx.execute("INSERT INTO orders_touched (order_ids) VALUES (ARRAY[$1::uuid])", row.order_id)
        assert await tick_once(shop.database, _job("keep_sums")) == 1
    assert await _figure(shop, "reservation_accuracy") == ("1.0000", 2, 2)


async def test_a_fold_that_fails_leaves_its_notes(shop: Shop) -> None:
    await _write(shop, _left(at(0)))
    with pytest.raises(RuntimeError):
        async with shop.database.transaction() as tx:
            assert await keep_sums(tx) == 1
            raise RuntimeError("the connection is lost")
    assert await shop.count(NOTES) == 1
    assert await _figure(shop, "fulfillment_rate") == ("1.0000", 1, 1)


async def test_figures_tell_how_old_they_are(shop: Shop) -> None:
    before = await shop.get(f"/kpis?{WINDOW}")
    await _write(shop, _left(at(0)))
    waiting = [await shop.get(f"/kpis?{WINDOW}") for _ in range(2)]
    assert waiting[0]["as_of"] == waiting[1]["as_of"] > before["as_of"]
    await _sum_up(shop)
    assert (await shop.get(f"/kpis?{WINDOW}"))["as_of"] > waiting[0]["as_of"]


async def test_a_window_is_widened_to_whole_days_and_told(shop: Shop) -> None:
    body = await shop.get("/kpis?from=2026-03-10T23:30:00-01:00&to=2026-03-12T00:00:01Z")
    assert (body["from"], body["to"]) == ("2026-03-11T00:00:00.000Z", "2026-03-13T00:00:00.000Z")
    whole = await shop.get("/kpis?from=2026-03-10&to=2026-03-11")
    assert (whole["from"], whole["to"]) == ("2026-03-10T00:00:00.000Z", "2026-03-11T00:00:00.000Z")
    usual = await shop.get("/kpis")
    days = datetime.fromisoformat(usual["to"]) - datetime.fromisoformat(usual["from"])
    assert days == timedelta(days=30)


@pytest.mark.parametrize(
    "query",
    ["from=yesterday", "from=2026-03-10T12:00:00", "from=2026-03-10&to=2026-03-10", "from=2001-01-01&to=2026-01-01"],
)
async def test_a_window_that_is_none_is_refused(shop: Shop, query: str) -> None:
    response = await shop.client.get(f"/api/orders/kpis?{query}")
    assert response.status_code == 422, response.text
    assert response.json()["errors"][0]["pointer"] == "/from"


async def test_figures_are_not_for_one_customer(shop: Shop) -> None:
    response = await shop.customer.get("/api/orders/kpis")
    assert response.status_code == 403
    assert (await shop.post(new_order())).status_code == 202


async def test_figures_read_days_and_no_orders(shop: Shop) -> None:
    await _write(shop, *(_left(at(0), arrived=at(1), day=-n % 5) for n in range(60)))
    await _sum_up(shop)
    async with shop.database.reading() as connection:
        window = Window(DAY - timedelta(days=30), DAY + timedelta(days=30))
        read = await rows_read(connection, lambda: read_figures(connection, window, at(40)))
    assert 0 < read <= 10
