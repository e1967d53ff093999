"""Orders that queue are told anew when a batch of what they wait for is planned, is moved to another day, or ends."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.component.inventory.warehouse import Warehouse, new

SOON = datetime.now(UTC).replace(hour=12, minute=0) + timedelta(days=3)
LATER = SOON + timedelta(days=2)
Told = tuple[str, str, str | None, str | None]


def _dates(told: list[tuple[str, dict[str, Any]]], order_id: str) -> list[Told]:
    """What an order was told: type, reason, and when its first line is expected, on what that rests."""
    found: list[Told] = []
    for type, payload in told:
        if payload.get("order_id") == order_id:
            shortage = payload["lines"][0]["shortage"] or {}
            found.append((type, payload["reason"], shortage.get("expected_date"), shortage.get("expected_basis")))
    return found


async def _queued(warehouse: Warehouse, *order_ids: str, quantity: int = 4) -> None:
    for order_id in order_ids:
        await warehouse.hear(warehouse.created(order_id, ("P", quantity), on_shortage="backorder"))
    await warehouse.told()


async def test_a_batch_that_is_planned_moved_and_given_up_dates_its_orders_anew(warehouse: Warehouse) -> None:
    await warehouse.item("P", lead_days=30)
    order_id, batch_id = new(), new()
    await _queued(warehouse, order_id)
    lead = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    await warehouse.hear(warehouse.batch("batch.planned", batch_id, expected=SOON))
    await warehouse.hear(warehouse.batch("batch.started", batch_id, expected=LATER, status="in_progress", version=3))
    await warehouse.hear(warehouse.batch("batch.failed", batch_id, expected=LATER, status="failed", version=4))
    assert _dates(await warehouse.told(), order_id) == [
        ("stock.backordered", "date_changed", SOON.date().isoformat(), "batch"),
        ("stock.backordered", "date_changed", LATER.date().isoformat(), "batch"),
        ("stock.backordered", "date_changed", lead, "lead_days"),
    ]
    await warehouse.is_true()


async def test_news_that_move_no_date_are_not_told(warehouse: Warehouse) -> None:
    await warehouse.item("P")
    await warehouse.item("Q")
    order_id, batch_id = new(), new()
    await _queued(warehouse, order_id)
    planned = warehouse.batch("batch.planned", batch_id, expected=SOON)
    await warehouse.hear(planned)
    assert len(_dates(await warehouse.told(), order_id)) == 1
    minutes = timedelta(minutes=5)
    await warehouse.hear(
        warehouse.batch("batch.started", batch_id, expected=SOON + minutes, status="in_progress", version=3)
    )
    await warehouse.hear(warehouse.batch("batch.planned", batch_id, expected=LATER))
    await warehouse.hear(warehouse.batch("batch.planned", new(), expected=SOON, product="Q"))
    await warehouse.hear(warehouse.batch("batch.cancelled", new(), status="cancelled"))
    assert _dates(await warehouse.told(), order_id) == []


async def test_only_those_that_wait_for_what_moved_are_told(warehouse: Warehouse) -> None:
    await warehouse.item("P")
    await warehouse.item("Q")
    order_id, other, batch_id = new(), new(), new()
    await warehouse.hear(warehouse.created(other, ("Q", 4), on_shortage="backorder"))
    await warehouse.hear(warehouse.batch("batch.planned", batch_id, expected=SOON, product="Q"))
    await _queued(warehouse, order_id)
    await warehouse.hear(
        warehouse.batch("batch.planned", new(), expected=SOON),
        warehouse.batch("batch.started", batch_id, expected=SOON, status="in_progress", version=2, product="Q"),
    )
    told = await warehouse.told()
    assert (len(_dates(told, order_id)), _dates(told, other)) == (1, [])


async def test_an_order_that_is_answered_is_told_the_day_by_its_answer(warehouse: Warehouse) -> None:
    await warehouse.item("P")
    order_id = new()
    await _queued(warehouse, order_id)
    planned = warehouse.batch("batch.planned", new(), expected=SOON)
    await warehouse.hear(planned, warehouse.confirm(order_id, ("P", 4), on_shortage="backorder"))
    day = SOON.date().isoformat()
    assert _dates(await warehouse.told(), order_id) == [("stock.confirmed", "confirmed", day, "batch")]
    await warehouse.is_true()


async def test_an_order_that_the_batch_fills_is_told_that_alone(warehouse: Warehouse) -> None:
    await warehouse.item("P")
    filled, waiting, batch_id = new(), new(), new()
    await _queued(warehouse, filled, waiting, quantity=10)
    await warehouse.hear(warehouse.batch("batch.planned", batch_id, expected=SOON))
    await warehouse.told()
    await warehouse.hear(warehouse.batch("batch.completed", batch_id, status="completed", good=10, version=5))
    told = await warehouse.told()
    assert _dates(told, filled) == [("stock.reserved", "backorder_filled", None, None)]
    assert [(type, reason) for type, reason, *_ in _dates(told, waiting)] == [("stock.backordered", "date_changed")]
    assert await warehouse.levels("P") == (10, 10, 0, 10)
    await warehouse.is_true()


async def test_the_news_of_the_batch_are_the_cause(warehouse: Warehouse) -> None:
    await warehouse.item("P")
    await warehouse.item("Q", 9)
    order_id = new()
    await _queued(warehouse, order_id)
    planned = warehouse.batch("batch.planned", new(), expected=SOON)
    await warehouse.hear(planned, warehouse.created(new(), ("Q", 1)))
    sql = "SELECT headers FROM outbox WHERE type = 'stock.backordered' AND aggregateid = $1 ORDER BY seq DESC LIMIT 1"
    async with warehouse.database.reading() as connection:
        assert f'"ce_causationid":"{planned.id}"' in (await connection.fetchval(sql, order_id)).replace(": ", ":")
