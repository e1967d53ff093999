"""Many at once: bulk routes, two pickers, ship twice, and a transaction that is tried again."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from services.fulfillment import operations
from services.fulfillment.domain.commands import Done, PackedParcel, PickLine
from shared.runtime.clock import new_id
from tests.component.fulfillment.conftest import Warehouse, at_once, cancellation, order_id, ready
from tests.component.fulfillment.test_questions import units

Open = Callable[[], Awaitable[Warehouse]]


def results(response: Any) -> list[tuple[bool, str]]:
    """Each item's outcome: ok, and its id."""
    assert response.status_code == 200, response.text
    return [(result["ok"], result["id"]) for result in response.json()["results"]]


async def test_a_bulk_command_does_each_and_a_bad_one_fails_alone(warehouse: Warehouse) -> None:
    one, two, closed = [await warehouse.has() for _ in range(3)]
    await warehouse.hears(cancellation(closed["order_id"]))
    ids = [one["fulfillment_id"], closed["fulfillment_id"], str(new_id()), two["fulfillment_id"]]
    items: list[dict[str, Any]] = [{"fulfillment_id": id} for id in ids]
    items[3]["lines"] = [{"product_id": "ROSE-50", "quantity": 4}]
    wrong = {"fulfillment_id": two["fulfillment_id"], "lines": [{"product_id": "ROSE-50", "quantity": -4}]}
    response = await warehouse.post("bulk/pick", {"items": [*items, wrong, {}]})
    assert results(response) == [
        (True, ids[0]),
        (False, ids[1]),
        (False, ids[2]),
        (True, ids[3]),
        (False, ids[3]),
        (False, None),
    ]
    told = response.json()["results"]
    assert [result["problem"]["status"] for result in told if not result["ok"]] == [409, 404, 422, 422]
    assert told[4]["problem"]["errors"][0]["pointer"] == "/lines/0/quantity"
    assert units(told[0]["result"], "picked") == [(5,), (2,)]
    assert units(await warehouse.of_order(two["order_id"]), "picked") == [(4,), (0,)]


async def test_items_of_one_fulfillment_see_each_other(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    item = {
        "fulfillment_id": fulfillment["fulfillment_id"],
        "lines": [{"product_id": "ROSE-50", "quantity": 3}],
    }
    response = await warehouse.post("bulk/pick", {"items": [item, item]})
    assert [ok for ok, _ in results(response)] == [True, False]
    assert units(await warehouse.of_order(fulfillment["order_id"]), "picked") == [(3,), (0,)]


async def test_five_hundred_orders_are_picked_packed_shipped_and_delivered_in_four_calls(warehouse: Warehouse) -> None:
    await warehouse.hears(*(ready(order_id()) for _ in range(500)))
    page = await warehouse.get("fulfillments?limit=500")
    ids = [found["fulfillment_id"] for found in page["items"]]
    for action in ("pick", "pack"):
        done = await warehouse.post(f"bulk/{action}", {"items": [{"fulfillment_id": id} for id in ids]})
        assert results(done) == [(True, id) for id in ids]
    items = [{"fulfillment_id": id, "carrier": "DHL", "tracking_number": id} for id in ids]
    first, again = [await warehouse.post("bulk/ship", {"items": items}) for _ in range(2)]
    assert results(first) == [(True, id) for id in ids]
    assert first.json() == again.json()
    shipments = [result["result"]["shipment_id"] for result in first.json()["results"]]
    delivered = await warehouse.post("bulk/deliver", {"items": [{"shipment_id": id} for id in shipments]})
    assert results(delivered) == [(True, id) for id in shipments]
    for kind in ("created", "shipped", "delivered"):
        assert await warehouse.count("SELECT count(*) FROM outbox WHERE type = $1", f"fulfillment.{kind}") == 500
    assert await warehouse.count("SELECT count(*) FROM fulfillments WHERE status = 'delivered'") == 500


async def test_a_bulk_of_none_or_of_too_many_is_refused(warehouse: Warehouse) -> None:
    for items in ([], [{"fulfillment_id": str(new_id())}] * 501):
        assert (await warehouse.post("bulk/pack", {"items": items})).status_code == 422


async def test_two_pickers_at_once_pick_each_unit_once(open_warehouse: Open) -> None:
    pickers = [await open_warehouse(), await open_warehouse()]
    fulfillment = await pickers[0].has()
    one_rose = {"lines": [{"product_id": "ROSE-50", "quantity": 1}]}
    answers = await at_once(pickers[0], [pickers[n % 2].do("pick", fulfillment, one_rose) for n in range(12)])
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 5 + [422] * 7
    after = await pickers[0].of_order(fulfillment["order_id"])
    assert units(after, "picked") == [(5,), (0,)]
    assert after["version"] == fulfillment["version"] + 5


PICKED = """
SELECT (SELECT sum(quantity)::int FROM picks), (SELECT sum(picked)::int FROM lines), (SELECT sum(revision)::int FROM
        fulfillments)
"""


async def test_two_pickers_who_take_one_list_pick_it_once(open_warehouse: Open) -> None:
    pickers = [await open_warehouse(), await open_warehouse()]
    await pickers[0].hears(*(ready(order_id()) for _ in range(10)))
    wave = (await pickers[0].post("waves")).json()
    lists = [(await picker.get(f"waves/{wave['wave_id']}"))["lines"] for picker in pickers]
    assert len(lists[0]) == 20 and lists[0] == lists[1]
    scanned = [
        {
            "fulfillment_id": id,
            "lines": [
                {"product_id": line["product_id"], "quantity": line["quantity"]}
                for line in lists[0]
                if line["fulfillment_id"] == id
            ],
        }
        for id in sorted({line["fulfillment_id"] for line in lists[0]})
    ]
    calls = [picker.post("bulk/pick", {"items": scanned}) for picker in pickers]
    outcomes = [results(answer) for answer in await at_once(pickers[0], calls)]
    assert sorted(sum(ok for ok, _ in one) for one in outcomes) == [0, 10]
    assert await pickers[0].get(f"waves/{wave['wave_id']}") == {**wave, "lines": []}
    async with pickers[0].database.reading() as connection:
        assert list(await connection.fetchrow(PICKED)) == [70, 70, 20]


async def test_ship_at_once_from_two_instances_is_one_shipment(open_warehouse: Open) -> None:
    packers = [await open_warehouse(), await open_warehouse()]
    fulfillment = await packers[0].has()
    await packers[0].do("pick", fulfillment)
    label = {"carrier": "DHL", "tracking_number": "JJD-1"}
    answers = await at_once(packers[0], [packers[n % 2].do("ship", fulfillment, label) for n in range(8)])
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.text for answer in answers}) == 1
    assert await packers[0].kinds(fulfillment["order_id"]) == [("created", 1), ("shipped", 2)]


