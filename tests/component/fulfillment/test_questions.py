"""What order asks: targets and cancels, as events in and events out."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from shared.contracts.inventory import ItemChanged
from tests.builders import event, make
from tests.component.fulfillment.conftest import Warehouse, cancellation, order_id, ready


def units(fulfillment: dict[str, Any], *names: str) -> list[tuple[int, ...]]:
    """These quantities of each line."""
    return [tuple(line[name] for name in names) for line in fulfillment["lines"]]


async def test_an_order_that_is_ready_gets_one_fulfillment_and_one_answer(warehouse: Warehouse) -> None:
    id = order_id()
    ship_to = {"address": {"city": "Grasse", "zip": "06130"}, "email": "a@example.org"}
    first = ready(id, 4, priority=3, requested_delivery="2026-02-10", ship_to=ship_to)
    assert await warehouse.hears(first, first) == 1
    assert await warehouse.hears(first) == 0
    shown = await warehouse.of_order(id)
    assert shown["status"] == "created"
    assert shown["ship_to"] == ship_to
    assert (shown["customer_id"], shown["priority"], shown["requested_delivery"]) == ("c-1", 3, "2026-02-10")
    assert shown["version"] == 1
    assert shown["lines"][0] == {
        "product_id": "ROSE-50",
        "name": "Rose 50 ml",
        "quantity": 5,
        "target": 5,
        "picked": 0,
        "packed": 0,
        "shipped": 0,
        "cancelled": 0,
        "short": 0,
        "lots": [],
        "recalled": 0,
    }
    ((type, version, data),) = await warehouse.told(id)
    assert (type, version) == ("fulfillment.created", 1)
    assert data == {
        "occurred_at": data["occurred_at"],
        "order_id": id,
        "fulfillment_id": shown["fulfillment_id"],
        "customer_id": "c-1",
        "order_version": 4,
        "status": "created",
        "closed": False,
        "lines": [
            {"product_id": "ROSE-50", "target": 5, "picked": 0, "shipped": 0, "cancelled": 0, "short": 0},
            {"product_id": "IRIS-30", "target": 2, "picked": 0, "shipped": 0, "cancelled": 0, "short": 0},
        ],
    }


async def test_the_same_question_with_a_new_id_is_answered_with_the_present_state(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    id = fulfillment["order_id"]
    await warehouse.do("pick", fulfillment)
    await warehouse.hears(ready(id, 4))
    assert await warehouse.kinds(id) == [("created", 1), ("created", 2)]
    assert [line["picked"] for line in (await warehouse.told(id))[-1][2]["lines"]] == [5, 2]


async def test_a_target_that_rises_and_falls_is_followed_and_not_answered(warehouse: Warehouse) -> None:
    id = order_id()
    rose = {"product_id": "ROSE-50", "quantity": 5}
    await warehouse.hears(ready(id, 4, {**rose, "target": 2}), ready(id, 9, {**rose, "target": 4}))
    await warehouse.hears(ready(id, 7, {**rose, "target": 1}))
    assert units(await warehouse.of_order(id), "target") == [(4,)]
    assert await warehouse.kinds(id) == [("created", 1)]


async def test_a_cancel_before_its_order_makes_a_closed_fulfillment(warehouse: Warehouse) -> None:
    id = order_id()
    await warehouse.hears(cancellation(id, 6))
    early = await warehouse.of_order(id)
    assert (early["status"], early["closed"], early["lines"], early["ship_to"]) == ("cancelled", True, [], None)
    assert (await warehouse.told(id))[0][2]["lines"] == []
    await warehouse.hears(ready(id, 4))
    late = await warehouse.of_order(id)
    assert (late["status"], units(late, "target", "cancelled")) == ("cancelled", [(0, 5), (0, 2)])
    assert await warehouse.kinds(id) == [("cancelled", 1)]
    assert (await warehouse.do("pick", late)).status_code == 409


async def test_a_cancel_of_units_is_judged_by_what_has_left(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    id = fulfillment["order_id"]
    await warehouse.do("pick", fulfillment)
    left = {"carrier": "DHL", "tracking_number": "1", "lines": [{"product_id": "ROSE-50", "quantity": 3}]}
    assert (await warehouse.do("ship", fulfillment, left)).status_code == 201
    await warehouse.hears(cancellation(id, 6, rose=4))
    after = await warehouse.of_order(id)
    assert units(after, "target", "picked", "shipped", "cancelled") == [(3, 0, 3, 2), (2, 2, 0, 0)]
    assert (after["status"], after["closed"]) == ("partially_shipped", False)
    assert await warehouse.kinds(id) == [("created", 1), ("shipped", 2), ("cancelled", 3)]


async def test_the_same_cancel_again_is_answered_and_an_older_one_is_not(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    id = fulfillment["order_id"]
    await warehouse.hears(cancellation(id, 8, rose=2))
    await warehouse.hears(cancellation(id, 8, rose=2), cancellation(id, 6, rose=1))
    assert await warehouse.kinds(id) == [("created", 1), ("cancelled", 2), ("cancelled", 3)]
    told = await warehouse.told(id)
    assert told[1][2]["lines"] == told[2][2]["lines"]
    assert [line["cancelled"] for line in told[2][2]["lines"]] == [2, 0]


async def test_three_hundred_orders_are_one_batch(warehouse: Warehouse) -> None:
    ids = [order_id() for _ in range(300)]
    await warehouse.hears(*(ready(id) for id in ids))
    assert await warehouse.count("SELECT count(*) FROM fulfillments") == 300
    assert await warehouse.count("SELECT count(*) FROM outbox WHERE type = 'fulfillment.created'") == 300


async def test_a_line_without_a_name_is_shown_with_the_items_name(warehouse: Warehouse) -> None:
    id = order_id()
    renamed = event(make(ItemChanged, item_id="ROSE-50", name="Rose, 50 ml"), 7)
    older = event(make(ItemChanged, item_id="ROSE-50", name="Rosa"), 3)
    await warehouse.hears(renamed, event(make(ItemChanged, item_id="ROSE-50", name="Rose"), 5))
    await warehouse.hears(older, cancellation(id, 6, rose=1))
    assert [line["name"] for line in (await warehouse.of_order(id))["lines"]] == ["Rose, 50 ml", None]


async def test_a_target_and_a_cancel_at_once_make_one_fulfillment(
    open_warehouse: Callable[[], Awaitable[Warehouse]],
) -> None:
    one, other = await open_warehouse(), await open_warehouse()
    ids = sorted(order_id() for _ in range(40))
    await asyncio.gather(
        one.hears(*(ready(id) for id in ids)),
        other.hears(*(cancellation(id) for id in reversed(ids))),
    )
    assert await one.count("SELECT count(*) FROM fulfillments WHERE closed") == 40
    for id in ids:
        assert [version for _, version in await one.kinds(id)] in ([1], [1, 2])
        assert (await one.kinds(id))[-1][0] == "cancelled"
