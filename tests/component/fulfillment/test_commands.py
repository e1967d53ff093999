"""The floor over HTTP: bodies, statuses and errors, and the events that follow."""

from typing import Any
from uuid import UUID

from shared.runtime.clock import new_id
from tests.component.fulfillment.conftest import Warehouse, cancellation, ready
from tests.component.fulfillment.test_questions import units

DHL: dict[str, Any] = {"carrier": "DHL", "tracking_number": "JJD-1"}


def problem(response: Any) -> tuple[int, str]:
    """Status and name."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    return response.status_code, response.json()["type"].removeprefix("urn:flacon:problem:")


async def test_an_order_goes_from_the_shelf_to_the_door(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    id = fulfillment["order_id"]
    listed = await warehouse.get(f"fulfillments/{fulfillment['fulfillment_id']}/picking-list")
    assert listed["wave_id"] is None
    assert [(line["product_id"], line["lot_id"], line["quantity"]) for line in listed["lines"]] == [
        ("ROSE-50", None, 5),
        ("IRIS-30", None, 2),
    ]
    picked = (await warehouse.do("pick", fulfillment)).json()
    assert (picked["status"], picked["version"], units(picked, "picked")) == ("picked", 2, [(5,), (2,)])
    packed = (await warehouse.do("pack", fulfillment)).json()
    assert (packed["status"], packed["version"], units(packed, "packed")) == ("packed", 3, [(5,), (2,)])
    assert packed["parcels"] == [
        {
            "number": 1,
            "weight_grams": None,
            "lines": [{"product_id": "ROSE-50", "quantity": 5}, {"product_id": "IRIS-30", "quantity": 2}],
            "shipment_id": None,
        }
    ]
    response = await warehouse.do("ship", fulfillment, DHL)
    assert response.status_code == 201
    shipped = response.json()
    assert shipped == {
        "success": True,
        "shipment_id": shipped["shipment_id"],
        "order_id": id,
        "status": "shipped",
        "carrier": "DHL",
        "tracking_number": "JJD-1",
    }
    assert UUID(shipped["shipment_id"]).version == 7
    delivered = await warehouse.post(
        f"shipments/{shipped['shipment_id']}/deliver", {"delivered_at": "2026-02-01T09:00:00Z"}
    )
    assert (delivered.status_code, delivered.json()["delivered_at"]) == (200, "2026-02-01T09:00:00.000Z")
    end = await warehouse.get(f"fulfillments/{fulfillment['fulfillment_id']}")
    assert (end["status"], end["shipments"]) == ("delivered", [delivered.json()])
    assert await warehouse.kinds(id) == [("created", 1), ("shipped", 2), ("delivered", 3)]
    _, _, told = (await warehouse.told(id))[1]
    assert told["shipment_id"] == shipped["shipment_id"]
    assert [(line["product_id"], line["quantity"], line["lots"]) for line in told["shipped"]] == [
        ("ROSE-50", 5, []),
        ("IRIS-30", 2, []),
    ]
    assert [(line["picked"], line["shipped"]) for line in told["lines"]] == [(0, 5), (0, 2)]


async def test_a_short_pick_is_told_once_with_its_reason(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    line = {"product_id": "ROSE-50", "quantity": 3, "short_quantity": 2, "short_reason": "missing"}
    response = await warehouse.do("pick", fulfillment, {"lines": [line]})
    assert (response.status_code, units(response.json(), "picked", "short", "target")) == (200, [(3, 2, 3), (0, 0, 2)])
    assert await warehouse.kinds(fulfillment["order_id"]) == [("created", 1), ("short_picked", 2)]
    told = (await warehouse.told(fulfillment["order_id"]))[-1][2]
    assert told["shorts"] == [{"product_id": "ROSE-50", "lot_id": None, "quantity": 2, "reason": "missing"}]
    assert UUID(told["short_pick_id"]).version == 7
    assert [(line["target"], line["short"]) for line in told["lines"]] == [(3, 2), (2, 0)]
    kept = "SELECT count(*) FROM picks WHERE pick_id = $1 AND picked_by = 'ann' AND short_quantity = 2"
    assert await warehouse.count(kept, UUID(told["short_pick_id"])) == 1


async def test_a_unit_found_damaged_after_packing_is_reported_by_pick(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    await warehouse.do("pick", fulfillment)
    await warehouse.do("pack", fulfillment)
    line = {"product_id": "IRIS-30", "quantity": 0, "short_quantity": 2, "short_reason": "damaged"}
    response = await warehouse.do("pick", fulfillment, {"lines": [line]})
    assert units(response.json(), "picked", "packed", "short", "target") == [(5, 5, 0, 5), (0, 0, 2, 0)]
    assert [parcel["lines"] for parcel in response.json()["parcels"]] == [[{"product_id": "ROSE-50", "quantity": 5}]]
    assert response.json() == await warehouse.get(f"fulfillments/{fulfillment['fulfillment_id']}")


async def test_parcels_are_kept_with_weight_and_contents_as_they_were_closed(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    await warehouse.do("pick", fulfillment)
    some, rest = [[{"product_id": "ROSE-50", "quantity": units}] for units in (3, 2)]
    with_iris = [*rest, {"product_id": "IRIS-30", "quantity": 2}]
    parcels = [{"weight_grams": 1200, "lines": some}, {"lines": with_iris}]
    assert (await warehouse.do("pack", fulfillment, {"parcels": parcels})).status_code == 200
    await warehouse.do("ship", fulfillment, {**DHL, "lines": some})
    shown = (await warehouse.of_order(fulfillment["order_id"]))["parcels"]
    assert [(parcel["weight_grams"], parcel["lines"], parcel["shipment_id"] is None) for parcel in shown] == [
        (1200, some, False),
        (None, with_iris, True),
    ]


async def test_a_parcel_that_was_emptied_is_gone(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    await warehouse.do("pick", fulfillment)
    roses, irises = [{"product_id": "ROSE-50", "quantity": 5}], [{"product_id": "IRIS-30", "quantity": 2}]
    parcels = [{"weight_grams": 900, "lines": roses}, {"lines": irises}]
    assert (await warehouse.do("pack", fulfillment, {"parcels": parcels})).status_code == 200
    line = {"product_id": "IRIS-30", "quantity": 0, "short_quantity": 2, "short_reason": "damaged"}
    await warehouse.do("pick", fulfillment, {"lines": [line]})
    shown = await warehouse.of_order(fulfillment["order_id"])
    assert [(parcel["number"], parcel["weight_grams"], parcel["lines"]) for parcel in shown["parcels"]] == [
        (1, 900, roses)
    ]


async def test_the_same_carrier_and_number_again_is_the_same_answer(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    three = {**DHL, "lines": [{"product_id": "ROSE-50", "quantity": 3}]}
    await warehouse.do("pick", fulfillment)
    first = await warehouse.do("ship", fulfillment, three)
    assert (first.status_code, first.json()["status"]) == (201, "partially_shipped")
    await warehouse.do("ship", fulfillment, {"carrier": "DHL", "tracking_number": "JJD-2"})
    for again in (three, DHL):
        response = await warehouse.do("ship", fulfillment, again)
        assert (response.status_code, response.json()) == (200, first.json())
    other = await warehouse.do("ship", fulfillment, {**DHL, "lines": [{"product_id": "ROSE-50", "quantity": 2}]})
    assert problem(other) == (409, "already-exists")
    assert other.json()["id"] == first.json()["shipment_id"]
    kinds = [kind for kind, _ in await warehouse.kinds(fulfillment["order_id"])]
    assert kinds == ["created", "shipped", "shipped"]


async def test_the_same_number_on_another_order_is_another_shipment(warehouse: Warehouse) -> None:
    one, other = await warehouse.has(), await warehouse.has()
    shipments = set()
    for fulfillment in (one, other):
        await warehouse.do("pick", fulfillment)
        response = await warehouse.do("ship", fulfillment, DHL)
        assert response.status_code == 201
        shipments.add(response.json()["shipment_id"])
    assert len(shipments) == 2


async def test_the_target_bounds_every_command_and_a_refusal_changes_nothing(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    rose = {"product_id": "ROSE-50", "quantity": 6}
    too_many = await warehouse.do("pick", fulfillment, {"lines": [rose]})
    assert problem(too_many) == (422, "invalid-request")
    assert [error["pointer"] for error in too_many.json()["errors"]] == ["/lines/0/quantity"]
    before = await warehouse.of_order(fulfillment["order_id"])
    assert before == fulfillment
    await warehouse.do("pick", fulfillment)
    assert problem(await warehouse.do("ship", fulfillment, {**DHL, "lines": [rose]})) == (422, "invalid-request")
    assert problem(await warehouse.do("pack", fulfillment, {"parcels": [{"lines": [rose]}]})) == (
        422,
        "invalid-request",
    )
    assert await warehouse.kinds(fulfillment["order_id"]) == [("created", 1)]


async def test_what_the_state_does_not_allow_is_told_with_what_it_does(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    response = await warehouse.do("ship", fulfillment, DHL)
    assert problem(response) == (409, "illegal-transition")
    told = response.json()
    assert (told["from"], told["action"], told["allowed"]) == ("created", "ship", ["pick"])
    await warehouse.hears(cancellation(fulfillment["order_id"]))
    for action, body in (("pick", None), ("pack", None), ("ship", DHL)):
        response = await warehouse.do(action, fulfillment, body)
        assert problem(response) == (409, "illegal-transition")
        assert (response.json()["from"], response.json()["allowed"]) == ("cancelled", [])
    assert await warehouse.kinds(fulfillment["order_id"]) == [("created", 1), ("cancelled", 2)]


async def test_commands_that_find_nothing_left_answer_the_present_state(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    for action in ("pick", "pack"):
        first, again = await warehouse.do(action, fulfillment), await warehouse.do(action, fulfillment)
        assert (again.status_code, again.json()) == (200, first.json())
    shipment = (await warehouse.do("ship", fulfillment, DHL)).json()["shipment_id"]
    arrived = await warehouse.post(f"shipments/{shipment}/deliver")
    again = await warehouse.post(f"shipments/{shipment}/deliver", {"delivered_at": "2020-01-01T00:00:00Z"})
    assert (again.status_code, again.json()) == (200, arrived.json())
    assert await warehouse.kinds(fulfillment["order_id"]) == [("created", 1), ("shipped", 2), ("delivered", 3)]


WRONG: list[tuple[str, Any, str]] = [
    ("pick", {"lines": []}, "/lines"),
    ("pick", {"lines": [{"product_id": "ROSE-50", "quantity": -1}]}, "/lines/0/quantity"),
    ("pick", {"lines": [{"product_id": "ROSE-50", "quantity": 0}]}, "/lines/0"),
    ("pick", {"lines": [{"product_id": "ROSE-50", "quantity": 1, "short_quantity": 1}]}, "/lines/0"),
    ("pick", {"lines": [{"product_id": "a b", "quantity": 1}]}, "/lines/0/product_id"),
    ("pick", {"line": []}, "/line"),
    ("pack", {"parcels": [{"lines": []}]}, "/parcels/0/lines"),
    ("ship", {"carrier": " ", "tracking_number": "1"}, "/carrier"),
    ("ship", {"carrier": "DHL"}, "/tracking_number"),
    ("ship", {**DHL, "lines": [{"product_id": "ROSE-50", "quantity": "1"}]}, "/lines/0/quantity"),
]


async def test_a_wrong_body_is_refused_with_its_place(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    for action, body, pointer in WRONG:
        response = await warehouse.do(action, fulfillment, body)
        assert problem(response) == (422, "invalid-request")
        assert [error["pointer"] for error in response.json()["errors"]] == [pointer]


async def test_what_is_not_there_is_not_found(warehouse: Warehouse) -> None:
    for path in (f"fulfillments/{new_id()}/pick", f"shipments/{new_id()}/deliver", "fulfillments/kpis/pick"):
        assert problem(await warehouse.post(path)) == (404, "not-found")
    assert (await warehouse.reader.get(f"/api/fulfillment/fulfillments/{new_id()}")).status_code == 404
    assert (await warehouse.reader.get("/api/fulfillment/fulfillments/kpis")).status_code == 404


async def test_scopes_are_needed(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    path = f"/api/fulfillment/fulfillments/{fulfillment['fulfillment_id']}"
    assert (await warehouse.reader.post(f"{path}/pick")).status_code == 403
    assert (await warehouse.client.get(path)).status_code == 403


async def test_an_idempotency_key_gets_the_first_answer_again(warehouse: Warehouse) -> None:
    fulfillment = await warehouse.has()
    path = f"fulfillments/{fulfillment['fulfillment_id']}/pick"
    body = {"lines": [{"product_id": "ROSE-50", "quantity": 1}]}
    first = await warehouse.post(path, body, Idempotency_Key="k-1")
    again = await warehouse.post(path, body, Idempotency_Key="k-1")
    assert (again.json(), again.headers["idempotent-replayed"]) == (first.json(), "true")
    assert units(await warehouse.of_order(fulfillment["order_id"]), "picked") == [(1,), (0,)]


async def test_the_list_is_newest_first_and_filtered(warehouse: Warehouse) -> None:
    made = [await warehouse.has(requested_delivery=day) for day in ("2020-01-01", None, "2100-01-01")]
    ids = [fulfillment["fulfillment_id"] for fulfillment in reversed(made)]
    assert [found["fulfillment_id"] for found in (await warehouse.get("fulfillments"))["items"]] == ids
    first = await warehouse.get("fulfillments?limit=2")
    rest = await warehouse.get(f"fulfillments?limit=2&cursor={first['next_cursor']}")
    assert [found["fulfillment_id"] for found in first["items"] + rest["items"]] == ids
    assert rest["next_cursor"] is None
    assert [found["fulfillment_id"] for found in (await warehouse.get("fulfillments?late=true"))["items"]] == ids[2:]
    assert len((await warehouse.get("fulfillments?late=false"))["items"]) == 2
    await warehouse.do("pick", made[0])
    assert len((await warehouse.get("fulfillments?status=picked"))["items"]) == 1
    await warehouse.do("ship", made[0], DHL)
    assert (await warehouse.get("fulfillments?late=true"))["items"] == []
    for wrong in ("status=done", "late=yes", "limit=0", "order_id=%00"):
        assert (await warehouse.reader.get(f"/api/fulfillment/fulfillments?{wrong}")).status_code == 422
    for wrong in ("x", "WzFd", "W10"):
        assert (await warehouse.reader.get(f"/api/fulfillment/fulfillments?cursor={wrong}")).status_code == 400


async def test_a_partial_order_ships_twice(warehouse: Warehouse) -> None:
    rose = {"product_id": "ROSE-50", "quantity": 5}
    fulfillment = await warehouse.has({**rose, "target": 2})
    await warehouse.do("pick", fulfillment)
    first = await warehouse.do("ship", fulfillment, DHL)
    assert first.json()["status"] == "partially_shipped"
    await warehouse.hears(ready(fulfillment["order_id"], 8, {**rose, "target": 5, "shipped": 2}))
    await warehouse.do("pick", fulfillment)
    second = await warehouse.do("ship", fulfillment, {"carrier": "DHL", "tracking_number": "JJD-2"})
    assert second.json()["status"] == "shipped"
    assert units(await warehouse.of_order(fulfillment["order_id"]), "shipped") == [(5,)]
