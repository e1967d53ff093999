"""Items and their levels as staff and other services see them: told, listed, compared, low."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx

from services.inventory.operations.levels import publish_levels
from services.inventory.settings import InventorySettings
from tests.component.inventory.test_api import COST
from tests.component.inventory.test_api import client as client
from tests.component.inventory.warehouse import Warehouse, new

TOLD = "SELECT aggregateid, version, payload FROM outbox WHERE type = $1 ORDER BY seq"


async def _told(warehouse: Warehouse, type: str) -> list[tuple[str, int, dict[str, Any]]]:
    async with warehouse.database.reading() as connection:
        rows = await connection.fetch(TOLD, type)
    return [(row["aggregateid"], row["version"], json.loads(row["payload"])) for row in rows]


async def _publish_levels(warehouse: Warehouse) -> int:
    async with warehouse.database.transaction() as tx:
        return await publish_levels(tx)


async def _ids(client: httpx.AsyncClient, path: str) -> list[str]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return [item["product_id"] for item in answer.json()["items"]]


async def test_an_item_is_told_when_it_is_made_and_at_each_change_and_not_otherwise(
    client: httpx.AsyncClient, warehouse: Warehouse
) -> None:
    body = {"product_id": "P", "name": "Rose", "lead_days": 9, "alternatives": ["Q"], "reorder_point": 5}
    for _ in range(2):
        assert (await client.post("/products", json=body)).status_code == 201
    for change in ({"active": False}, {"active": False}, {"name": "Rose 50"}):
        assert (await client.patch("/products/P", json=change)).status_code == 200
    told = await _told(warehouse, "item.changed")
    assert [(id, version, item["name"], item["active"]) for id, version, item in told] == [
        ("P", 1, "Rose", True),
        ("P", 2, "Rose", False),
        ("P", 3, "Rose 50", False),
    ]
    known = told[2][2]
    assert (known["item_kind"], known["unit"], known["lead_days"], known["alternatives"]) == (
        "product",
        "pcs",
        9,
        ["Q"],
    )
    assert (known["min_stock_level"], known["reorder_point"]) == (0, 5)


async def test_a_material_is_made_received_counted_and_shown_in_its_own_unit(
    client: httpx.AsyncClient, warehouse: Warehouse
) -> None:
    body = {"material_id": "OIL", "name": "Rose oil", "unit": "ml", "min_stock_level": 100}
    assert (await client.post("/materials", json=body)).status_code == 201
    receipt = {"item_id": "OIL", "quantity": 500, "supplier_lot": "S-1", "unit_cost": COST, "expires_on": "2027-01-31"}
    assert (await client.post("/receipts", json=receipt)).json()["current_stock"] == 500
    version = (await client.get("/materials/OIL/stock")).json()["version"]
    count = {"item_id": "OIL", "counted": 490, "version": version, "reason": "spilt"}
    assert (await client.post("/counts", json=count)).json()["variance"] == -10
    stock = (await client.get("/materials/OIL/stock")).json()
    assert (stock["material_id"], stock["unit"], stock["current_stock"], stock["min_stock_level"]) == (
        "OIL", "ml", 490, 100,
    )  # fmt: skip
    assert (await client.get("/products/OIL/stock")).status_code == 404
    assert [item["material_id"] for item in (await client.get("/materials")).json()["items"]] == ["OIL"]
    assert await _ids(client, "/products") == []
    [counted, *_] = (await client.get("/ledger?item_id=OIL")).json()["items"]
    assert (counted["type"], counted["actor"], counted["note"]) == ("count", "ann", "spilt")


async def test_levels_of_what_moved_are_told_once_and_only_the_newest(warehouse: Warehouse) -> None:
    await warehouse.item("P", 10)
    await warehouse.item("Q", 4)
    assert await _publish_levels(warehouse) == 2
    await warehouse.hear(warehouse.created(new(), ("P", 4), confirm=True))
    await warehouse.hear(warehouse.created(new(), ("P", 8), on_shortage="backorder", confirm=True))
    await warehouse.hear(warehouse.batch("batch.started", new(), product="P", status="in_progress"))
    assert [await _publish_levels(warehouse) for _ in range(2)] == [1, 0]
    told = await _told(warehouse, "stock.level_changed")
    assert [id for id, _, _ in told] == ["P", "Q", "P"]
    _, version, level = told[2]
    assert version == (await warehouse.level("P"))["version"]
    names = ("item_kind", "current", "reserved", "held", "available", "incoming", "queued", "projected")
    assert [level[name] for name in names] == ["product", 10, 10, 0, 0, 10, 2, 8]


def test_the_times_that_are_promised_are_the_defaults() -> None:
    settings = InventorySettings(
        postgres_dsn="postgresql://nobody@127.0.0.1:1/x", kafka="unused:1", jwt_secret="s" * 32
    )
    assert (settings.hold_seconds, settings.confirmed_seconds) == (15 * 60, 7 * 86_400)
    assert (settings.late_confirm_seconds, settings.level_seconds) == (86_400, 0.5)


async def test_what_is_shown_comes_from_the_books_at_the_time_it_tells(
    client: httpx.AsyncClient, warehouse: Warehouse
) -> None:
    await warehouse.item("P", 10)
    before = datetime.now(UTC)
    first = (await client.get("/products/P/stock")).json()
    await warehouse.hear(warehouse.batch("batch.started", new(), product="P", status="in_progress"))
    await warehouse.hear(warehouse.created(new(), ("P", 12), on_shortage="partial"))
    second = (await client.get("/products/P/stock")).json()
    assert (first["available_stock"], second["available_stock"], second["reserved_stock"]) == (10, 0, 10)
    assert (second["incoming"], second["queued"], second["projected_stock"]) == (10, 2, 8)
    moments = [datetime.fromisoformat(stock["as_of"]) for stock in (first, second)]
    assert moments == sorted(moments) and abs((moments[0] - before).total_seconds()) < 60


async def test_items_are_listed_by_words_by_level_and_by_whether_they_are_sold(
    client: httpx.AsyncClient, warehouse: Warehouse
) -> None:
    await warehouse.item("ROSE-50", 10, reorder_point=5)
    await warehouse.item("ROSE-30", 5, reorder_point=5)
    await warehouse.item("LILY", 0, active=False)
    assert await _ids(client, "/products") == ["LILY", "ROSE-30", "ROSE-50"]
    assert await _ids(client, "/products?q=the%20rose") == ["ROSE-30", "ROSE-50"]
    assert await _ids(client, "/products?q=-50") == ["ROSE-50"]
    assert await _ids(client, "/products?below_reorder_point=true") == ["LILY", "ROSE-30"]
    assert await _ids(client, "/products?below_reorder_point=false") == ["ROSE-50"]
    assert await _ids(client, "/products?active=false") == ["LILY"]
    assert await _ids(client, "/products?active=true&below_reorder_point=true") == ["ROSE-30"]
    refused = await client.get("/products?active=perhaps")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/active")


async def test_a_basket_counts_what_is_available_and_names_only_what_could_be_sold_instead(
    client: httpx.AsyncClient, warehouse: Warehouse
) -> None:
    await warehouse.item("P", 5, alternatives=("EMPTY", "OLD", "NONE", "Q"))
    await warehouse.item("EMPTY")
    await warehouse.item("OLD", 9, active=False)
    await warehouse.item("Q", 3)
    await warehouse.hear(warehouse.created(new(), ("P", 3)))
    lines = [{"product_id": id, "quantity": 2} for id in ("P", "OLD", "NEVER")]
    told = (await client.post("/availability", json={"items": lines})).json()
    assert told["available"] is False
    assert [(line["product_id"], line["available"], line["sufficient"]) for line in told["items"]] == [
        ("P", 2, True),
        ("OLD", 0, False),
        ("NEVER", 0, False),
    ]
    assert [other["product_id"] for other in told["items"][0]["alternatives"]] == ["Q"]
    enough = (await client.post("/availability", json={"items": lines[:1]})).json()
    assert enough["available"] is True
    assert await warehouse.levels("P") == (5, 3, 0, 0)


async def test_the_low_stock_list_tells_the_gravest_of_each_item_and_how_much_to_get(
    client: httpx.AsyncClient, warehouse: Warehouse
) -> None:
    await warehouse.item("A", 30, minimum=5, reorder_point=20)
    await warehouse.item("B", 4, minimum=5, reorder_point=20)
    await warehouse.item("C", 0, kind="material", reorder_point=20)
    await warehouse.item("D", 0)
    await warehouse.hear(warehouse.created(new(), ("B", 6), on_shortage="backorder"))
    await warehouse.hear(warehouse.batch("batch.planned", new(), ("C", 3, None), product="A"))
    await warehouse.adjust("A", -15)
    low = (await client.get("/alerts/low-stock")).json()["items"]
    names = ("item_id", "item_kind", "kind", "status", "available_stock", "incoming", "queued", "suggested_quantity")
    assert [tuple(one[name] for name in names) for one in low] == [
        ("A", "product", "low_stock", "raised", 15, 10, 0, 15),
        ("B", "product", "stockout", "raised", 0, 0, 2, 42),
        ("C", "material", "stockout", "raised", 0, 0, 3, 43),
    ]
    path = f"/alerts/{low[0]['alert_id']}/acknowledge"
    assert (await client.post(path)).status_code == 200
    await warehouse.receive("B", 50)
    seen = (await client.get("/alerts/low-stock")).json()["items"]
    assert [(one["item_id"], one["status"]) for one in seen] == [("A", "acknowledged"), ("C", "raised")]
    assert seen[0]["acknowledged_at"] is not None


async def test_reservations_are_listed_by_order_by_batch_by_item_and_by_state(
    client: httpx.AsyncClient, warehouse: Warehouse
) -> None:
    await warehouse.item("P", 9)
    await warehouse.item("OIL", 9, kind="material")
    held, gone, closed, batch = new(), new(), new(), new()
    await warehouse.hear(warehouse.created(held, ("P", 2)), warehouse.created(gone, ("P", 3), confirm=True))
    await warehouse.hear(warehouse.created(closed, ("P", 4)))
    await warehouse.hear(warehouse.shipped(gone, ("P", 3)), warehouse.cancel(closed, ("P", 4)))
    await warehouse.hear(warehouse.batch("batch.planned", batch, ("OIL", 5, None)))
    for query, expected in {
        "": [(batch, "confirmed"), (closed, "released"), (gone, "fulfilled"), (held, "active")],
        f"?order_id={held}": [(held, "active")],
        f"?batch_id={batch}": [(batch, "confirmed")],
        f"?order_id={batch}": [],
        "?item_id=OIL": [(batch, "confirmed")],
        "?status=fulfilled": [(gone, "fulfilled")],
        "?status=released&item_id=P": [(closed, "released")],
        "?status=expired": [],
    }.items():
        found = (await client.get(f"/reservations{query}")).json()["items"]
        assert [(row.get("order_id") or row["batch_id"], row["status"]) for row in found] == expected, query
    for row in (await client.get("/reservations")).json()["items"]:
        assert row["want"] == row["held"] + row["backordered"] + row["deducted"] + row["cancelled"]
