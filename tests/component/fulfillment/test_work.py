"""The floor's work: picking lists of many orders, what waits at each stage, lots from target to shipment, carriers."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from services.fulfillment import views
from services.fulfillment.operations import MakeWave, make_waves
from shared.runtime.clock import new_id
from tests.component.fulfillment.conftest import Warehouse
from tests.plans import rows_read

Open = Callable[[], Awaitable[Warehouse]]
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LOTS = [
    {"lot_id": "l-1", "lot_code": "R-01", "expires_on": "2027-01-31", "quantity": 3},
    {"lot_id": "l-2", "lot_code": "R-02", "expires_on": None, "quantity": 2},
]


def roses(quantity: int = 5, **more: Any) -> dict[str, Any]:
    return {"product_id": "ROSE-50", "quantity": quantity, **more}


async def _orders(warehouse: Warehouse, *places: tuple[int, int]) -> list[str]:
    """Orders of (priority, minutes of age), by id."""
    made = [
        await warehouse.has(roses(), priority=priority, accepted_at=NOW - timedelta(minutes=age))
        for priority, age in places
    ]
    return [str(fulfillment["order_id"]) for fulfillment in made]


async def test_a_wave_lists_the_highest_priority_then_the_oldest(warehouse: Warehouse) -> None:
    young, old, _, urgent = await _orders(warehouse, (0, 1), (0, 2), (0, 0), (9, 0))
    response = await warehouse.post("waves", {"limit": 3})
    assert response.status_code == 201
    wave = response.json()
    assert [(line["order_id"], line["quantity"]) for line in wave["lines"]] == [(urgent, 5), (old, 5), (young, 5)]
    assert (wave["orders"], wave["made_by"]) == (3, "ann")
    assert await warehouse.get(f"waves/{wave['wave_id']}") == wave


async def test_an_order_is_on_one_list_until_it_is_picked(warehouse: Warehouse) -> None:
    first, second = await _orders(warehouse, (1, 0), (0, 0))
    wave = (await warehouse.post("waves", {"limit": 1})).json()
    other = (await warehouse.post("waves")).json()
    assert [[line["order_id"] for line in one["lines"]] for one in (wave, other)] == [[first], [second]]
    assert (await warehouse.post("waves")).json()["lines"] == []
    await warehouse.do("pick", await warehouse.of_order(first))
    assert (await warehouse.get(f"waves/{wave['wave_id']}"))["lines"] == []
    assert await warehouse.count("SELECT count(*) FROM fulfillments WHERE wave_id IS NOT NULL") == 1


async def test_a_list_that_nobody_picks_gives_its_orders_back(warehouse: Warehouse) -> None:
    (order,) = await _orders(warehouse, (0, 0))
    wave = (await warehouse.post("waves")).json()
    async with warehouse.database.transaction() as tx:
        await tx.execute("UPDATE fulfillments SET waved_at = waved_at - interval '4 hours'")
    again = (await warehouse.post("waves")).json()
    assert [line["order_id"] for line in again["lines"]] == [order]
    assert (await warehouse.get(f"waves/{wave['wave_id']}"))["lines"] == []


async def test_pickers_who_ask_at_once_share_no_order(open_warehouse: Open) -> None:
    instances = [await open_warehouse() for _ in range(3)]
    orders = await _orders(instances[0], *((0, age) for age in range(30)))
    asked = [instance.post("waves", {"limit": 4}) for instance in instances for _ in range(4)]
    listed = [line["order_id"] for answer in await asyncio.gather(*asked) for line in answer.json()["lines"]]
    while rest := (await instances[0].post("waves")).json()["lines"]:
        listed += [line["order_id"] for line in rest]
    assert sorted(listed) == sorted(orders)


async def test_a_wave_that_is_made_again_is_the_same_wave(warehouse: Warehouse) -> None:
    await _orders(warehouse, (0, 1), (0, 0))
    wave = MakeWave(new_id(), 1, "ann", 3600.0)
    for _ in range(2):
        async with warehouse.database.transaction() as tx:
            [made] = await make_waves(tx, [wave])
            assert len(made.fulfillments) == made.orders == 1
    assert await warehouse.count("SELECT count(*) FROM fulfillments WHERE wave_id IS NOT NULL") == 1
    key = {"Idempotency-Key": "w-1"}
    first, again = [await warehouse.post("waves", {"limit": 1}, **key) for _ in range(2)]
    assert first.json() == again.json()
    assert await warehouse.count("SELECT count(*) FROM waves") == 2


async def test_a_wave_that_cannot_be_is_refused(warehouse: Warehouse) -> None:
    for body in ({"limit": 0}, {"limit": 501}, {"orders": 1}):
        assert (await warehouse.post("waves", body)).status_code == 422
    assert (await warehouse.reader.get(f"/api/fulfillment/waves/{new_id()}")).status_code == 404
    assert (await warehouse.reader.post("/api/fulfillment/waves")).status_code == 403
    assert await warehouse.count("SELECT count(*) FROM waves") == 0


async def _stage(warehouse: Warehouse, stage: str) -> list[str]:
    """What waits there, read page by page."""
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = await warehouse.get(f"stages/{stage}?limit=1" + (f"&cursor={cursor}" if cursor else ""))
        found += [row["order_id"] for row in answer["items"]]
        cursor = answer["next_cursor"]
    return found


async def _counts(warehouse: Warehouse) -> dict[str, tuple[int, int]]:
    stages = (await warehouse.get("stages"))["stages"]
    return {stage["stage"]: (stage["orders"], stage["units"]) for stage in stages}


async def test_each_stage_shows_what_waits_there_by_priority_then_age(warehouse: Warehouse) -> None:
    young, old, urgent = await _orders(warehouse, (0, 1), (0, 2), (9, 0))
    assert await _stage(warehouse, "pick") == [urgent, old, young]
    await warehouse.do("pick", await warehouse.of_order(old), {"lines": [roses(2)]})
    await warehouse.do("pick", await warehouse.of_order(urgent))
    assert (await _stage(warehouse, "pick"), await _stage(warehouse, "pack")) == ([old, young], [urgent, old])
    assert await _counts(warehouse) == {"pick": (2, 8), "pack": (2, 7), "ship": (0, 0), "late": (0, 0)}
    await warehouse.do("pack", await warehouse.of_order(urgent))
    assert await _counts(warehouse) == {"pick": (2, 8), "pack": (1, 2), "ship": (1, 5), "late": (0, 0)}
    await warehouse.do("ship", await warehouse.of_order(urgent), {"carrier": "DHL", "tracking_number": "T-1"})
    assert await _stage(warehouse, "ship") == []


async def test_late_is_what_is_open_after_the_day_that_was_asked_for(warehouse: Warehouse) -> None:
    long_ago, far_off = date(2020, 1, 1), date(2999, 1, 1)
    late = await warehouse.has(roses(), requested_delivery=long_ago)
    gone = await warehouse.has(roses(), requested_delivery=long_ago)
    await warehouse.has(roses(), requested_delivery=far_off)
    await warehouse.has(roses())
    await warehouse.do("pick", gone)
    await warehouse.do("ship", gone, {"carrier": "DHL", "tracking_number": "T-1"})
    assert await _stage(warehouse, "late") == [late["order_id"]]
    assert (await _counts(warehouse))["late"] == (1, 5)


async def test_work_that_is_not_there_is_refused(warehouse: Warehouse) -> None:
    for path, status in (("stages/dig", 404), ("stages/pick?cursor=x", 400), ("stages/pick?limit=0", 422)):
        assert (await warehouse.reader.get(f"/api/fulfillment/{path}")).status_code == status


async def test_lots_go_from_the_target_over_pick_and_scan_to_the_shipment(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has(roses(lots=LOTS))
    path = f"fulfillments/{fulfillment['fulfillment_id']}"
    listed = (await warehouse.get(f"{path}/picking-list"))["lines"]
    assert [(line["lot_id"], line["lot_code"], line["expires_on"], line["quantity"]) for line in listed] == [
        ("l-1", "R-01", "2027-01-31", 3),
        ("l-2", "R-02", None, 2),
    ]
    wrong = await warehouse.do("pick", fulfillment, {"lines": [roses(1, lot_id="R-09")]})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/lines/0/lot_id")
    await warehouse.do("pick", fulfillment, {"lines": [roses(1, lot_id="R-02")]})
    await warehouse.do("pick", fulfillment)
    await warehouse.do("ship", fulfillment, {"carrier": "ups", "tracking_number": "1Z999AA10123456784"})
    shipped = (await warehouse.told(fulfillment["order_id"]))[-1][2]["shipped"]
    assert shipped == [{"product_id": "ROSE-50", "quantity": 5, "lots": LOTS}]
    [shipment] = (await warehouse.of_order(fulfillment["order_id"]))["shipments"]
    assert shipment["lines"] == shipped
    assert shipment["tracking_url"] == "https://www.ups.com/track?tracknum=1Z999AA10123456784"
    picks = "SELECT array_agg(lot_id || ':' || quantity ORDER BY picked_at, number) FROM picks"
    assert await warehouse.count(picks) == ["l-2:1", "l-1:3", "l-2:1"]


async def test_a_short_pick_tells_its_lot(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has(roses(lots=LOTS))
    line = roses(0, lot_id="R-01", short_quantity=3, short_reason="missing")
    assert (await warehouse.do("pick", fulfillment, {"lines": [line]})).status_code == 200
    [short] = (await warehouse.told(fulfillment["order_id"]))[-1][2]["shorts"]
    assert short == {"product_id": "ROSE-50", "lot_id": "l-1", "quantity": 3, "reason": "missing"}
    listed = (await warehouse.get(f"fulfillments/{fulfillment['fulfillment_id']}/picking-list"))["lines"]
    assert [(line["lot_id"], line["quantity"]) for line in listed] == [("l-2", 2)]


async def test_carriers_tell_their_lead_times_numbers_and_links(warehouse: Warehouse) -> None:
    carriers = (await warehouse.get("carriers"))["items"]
    assert [carrier["carrier_id"] for carrier in carriers] == ["dhl", "dpd", "fedex", "gls", "ups"]
    for carrier in carriers:
        assert 1 <= carrier["lead_days_min"] <= carrier["lead_days_max"]
        assert "{number}" in carrier["tracking_link"] and carrier["tracking_numbers"]


FILL = """
INSERT INTO fulfillments (order_id, fulfillment_id, status, priority, requested_delivery, accepted_at, to_pick, to_pack,
                          to_ship)
