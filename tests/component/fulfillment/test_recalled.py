"""Recalled lots on a real Postgres: heard once, then neither listed nor picked, packed or shipped."""

from typing import Any

from shared.contracts.inventory import LotRecalled
from tests.builders import event, make
from tests.component.fulfillment.conftest import Warehouse, order_id, ready
from tests.component.fulfillment.test_work import LOTS, roses

DHL = {"carrier": "DHL", "tracking_number": "T-1"}


async def recall(warehouse: Warehouse, lot_id: str = "l-1", lot_code: str = "R-01", item_id: str = "ROSE-50") -> None:
    """`lot.recalled`, told twice."""
    told = make(LotRecalled, lot_id=lot_id, lot_code=lot_code, item_id=item_id)
    await warehouse.hears(event(told, 1))
    await warehouse.hears(event(told, 1))


async def _listed(warehouse: Warehouse, path: str) -> list[tuple[str, int]]:
    return [(line["lot_code"], line["quantity"]) for line in (await warehouse.get(path))["lines"]]


async def test_no_list_names_a_recalled_lot(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has(roses(lots=LOTS))
    wave = (await warehouse.post("waves")).json()
    await recall(warehouse)
    assert await warehouse.count("SELECT count(*) FROM recalled_lots") == 1
    for path in (f"fulfillments/{fulfillment['fulfillment_id']}/picking-list", f"waves/{wave['wave_id']}"):
        assert await _listed(warehouse, path) == [("R-02", 2)]
    first: Any = LOTS[0]
    other = {**first, "lot_id": "l-9"}
    await warehouse.hears(ready(fulfillment["order_id"], 5, roses(lots=[LOTS[1], other])))
    await recall(warehouse, "l-9", "R-09", item_id="ANOTHER")
    assert await _listed(warehouse, f"waves/{wave['wave_id']}") == [("R-02", 2), ("R-01", 3)]


async def test_a_lot_that_was_recalled_before_its_order_came_is_not_listed(warehouse: Warehouse) -> None:
    await recall(warehouse)
    fulfillment = await warehouse.has(roses(lots=LOTS))
    assert await _listed(warehouse, f"fulfillments/{fulfillment['fulfillment_id']}/picking-list") == [("R-02", 2)]


async def test_a_recalled_lot_is_not_picked_by_scan(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has(roses(lots=LOTS))
    await recall(warehouse)
    await recall(warehouse, "l-7", "R-07")
    for name in ("l-1", "R-01", "l-7", "R-07"):
        line = roses(1, lot_id=name, other_lot_reason="it is nearer")
        answer = await warehouse.do("pick", fulfillment, {"lines": [line]})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/lines/0/lot_id")
    assert (await warehouse.of_order(fulfillment["order_id"]))["version"] == fulfillment["version"]
    assert await warehouse.count("SELECT count(*) FROM picks") == 0


async def test_pack_and_ship_of_a_recalled_lot_are_409_until_it_is_reported_short(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has(roses(lots=LOTS))
    order = fulfillment["order_id"]
    await warehouse.do("pick", fulfillment)
    await recall(warehouse)
    before = await warehouse.of_order(order)
    assert before["lines"][0]["recalled"] == 3
    item = {"fulfillment_id": fulfillment["fulfillment_id"]}
    bulk = (await warehouse.post("bulk/ship", {"items": [{**item, **DHL}]})).json()["results"][0]
    problems = [
        (await warehouse.do("pack", fulfillment)).json(),
        (await warehouse.do("ship", fulfillment, DHL)).json(),
        bulk["problem"],
    ]
    for problem, action in zip(problems, ("pack", "ship", "ship"), strict=True):
        assert (problem["status"], problem["action"], problem["recalled_lots"]) == (409, action, ["l-1"])
        assert problem["type"] == "urn:flacon:problem:illegal-transition" and problem["allowed"] == []
    assert await warehouse.of_order(order) == before
    assert await warehouse.kinds(order) == [("created", 1)]
    line = roses(0, short_quantity=3, short_reason="recalled")
    assert (await warehouse.do("pick", fulfillment, {"lines": [line]})).status_code == 200
    assert (await warehouse.do("ship", fulfillment, DHL)).status_code == 201
    short, shipped = [data for _, _, data in (await warehouse.told(order))[1:]]
    assert short["shorts"] == [{"product_id": "ROSE-50", "lot_id": "l-1", "quantity": 3, "reason": "recalled"}]
    assert [(line["quantity"], line["lots"]) for line in shipped["shipped"]] == [(2, [LOTS[1]])]


async def test_what_left_before_the_recall_was_heard_is_a_fact(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has(roses(lots=LOTS))
    await warehouse.do("pick", fulfillment)
    first = await warehouse.do("ship", fulfillment, DHL)
    await recall(warehouse)
    again = await warehouse.do("ship", fulfillment, DHL)
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())


async def test_a_recall_among_many_orders_stops_those_that_have_the_lot(warehouse: Warehouse) -> None:
    orders = [order_id() for _ in range(20)]
    sound: dict[str, Any] = {"lot_id": "l-3", "lot_code": "R-03", "expires_on": None, "quantity": 5}
    await warehouse.hears(
        *(ready(id, 4, roses(lots=LOTS if number % 2 else [sound])) for number, id in enumerate(orders))
    )
    ids = [(await warehouse.of_order(id))["fulfillment_id"] for id in orders]
    await warehouse.post("bulk/pick", {"items": [{"fulfillment_id": id} for id in ids]})
    await recall(warehouse)
    answer = await warehouse.post("bulk/ship", {"items": [{"fulfillment_id": id, **DHL} for id in ids]})
    assert [result["ok"] for result in answer.json()["results"]] == [True, False] * 10
