"""Alerts with a life: raised once, acknowledged by somebody, resolved when the cause is gone."""

from typing import Any

import httpx

from tests.component.inventory.test_api import client as client
from tests.component.inventory.warehouse import Warehouse, new

LATER = "UPDATE claims SET expires_at = clock_timestamp() - interval '1 second' WHERE id = $1::uuid"


async def _alerts(client: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    answer = await client.get(f"/alerts{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def _past_its_date(warehouse: Warehouse, claim_id: str) -> None:
    async with warehouse.database.transaction() as tx:
        await tx.execute(LATER, claim_id)


async def test_a_confirmed_hold_past_its_date_raises_one_alert_and_keeps_its_units(
    warehouse: Warehouse, client: httpx.AsyncClient
) -> None:
    await warehouse.item("P", 10)
    order_id, unconfirmed = new(), new()
    await warehouse.hear(warehouse.created(order_id, ("P", 4), confirm=True))
    await warehouse.hear(warehouse.created(unconfirmed, ("P", 1)))
    assert await warehouse.watch() == 0
    for claim_id in (order_id, unconfirmed):
        await _past_its_date(warehouse, claim_id)
    assert [await warehouse.watch() for _ in range(3)] == [1, 0, 0]
    await warehouse.sweep()
    [alert] = await _alerts(client, "?kind=hold_overdue")
    told = (alert["subject_type"], alert["subject_id"], alert["name"], alert["status"])
    assert told == ("order", order_id, f"order {order_id}", "raised")
    assert await warehouse.levels("P") == (10, 4, 0, 0)
    await warehouse.hear(warehouse.shipped(order_id, ("P", 4)))
    assert [await warehouse.watch() for _ in range(2)] == [1, 0]
    [alert] = await _alerts(client, "?kind=hold_overdue")
    assert alert["status"] == "resolved"
    assert alert["resolved_at"] is not None


async def test_a_batch_that_is_ready_for_too_long_raises_an_alert_and_a_short_one_does_not(
    warehouse: Warehouse, client: httpx.AsyncClient
) -> None:
    warehouse.set_terms(confirmed_seconds=0)
    await warehouse.item("OIL", 10, kind="material")
    ready, short = new(), new()
    await warehouse.hear(warehouse.batch("batch.planned", ready, ("OIL", 8, None)))
    await warehouse.hear(warehouse.batch("batch.planned", short, ("OIL", 8, None)))
    assert [await warehouse.watch() for _ in range(2)] == [1, 0]
    [alert] = await _alerts(client, "?kind=hold_overdue")
    assert (alert["subject_type"], alert["subject_id"]) == ("batch", ready)
    await warehouse.receive("OIL", 6)
    assert await warehouse.watch() == 1
    assert {alert["subject_id"] for alert in await _alerts(client, "?kind=hold_overdue")} == {ready, short}
    await warehouse.hear(warehouse.batch("batch.start_requested", ready, ("OIL", 8, None), version=2))
    assert await warehouse.watch() == 1
    assert [alert["subject_id"] for alert in await _alerts(client, "?kind=hold_overdue&status=raised")] == [short]


async def test_an_alert_is_acknowledged_once_and_not_any_more_when_it_is_resolved(
    warehouse: Warehouse, client: httpx.AsyncClient
) -> None:
    await warehouse.item("P", 30, reorder_point=20)
    await warehouse.adjust("P", -15)
    [alert] = await _alerts(client, "?kind=low_stock&status=raised")
    assert (alert["subject_type"], alert["subject_id"], alert["name"]) == ("product", "P", "The P")
    assert alert["detail"] == "15 available, 0 waited for"
    path = f"/alerts/{alert['alert_id']}/acknowledge"
    seen = await client.post(path, json={"note": "ordered more"})
    assert (seen.status_code, seen.json()["status"], seen.json()["acknowledged_by"]) == (200, "acknowledged", "ann")
    again = await client.post(path, json={"note": "me too"})
    assert (again.status_code, again.json()["note"]) == (200, "ordered more")
    await warehouse.adjust("P", -1)
    assert [one["alert_id"] for one in await _alerts(client, "?kind=low_stock&status=acknowledged")] == [
        alert["alert_id"]
    ]
    await warehouse.receive("P", 50)
    late = await client.post(path)
    assert (late.status_code, late.json()["from"]) == (409, "resolved")
    assert (await client.post(f"/alerts/{new()}/acknowledge")).status_code == 404


async def test_units_that_the_books_did_not_have_are_an_alert_until_the_item_is_counted(
    warehouse: Warehouse, client: httpx.AsyncClient
) -> None:
    await warehouse.item("P", 1)
    await warehouse.hear(warehouse.shipped(new(), ("P", 3)))
    [alert] = await _alerts(client, "?kind=discrepancy")
    assert (alert["subject_id"], alert["status"]) == ("P", "raised")
    await warehouse.count("P", 0)
    [alert] = await _alerts(client, "?kind=discrepancy")
    assert alert["status"] == "resolved"
