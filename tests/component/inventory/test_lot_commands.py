"""Lots that are held, released, recalled, expire, are counted, and are promised to orders by name."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.inventory.operations.lot_commands import (
    LotAsked,
    command_lot,
    expire_lots,
    promise_other_lots,
    spread_recalls,
)
from shared.runtime.auth import make_token
from shared.runtime.clock import new_id
from tests.component.inventory.test_api import SECRET
from tests.component.inventory.test_api import client as client
from tests.component.inventory.warehouse import Warehouse, new

WHY = {"reason": "splinters"}


def day(days: int) -> date:
    """So many days from today, by the clock that Postgres has too."""
    return datetime.now(UTC).date() + timedelta(days=days)


async def _lots(warehouse: Warehouse, item_id: str = "P") -> dict[str, dict[str, Any]]:
    sql = "SELECT * FROM lots WHERE item_id = $1 ORDER BY made_at, lot_id"
    async with warehouse.database.reading() as connection:
        return {row["lot_code"]: dict(row) for row in await connection.fetch(sql, item_id)}


async def _id(warehouse: Warehouse, code: str, item_id: str = "P") -> UUID:
    found: UUID = (await _lots(warehouse, item_id))[code]["lot_id"]
    return found


async def _stocked(warehouse: Warehouse, **lots: tuple[int, int]) -> None:
    """P with lots of so many units that expire in so many days."""
    await warehouse.item("P")
    for code, (units, days) in lots.items():
        await warehouse.receive("P", units, lot=code, expires_on=day(days))


def _by_code(payload: dict[str, Any], place: int = 0) -> dict[str, int]:
    return {lot["lot_code"]: lot["quantity"] for lot in payload["lines"][place]["lots"]}


# hold and release


async def test_a_held_lot_is_sold_to_nobody_until_it_is_released(
    client: httpx.AsyncClient, warehouse: Warehouse
) -> None:
    await _stocked(warehouse, A=(5, 90), B=(4, 180))
    keen, meek = new(), new()
    await warehouse.hear(warehouse.created(keen, ("P", 3), priority=9, confirm=True))
    await warehouse.hear(warehouse.created(meek, ("P", 4), on_shortage="backorder", confirm=True))
    path = f"/lots/{await _id(warehouse, 'A')}"
    await warehouse.told()
    held = await client.post(f"{path}/hold", json=WHY)
    assert (held.status_code, held.json()["status"], held.json()["quantity"]) == (200, "on_hold", 5)
    assert held.json()["taken_back"] == [{"order_id": meek, "product_id": "P", "quantity": 3}]
    assert await warehouse.levels("P") == (9, 4, 5, 3)
    told = await warehouse.told()
    assert [(type, payload["reason"], payload["order_id"]) for type, payload in told] == [
        ("stock.shortfall", "lot_hold", meek)
    ]
    again = await client.post(f"{path}/hold", json=WHY)
    assert (again.status_code, again.json()["taken_back"], await warehouse.told()) == (200, [], [])
    released = await client.post(f"{path}/release", json=WHY)
    assert (released.status_code, released.json()["status"]) == (200, "available")
    assert await warehouse.levels("P") == (9, 7, 0, 0)
    assert await warehouse.types() == ["stock.reserved confirmed backorder_filled"]
    rows = (await client.get("/ledger", params={"item_id": "P", "limit": 3})).json()["items"]
    assert [(row["type"], row["actor"], row["note"]) for row in rows[1:]] == [
        ("unhold", "ann", "splinters"),
        ("hold", "ann", "splinters"),
    ]
    assert {row["lot_id"] for row in rows[1:]} == {str(await _id(warehouse, "A"))}
    await warehouse.is_true()


async def test_what_a_lots_status_does_not_allow_is_refused_and_changes_nothing(
    client: httpx.AsyncClient, warehouse: Warehouse
) -> None:
    await _stocked(warehouse, A=(5, 90))
    path = f"/lots/{await _id(warehouse, 'A')}"
    assert (await client.post(f"{path}/recall", json=WHY)).status_code == 200
    entries = await warehouse.entries("P")
    for command in ("hold", "release"):
        refused = await client.post(f"{path}/{command}", json=WHY)
        told = refused.json()
        assert (refused.status_code, told["from"], told["allowed"]) == (409, "recalled", ["recall"])
    for body in ({}, {"reason": " "}, {**WHY, "more": 1}):
        assert (await client.post(f"{path}/hold", json=body)).status_code == 422
    assert (await client.post(f"/lots/{new()}/hold", json=WHY)).status_code == 404
    reader = {"Authorization": f"Bearer {make_token(SECRET, 'bob', ('inventory:read',))}"}
    for command in ("hold", "release", "recall"):
        assert (await client.post(f"{path}/{command}", json=WHY, headers=reader)).status_code == 403
    assert await warehouse.entries("P") == entries
    await warehouse.is_true()


async def test_a_held_lot_is_not_sold_when_the_rest_is_gone(client: httpx.AsyncClient, warehouse: Warehouse) -> None:
    await _stocked(warehouse, A=(5, 90), B=(4, 180))
    await client.post(f"/lots/{await _id(warehouse, 'A')}/hold", json=WHY)
    await warehouse.told()
    await warehouse.hear(warehouse.created(new(), ("P", 5)))
    [(type, told)] = await warehouse.told()
    assert (type, told["lines"][0]["shortage"]["available"]) == ("stock.rejected", 4)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 4), confirm=True))
    await warehouse.hear(warehouse.shipped(one, ("P", 4)))
    lots = await _lots(warehouse)
    assert {code: lot["quantity"] for code, lot in lots.items()} == {"A": 5, "B": 0}
    await warehouse.is_true()


# expiry


async def test_what_is_past_its_date_is_held_by_a_job_and_by_whoever_locks_the_item(warehouse: Warehouse) -> None:
    await _stocked(warehouse, A=(5, 0), B=(4, 90))
    await warehouse.item("Q")
    await warehouse.receive("Q", 7, lot="C", expires_on=day(-1))
    assert await warehouse.levels("Q") == (7, 0, 7, 0), "received too late"
    assert await warehouse.tick(expire_lots) == 0, "today is a day of sale"
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 6), on_shortage="backorder", confirm=True))
    async with warehouse.database.transaction() as tx:
        await tx.execute("UPDATE lots SET sell_by = sell_by - 1 WHERE lot_code = 'A'")
    await warehouse.told()
    assert await warehouse.tick(expire_lots) == 1
    assert await warehouse.levels("P") == (9, 4, 5, 2)
    assert await warehouse.types() == ["stock.shortfall confirmed lot_expired"]
    assert await warehouse.tick(expire_lots) == 0
    async with warehouse.database.transaction() as tx:
        await tx.execute("UPDATE lots SET sell_by = sell_by - 91 WHERE lot_code = 'B'")
    await warehouse.hear(warehouse.created(new(), ("P", 1)))
    assert await warehouse.types() == [
        "stock.shortfall confirmed lot_expired",
        "stock.rejected rejected insufficient_stock",
    ]
    assert await warehouse.levels("P") == (9, 0, 9, 6)
    assert {lot["status"] for lot in (await _lots(warehouse)).values()} == {"expired"}
    await warehouse.is_true()


async def test_whoever_gets_a_unit_gets_the_days_of_life_that_its_item_promises(
    client: httpx.AsyncClient, warehouse: Warehouse
) -> None:
    await warehouse.item("P", min_life_days=30)
    await warehouse.receive("P", 5, lot="A", expires_on=day(29))
    await warehouse.receive("P", 4, lot="B", expires_on=day(30))
    await warehouse.receive("P", 3, lot="C")
    assert await warehouse.levels("P") == (12, 0, 5, 0)
    path = f"/lots/{await _id(warehouse, 'A')}"
    assert (await client.post(f"{path}/release", json=WHY)).status_code == 409
    changed = await client.patch("/products/P", json={"min_life_days": 31})
    assert (changed.status_code, changed.json()["min_life_days"]) == (200, 31)
    assert await warehouse.tick(expire_lots) == 1
    assert await warehouse.levels("P") == (12, 0, 9, 0)
    await client.patch("/products/P", json={"min_life_days": 7})
    for code in ("A", "B"):
        assert (await client.post(f"/lots/{await _id(warehouse, code)}/release", json=WHY)).status_code == 200
    assert await warehouse.levels("P") == (12, 0, 0, 0)
    assert (await client.patch("/products/P", json={"min_life_days": -1})).status_code == 422
    await warehouse.is_true()


# recall


async def _bottled(warehouse: Warehouse, batch: str, used: int = 10, good: int = 8, ends: bool = True) -> None:
    """So much oil of the first drum becomes bottles of P."""
    needs, asked = [("OIL", used, None)], [("OIL", used, used)]
    await warehouse.hear(warehouse.batch("batch.planned", batch, *needs))
    await warehouse.hear(warehouse.batch("batch.start_requested", batch, *needs, version=2))
    await warehouse.hear(warehouse.batch("batch.consumed", batch, *asked, version=3))
    if ends:
        await _completed(warehouse, batch, used, good)


async def _completed(warehouse: Warehouse, batch: str, used: int = 10, good: int = 8) -> None:
    await warehouse.hear(warehouse.batch("batch.completed", batch, ("OIL", used, used), version=4, good=good))


async def _drum(warehouse: Warehouse) -> UUID:
    await warehouse.item("P")
    await warehouse.item("OIL", kind="material")
    await warehouse.receive("OIL", 100, lot="DRUM-1")
    return await _id(warehouse, "DRUM-1", "OIL")


async def test_a_recall_reaches_all_that_was_made_of_a_lot_and_lists_who_got_it(
    client: httpx.AsyncClient, warehouse: Warehouse
) -> None:
    drum = await _drum(warehouse)
    await _bottled(warehouse, new())
    gone, waits = new(), new()
    await warehouse.hear(warehouse.created(gone, ("P", 3), confirm=True))
    parcel = new()
    await warehouse.hear(warehouse.shipped(gone, ("P", 3), shipment_id=parcel))
    await warehouse.hear(warehouse.created(waits, ("P", 4), on_shortage="backorder", confirm=True))
    lot = await _id(warehouse, "L-1")
    await warehouse.told()
    answer = await client.post(f"/lots/{drum}/recall", json=WHY)
    told = answer.json()
    assert (answer.status_code, told["lot_id"], told["status"], told["held_quantity"]) == (
        200,
        str(drum),
        "recalled",
        95,
    )
    assert [(one["lot_id"], one["status"], one["quantity"]) for one in told["lots"]] == [(str(lot), "recalled", 5)]
    assert told["taken_back"] == [{"order_id": waits, "product_id": "P", "quantity": 4}]
    assert [
        (one["order_id"], one["shipment_id"], one["customer_id"], one["quantity"]) for one in told["shipments"]
    ] == [(gone, parcel, "c-1", 3)]
    events = {type: payload for type, payload in await warehouse.told() if type != "lot.recalled"}
    assert (events["stock.shortfall"]["order_id"], events["stock.shortfall"]["reason"]) == (waits, "recall")
    assert await warehouse.levels("P") == (5, 0, 5, 4)
    assert await warehouse.levels("OIL") == (90, 0, 90, 0)
    again = (await client.post(f"/lots/{drum}/recall", json=WHY)).json()
    assert (again["held_quantity"], again["taken_back"], again["shipments"]) == (95, [], told["shipments"])
    assert (await warehouse.told(), await warehouse.tick(spread_recalls)) == ([], 0)
    await warehouse.is_true()


async def test_each_recalled_lot_is_told_once_with_the_lot_that_it_follows_from(warehouse: Warehouse) -> None:
    drum = await _drum(warehouse)
    batches = [new(), new()]
    for batch in batches:
        await _bottled(warehouse, batch)
    await warehouse.told()
    for _ in range(2):
        async with warehouse.database.transaction() as tx:
            await command_lot(tx, warehouse.house, LotAsked(drum, "recall", "splinters", "ann"))
    told = [payload for type, payload in await warehouse.told() if type == "lot.recalled"]
    assert sorted((one["item_id"], one["cause_lot_id"], one["held_quantity"]) for one in told) == [
        ("OIL", None, 80),
        ("P", str(drum), 8),
        ("P", str(drum), 8),
    ]
    await warehouse.is_true()


async def test_what_is_still_being_made_of_a_recalled_lot_is_recalled_when_it_is_there(warehouse: Warehouse) -> None:
    drum, batch, waits = await _drum(warehouse), new(), new()
    await _bottled(warehouse, batch, ends=False)
    await warehouse.hear(warehouse.created(waits, ("P", 4), on_shortage="backorder", confirm=True))
    async with warehouse.database.transaction() as tx:
        await command_lot(tx, warehouse.house, LotAsked(drum, "recall", "splinters", "ann"))
    await warehouse.told()
    await _completed(warehouse, batch)
    assert await warehouse.levels("P") == (8, 0, 8, 4), "nobody gets any of it"
    [(type, told)] = await warehouse.told()
    assert (type, told["cause_lot_id"], told["held_quantity"], told["reason"]) == (
        "lot.recalled",
        str(drum),
        8,
        "splinters",
    )
    assert await warehouse.tick(spread_recalls) == 0
    await warehouse.is_true()


async def test_a_recall_and_a_batch_that_ends_meet_in_any_order_and_nothing_stays_on_sale(
    warehouse: Warehouse,
) -> None:
    drum = await _drum(warehouse)
    batches = [new() for _ in range(6)]
    for batch in batches:
        await _bottled(warehouse, batch, ends=False)

    async def recall() -> None:
        async with warehouse.database.transaction() as tx:
            await command_lot(tx, warehouse.house, LotAsked(drum, "recall", "splinters", "ann"))

    ends = [_completed(warehouse, batch) for batch in batches]
    async with asyncio.timeout(60):
        await asyncio.gather(*ends[:3], recall(), *ends[3:])
    while await warehouse.tick(spread_recalls):
        pass
    lots = list((await _lots_of_batches(warehouse)).values())
    assert (len(lots), set(lots)) == (6, {"recalled"})
    assert await warehouse.levels("P") == (48, 0, 48, 0)
    recalled = [payload["lot_id"] for type, payload in await warehouse.told() if type == "lot.recalled"]
    assert (len(recalled), len(set(recalled))) == (7, 7)
    await warehouse.is_true()


async def _lots_of_batches(warehouse: Warehouse) -> dict[UUID, str]:
    async with warehouse.database.reading() as connection:
        rows = await connection.fetch("SELECT batch_id, status FROM lots WHERE kind = 'batch'")
    return {row["batch_id"]: row["status"] for row in rows}


# promises by name


async def test_a_confirmed_hold_names_its_lots_and_another_lot_is_told_when_one_is_held(
    client: httpx.AsyncClient, warehouse: Warehouse
) -> None:
    await _stocked(warehouse, A=(3, 90), B=(9, 180))
    one, other = new(), new()
    await warehouse.hear(warehouse.created(one, ("P", 2), confirm=True))
    await warehouse.hear(warehouse.created(other, ("P", 2)))
    told = [payload for _, payload in await warehouse.told()]
    assert [_by_code(payload) for payload in told] == [{"A": 2}, {}]
    await warehouse.hear(warehouse.confirm(other, ("P", 2)))
    [(type, confirmed)] = await warehouse.told()
    assert (type, _by_code(confirmed)) == ("stock.confirmed", {"A": 1, "B": 1})
    shown = (await client.get("/reservations", params={"order_id": other})).json()["items"][0]["lots"]
    assert [(lot["lot_code"], lot["quantity"], lot["expires_on"]) for lot in shown] == [
        ("A", 1, day(90).isoformat()),
        ("B", 1, day(180).isoformat()),
    ]
    await client.post(f"/lots/{await _id(warehouse, 'A')}/hold", json=WHY)
    assert await warehouse.told() == []
    assert await warehouse.tick(promise_other_lots) == 2
    told = [payload for _, payload in await warehouse.told()]
    assert {(payload["order_id"], payload["reason"]) for payload in told} == {
        (one, "lots_changed"),
        (other, "lots_changed"),
    }
    assert [_by_code(payload) for payload in told] == [{"B": 2}, {"B": 2}]
    assert await warehouse.tick(promise_other_lots) == 0
    await warehouse.hear(warehouse.shipped(one, ("P", 1)))
    told = [payload for _, payload in await warehouse.told()]
    assert [_by_code(payload) for payload in told] == [{"B": 2}]
    await warehouse.is_true()


async def test_the_lots_of_an_order_stay_told_when_they_are_used_up(warehouse: Warehouse) -> None:
    await _stocked(warehouse, A=(3, 90), B=(9, 180))
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 5), confirm=True))
    await warehouse.hear(warehouse.shipped(one, ("P", 3)))
    await warehouse.told()
    await warehouse.hear(warehouse.shipped(one, ("P", 2)))
    [(_, told)] = await warehouse.told()
    assert (_by_code(told), [lot["lot_code"] for lot in told["deducted"][0]["lots"]]) == ({"A": 3, "B": 2}, ["B"])
    assert (await _lots(warehouse))["A"]["spent"] is True
    await warehouse.is_true()


async def test_two_confirmations_at_once_are_never_promised_the_same_unit(warehouse: Warehouse) -> None:
    await _stocked(warehouse, **{f"L{number}": (2, 90 + number) for number in range(10)})
    orders = [new() for _ in range(10)]
    async with asyncio.timeout(60):
        await asyncio.gather(*(warehouse.hear(warehouse.created(id, ("P", 2), confirm=True)) for id in orders))
    lots = await _lots(warehouse)
    assert [(lot["quantity"], lot["pinned"]) for lot in lots.values()] == [(2, 2)] * 10
    await warehouse.is_true()


# counts and adjustments of one lot


async def test_one_lot_is_counted_and_adjusted_by_itself(client: httpx.AsyncClient, warehouse: Warehouse) -> None:
    await _stocked(warehouse, A=(5, 90), B=(4, 180))
    lot = str(await _id(warehouse, "B"))
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 8), confirm=True))
    version = (await warehouse.level("P"))["version"]
    asked = {"item_id": "P", "lot_id": lot, "counted": 2, "version": version, "reason": "cycle"}
    told = (await client.post("/counts", json=asked)).json()
    assert (told["expected"], told["variance"], told["current_stock"]) == (4, -2, 7)
    assert told["taken_back"] == [{"order_id": one, "product_id": "P", "quantity": 1}]
    adjust = {"item_id": "P", "lot_id": lot, "quantity": 3, "reason": "found behind the shelf"}
    assert (await client.post("/adjustments", json=adjust)).json()["current_stock"] == 10
    assert (await client.post("/adjustments", json={**adjust, "quantity": -6})).status_code == 409
    lots = await _lots(warehouse)
    assert {code: row["quantity"] for code, row in lots.items()} == {"A": 5, "B": 5}
    for path, body in (("/counts", {**asked, "lot_id": new()}), ("/adjustments", {**adjust, "lot_id": new()})):
        refused = await client.post(path, json=body)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/lot_id")
    await warehouse.is_true()


async def test_a_recalled_lot_is_written_off_by_an_adjustment_that_touches_no_promise(
    client: httpx.AsyncClient, warehouse: Warehouse
) -> None:
    await _stocked(warehouse, A=(5, 90), B=(4, 180))
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 4), confirm=True))
    lot = str(await _id(warehouse, "A"))
    await client.post(f"/lots/{lot}/recall", json=WHY)
    written_off = {"item_id": "P", "lot_id": lot, "quantity": -5, "reason": "destroyed"}
    assert (await client.post("/adjustments", json=written_off)).status_code == 201
    assert await warehouse.levels("P") == (4, 4, 0, 0)
    assert (await client.post("/adjustments", json=written_off)).status_code == 409
    await warehouse.is_true()


async def test_a_parcel_that_left_before_its_lot_was_counted_is_not_missed_twice(warehouse: Warehouse) -> None:
    await _stocked(warehouse, A=(5, 90), B=(4, 180))
    one, left = new(), datetime.now(UTC) - timedelta(minutes=5)
    await warehouse.hear(warehouse.created(one, ("P", 2), confirm=True))
    lot = await _id(warehouse, "A")
    await warehouse.count("P", 3, lot_id=lot)
    assert await warehouse.levels("P") == (7, 2, 0, 0)
    fact = warehouse.shipped(one, ("P", 2), at=left, lots=[(lot, 2)])
    await warehouse.hear(fact)
    assert {code: row["quantity"] for code, row in (await _lots(warehouse)).items()} == {"A": 3, "B": 4}
    assert await warehouse.levels("P") == (7, 0, 0, 0)
    await warehouse.is_true()


async def test_units_that_were_not_found_wait_in_their_lot_for_its_count(warehouse: Warehouse) -> None:
    await _stocked(warehouse, A=(5, 90), B=(4, 180))
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 3), confirm=True))
    lot = await _id(warehouse, "A")
    await warehouse.hear(warehouse.short(one, "P", 2, lot=lot))
    assert [(row["quantity"], row["pending"], row["pinned"]) for row in (await _lots(warehouse)).values()] == [
        (5, 2, 3),
        (4, 0, 0),
    ]
    await warehouse.count("P", 4, lot_id=await _id(warehouse, "B"))
    assert await warehouse.levels("P") == (9, 3, 2, 0), "another lot's count settles nothing of it"
    await warehouse.count("P", 3, lot_id=lot)
    assert await warehouse.levels("P") == (7, 3, 0, 0)
    await warehouse.is_true()


@pytest.mark.parametrize("scanned", ["A", "nobody's", "0197f000-0000-7000-8000-000000000000"])
async def test_a_parcel_tells_lots_as_they_were_scanned(warehouse: Warehouse, scanned: str) -> None:
    await _stocked(warehouse, B=(4, 90), A=(5, 180))
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 2), confirm=True))
    await warehouse.hear(warehouse.shipped(one, ("P", 2), lots=[(scanned, 2)]))
    left = {code: row["quantity"] for code, row in (await _lots(warehouse)).items()}
    assert left == ({"B": 4, "A": 3} if scanned == "A" else {"B": 2, "A": 5})
    await warehouse.is_true()


async def test_two_commands_on_one_lot_at_once_are_one_after_the_other(warehouse: Warehouse) -> None:
    await _stocked(warehouse, A=(5, 90))
    lot = await _id(warehouse, "A")

    async def ask(command: Any) -> None:
        async with warehouse.database.transaction() as tx:
            await command_lot(tx, warehouse.house, LotAsked(lot, command, "look", str(new_id())))

    async with asyncio.timeout(60):
        await asyncio.gather(*(ask(command) for command in ("hold", "release") * 10))
    level = await warehouse.level("P")
    assert (level["current"], level["held"] in (0, 5)) == (5, True)
    await warehouse.is_true()