async def test_a_cancel_and_a_ship_at_once_are_judged_in_one_order(open_warehouse: Open) -> None:
    floor, office = await open_warehouse(), await open_warehouse()
    fulfillments = [await floor.has() for _ in range(20)]
    ids = [fulfillment["fulfillment_id"] for fulfillment in fulfillments]
    await floor.post("bulk/pick", {"items": [{"fulfillment_id": id} for id in ids]})
    items = [{"fulfillment_id": id, "carrier": "DHL", "tracking_number": "1"} for id in ids]
    cancels = [cancellation(fulfillment["order_id"]) for fulfillment in fulfillments]
    calls = [floor.post("bulk/ship", {"items": items}), *(office.hears(cancel) for cancel in cancels[:5])]
    shipped, *_ = await at_once(floor, calls)
    await office.hears(*cancels)
    for (ok, _), fulfillment in zip(results(shipped), fulfillments, strict=True):
        after = await floor.of_order(fulfillment["order_id"])
        expected = [(5, 0), (2, 0)] if ok else [(0, 5), (0, 2)]
        assert (after["closed"], units(after, "shipped", "cancelled")) == (True, expected)
        assert [version for _, version in await floor.kinds(fulfillment["order_id"])] == ([1, 2, 3] if ok else [1, 2])


async def test_a_cancel_and_a_target_at_once_are_both_heard(open_warehouse: Open) -> None:
    one, other = await open_warehouse(), await open_warehouse()
    id = (await one.has())["order_id"]
    await at_once(one, [one.hears(cancellation(id, 6, rose=2)), other.hears(ready(id, 4))])
    assert sorted(await one.kinds(id), key=lambda told: told[1])[0] == ("created", 1)
    assert sorted(version for _, version in await one.kinds(id)) == [1, 2, 3]
    assert units(await one.of_order(id), "target", "cancelled") == [(3, 2), (2, 0)]


async def test_a_command_that_is_tried_again_after_its_commit_has_no_second_effect(warehouse: Warehouse) -> None:
    fulfillment = UUID((await warehouse.has())["fulfillment_id"])
    pick = operations.Pick(fulfillment, new_id(), (PickLine("ROSE-50", 2, 1, "missing"),), "ann")
    pack = operations.Pack(fulfillment, new_id(), (PackedParcel({"ROSE-50": 1}),))
    ship = operations.Ship(fulfillment, new_id(), "DHL", "1", None, "ann")
    tries: list[tuple[Any, Any]] = [(operations.pick, pick), (operations.pack, pack), (operations.ship, ship)]
    for operation, request in tries:
        ends = []
        for _ in range(2):
            async with warehouse.database.transaction() as tx:
                (outcome,) = await operation(tx, [request])
            assert isinstance(outcome, Done)
            ends.append((outcome.fulfillment.revision, outcome.fulfillment.lines, outcome.shipment))
        assert ends[0] == ends[1]
