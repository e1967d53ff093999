"""Promised days: the first is kept for ever, later ones with their cause, and a missed one raises an alert."""

from datetime import date, datetime
from typing import Any

from services.order.domain.order import Policy
from services.order.jobs.timers import jobs
from shared.runtime.jobs import tick_once
from tests.component.order.conftest import Shop, fulfillment_line, held

PASSED = "UPDATE order_promises SET promised_on = promised_on - 30 WHERE order_id = $1::uuid AND open"
ROSE = {"want": 5, "backordered": 5}
BATCH, BATCH_ARRIVES = "2099-03-10", "2099-03-12"


def _short(expected: str | None = None, basis: str | None = None) -> tuple[str, dict[str, Any]]:
    shortage = {"available": 0, "requested": 5, "expected_date": expected, "expected_basis": basis}
    return "rose", {**ROSE, "shortage": shortage}


async def _promises(shop: Shop, order_id: str) -> list[tuple[str, str, str]]:
    found = (await shop.get(f"/{order_id}"))["promises"]
    return [(promise["promised_on"], promise["basis"], promise["cause"]) for promise in found]


async def _days(shop: Shop, order_id: str) -> list[int]:
    """Days from the moment of each promise to the day that it names."""
    found = (await shop.get(f"/{order_id}"))["promises"]
    made = [datetime.fromisoformat(promise["at"]).date() for promise in found]
    return [(date.fromisoformat(one["promised_on"]) - at).days for one, at in zip(found, made, strict=True)]


async def _watch(shop: Shop) -> int:
    [watch] = [job for job in jobs(Policy(), 1.0) if job.name == "watch_promises"]
    return await tick_once(shop.database, watch)


async def _alerts(shop: Shop) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await shop.get("/alerts?kind=promise_missed"))["items"]
    return found


async def test_the_first_promise_stands_beside_every_later_one_and_its_cause(shop: Shop) -> None:
    order_id = await shop.placed(on_shortage="backorder", auto_confirm=True)
    assert await _promises(shop, order_id) == []
    await shop.deliver(shop.stock(order_id, "backordered", "confirmed", 1, _short()))
    await shop.deliver(
        shop.stock(order_id, "backordered", "confirmed", 1, _short(BATCH, "batch"), reason="date_changed")
    )
    await shop.deliver(shop.stock(order_id, "reserved", "confirmed", 1, held(), reason="backorder_filled"))
    await shop.deliver(shop.stock(order_id, "reserved", "confirmed", 1, held(), reason="backorder_filled"))
    by_lead_days, by_batch, in_stock = await _promises(shop, order_id)
    assert by_lead_days[1:] == ("lead_days", "stock.backordered")
    assert by_batch == (BATCH_ARRIVES, "batch", "stock.backordered")
    assert in_stock[1:] == ("stock", "stock.reserved")
    days = await _days(shop, order_id)
    assert (days[0], days[2]) == (16, 2)


async def test_an_order_that_inventory_refuses_was_promised_nothing(shop: Shop) -> None:
    order_id = await shop.placed()
    await shop.deliver(shop.stock(order_id, "rejected", "rejected", 1, _short()))
    assert await _promises(shop, order_id) == []


async def test_a_missed_promise_is_one_alert_until_the_units_leave(shop: Shop) -> None:
    order_id = await shop.placed(auto_confirm=True)
    await shop.deliver(shop.stock(order_id, "reserved", "confirmed", 1, held()))
    assert await _watch(shop) == 0
    await shop.database.pool.execute(PASSED, order_id)
    assert [await _watch(shop) for _ in range(3)] == [1, 0, 0]
    [alert] = await _alerts(shop)
    assert (alert["subject_id"], alert["status"]) == (order_id, "raised")
    assert "(stock), units are still open" in alert["detail"]
    line = fulfillment_line("rose", shipped=5)
    await shop.deliver(shop.shipped(order_id, "s-1", ("rose", {**line})))
    assert [await _watch(shop) for _ in range(2)] == [1, 0]
    [alert] = await _alerts(shop)
    assert alert["status"] == "resolved"


async def test_a_later_promise_resolves_the_alert_of_the_missed_one(shop: Shop) -> None:
    order_id = await shop.placed(on_shortage="backorder", auto_confirm=True)
    await shop.deliver(shop.stock(order_id, "backordered", "confirmed", 1, _short()))
    await shop.database.pool.execute(PASSED, order_id)
    assert await _watch(shop) == 1
    await shop.deliver(shop.stock(order_id, "backordered", "confirmed", 1, _short(BATCH, "batch")))
    assert [await _watch(shop) for _ in range(2)] == [1, 0]
    assert [alert["status"] for alert in await _alerts(shop)] == ["resolved"]


async def test_a_cancelled_order_waits_for_no_day(shop: Shop) -> None:
    order_id = await shop.placed()
    await shop.deliver(shop.stock(order_id, "reserved", "active", 1, held()))
    await shop.put(order_id, "cancel")
    await shop.database.pool.execute(PASSED, order_id)
    assert await _watch(shop) == 0
    assert len(await _promises(shop, order_id)) == 1


async def test_an_order_confirmed_after_its_expiry_is_promised_anew(shop: Shop) -> None:
    order_id = await shop.placed()
    await shop.deliver(shop.stock(order_id, "reserved", "active", 1, held()))
    await shop.deliver(shop.stock(order_id, "released", "expired", 1, ("rose", {}), reason="expired"))
    assert len(await _promises(shop, order_id)) == 1
    await shop.put(order_id, "confirm")
    await shop.deliver(shop.stock(order_id, "confirmed", "confirmed", 2, held(), reason="retaken"))
    assert [cause for _, _, cause in await _promises(shop, order_id)] == ["stock.reserved", "stock.confirmed"]