SELECT 'o-' || number, uuidv7(), CASE WHEN number % 50 = 0 THEN 'created' ELSE 'delivered' END, number % 10,
       CASE WHEN number % 5000 = 0 THEN date '2020-01-01' END, $1::timestamptz + number * interval '1 second',
       (number % 50 = 0)::int, (number % 50 = 0)::int, (number % 50 = 0)::int
FROM generate_series(0, $2::int - 1) AS number
"""
READ_MAX = 250
LATE_READ_MAX = 2_500
"""Of 100,000 orders: the page; late ones are looked for among the 2,000 that are open."""


async def test_waves_and_stages_read_little_more_than_they_show_of_many_orders(warehouse: Warehouse) -> None:
    async with warehouse.database.transaction() as tx:
        await tx.execute(FILL, NOW - timedelta(days=9), 100_000)
    async with warehouse.database.reading() as connection:
        await connection.execute("ANALYZE fulfillments")
        read = {
            (stage, after): await rows_read(connection, partial(views.work_page, connection, stage, after, 51))
            for _ in range(8)  # after five Postgres would think of a plan for any values
            for after in (None, (-5, NOW, "o-1"))
            for stage in ("pick", "pack", "ship")
        }
        lists = {"status": ("created", None, None), "order": (None, "o-7", None), "late": (None, None, True)}
        for _ in range(8):
            for name, (status, order_id, late) in lists.items():
                asked = partial(
                    views.fulfillments_page,
                    connection,
                    status=status,
                    order_id=order_id,
                    late=late,
                    before=None,
                    limit=9,
                )
                read[name, None] = await rows_read(connection, asked)
        most = {place: LATE_READ_MAX if place[0] == "late" else READ_MAX for place in read}
        assert {place: rows for place, rows in read.items() if rows > most[place]} == {}
    for _ in range(8):
        async with warehouse.database.transaction() as tx:
            wave = MakeWave(new_id(), 20, "ann", 3600.0)
            assert await rows_read(tx.connection, partial(make_waves, tx, [wave])) <= READ_MAX
