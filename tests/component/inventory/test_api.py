"""Inventory's REST on a real Postgres: items, movements, lists, reconciliation."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.inventory.app import build
from services.inventory.settings import InventorySettings
from shared.runtime.auth import make_token
from shared.runtime.service import http_app
from tests.component.inventory.warehouse import Warehouse, new

SECRET = "s" * 32
COST = {"amount": "2.5000", "currency": "EUR"}


@pytest.fixture
async def client(warehouse: Warehouse) -> AsyncIterator[httpx.AsyncClient]:
    """A client with every scope; the service's background tasks do not run."""
    settings = InventorySettings(postgres_dsn=warehouse.dsn, kafka="unused:1", jwt_secret=SECRET)
    service = build(settings)
    await service.database.open()
    transport = httpx.ASGITransport(app=http_app(service))
    headers = {"Authorization": f"Bearer {make_token(SECRET, 'ann')}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://i/api/inventory", headers=headers) as opened:
        yield opened
    await service.database.close()


async def _make(client: httpx.AsyncClient, id: str, quantity: int = 0, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/products", json={"product_id": id, "name": f"The {id}", **fields})
    assert answer.status_code == 201, answer.text
    if quantity:
        receipt = {"item_id": id, "quantity": quantity, "supplier_lot": "S", "unit_cost": COST}
        assert (await client.post("/receipts", json=receipt)).status_code == 201
    made: dict[str, Any] = answer.json()
    return made


async def test_a_product_is_made_once_shown_and_changed_by_version(client: httpx.AsyncClient) -> None:
    made = await _make(client, "P", alternatives=["Q"])
    assert (made["product_id"], made["unit"], made["version"], made["alternatives"]) == ("P", "pcs", 1, ["Q"])
    body = {"product_id": "P", "name": "The P", "alternatives": ["Q"]}
    assert (await client.post("/products", json=body)).status_code == 201
    other = await client.post("/products", json={"product_id": "P", "name": "Another"})
    assert (other.status_code, other.json()["id"]) == (409, "P")
    twin = await client.post("/materials", json={"material_id": "P", "name": "The P", "unit": "ml"})
    assert twin.status_code == 409
    changed = await client.patch("/products/P", json={"name": "New"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["name"], changed.json()["version"]) == (200, "New", 2)
    stale = await client.patch("/products/P", json={"name": "Newer"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["version"]) == (412, 2)
    assert (await client.patch("/products/P", json={"name": "New"})).json()["version"] == 2
    assert (await client.patch("/materials/P", json={"name": "x"})).status_code == 404
    assert (await client.get("/materials/P")).status_code == 404


async def test_stock_is_told_in_the_words_of_the_contract(client: httpx.AsyncClient, warehouse: Warehouse) -> None:
    await _make(client, "P", 100, reorder_point=5)
    await warehouse.hear(warehouse.created(new(), ("P", 25)))
    stock = (await client.get("/products/P/stock")).json()
    assert stock.pop("as_of").endswith("Z")
    assert stock == {
        "product_id": "P",
        "current_stock": 100,
        "reserved_stock": 25,
        "available_stock": 75,
        "min_stock_level": 0,
        "reorder_point": 5,
        "held_stock": 0,
        "projected_stock": 75,
        "incoming": 0,
        "queued": 0,
        "name": "The P",
        "unit": "pcs",
        "version": 3,
    }


async def test_a_receipt_with_its_key_is_received_once(client: httpx.AsyncClient, warehouse: Warehouse) -> None:
    await _make(client, "P")
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 3), on_shortage="backorder"))
    receipt = {"item_id": "P", "quantity": 5, "supplier_lot": "S", "unit_cost": COST}
    answers = [await client.post("/receipts", json=receipt, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["filled"] == [{"order_id": one, "quantity": 3}]
    assert answers[1].headers["Idempotent-Replayed"] == "true"
    assert await warehouse.levels("P") == (5, 3, 0, 0)


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/receipts", {"item_id": "NONE", "quantity": 1, "supplier_lot": "S", "unit_cost": COST}, "/item_id"),
        ("/receipts", {"item_id": "P", "quantity": 0, "supplier_lot": "S", "unit_cost": COST}, "/quantity"),
        ("/receipts", {"item_id": "P", "quantity": 1.5, "supplier_lot": "S", "unit_cost": COST}, "/quantity"),
        ("/receipts", {"item_id": "P", "quantity": "5", "supplier_lot": "S", "unit_cost": COST}, "/quantity"),
        (
            "/receipts",
            {"item_id": "P", "quantity": 1, "supplier_lot": "S", "unit_cost": {**COST, "currency": "USD"}},
            "/unit_cost/currency",
        ),
        ("/counts", {"item_id": "P", "counted": 1, "version": 99, "reason": "x"}, "/version"),
        ("/counts", {"item_id": "P", "counted": 1, "version": 1}, "/reason"),
        ("/adjustments", {"item_id": "P", "quantity": 1}, "/reason"),
        ("/products", {"product_id": "a b", "name": "x"}, "/product_id"),
        ("/materials", {"material_id": "M", "name": "x", "unit": "l"}, "/unit"),
        ("/availability", {"items": []}, "/items"),
    ],
)
async def test_a_wrong_body_is_422_with_the_field_and_changes_nothing(
    client: httpx.AsyncClient, warehouse: Warehouse, path: str, body: dict[str, Any], pointer: str
) -> None:
    await _make(client, "P")
    answer = await client.post(path, json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert await warehouse.entries("P") == []


async def test_counts_and_adjustments_tell_what_they_did(client: httpx.AsyncClient, warehouse: Warehouse) -> None:
    await _make(client, "P", 10)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 8)))
    refused = await client.post("/adjustments", json={"item_id": "P", "quantity": -3, "reason": "broken"})
    assert (refused.status_code, refused.json()["allowed"]) == (409, ["count"])
    adjusted = (await client.post("/adjustments", json={"item_id": "P", "quantity": -1, "reason": "broken"})).json()
    ledger = (await client.get("/ledger?item_id=P")).json()["items"]
    assert (adjusted["transaction_id"], ledger[0]["actor"]) == (ledger[0]["transaction_id"], "ann")
    version = (await client.get("/products/P/stock")).json()["version"]
    counted = await client.post("/counts", json={"item_id": "P", "counted": 7, "version": version, "reason": "cycle"})
    told = counted.json()
    assert (counted.status_code, told["expected"], told["variance"], told["current_stock"]) == (201, 9, -2, 7)
    assert told["taken_back"] == [{"order_id": one, "product_id": "P", "quantity": 1}]


async def test_a_basket_is_compared_with_what_is_available(client: httpx.AsyncClient) -> None:
    await _make(client, "P", 3, alternatives=["Q"])
    await _make(client, "Q", 2)
    lines = [{"product_id": "P", "quantity": 2}, {"product_id": "P", "quantity": 2}, {"product_id": "Q", "quantity": 1}]
    told = (await client.post("/availability", json={"items": lines})).json()
    assert told["available"] is False
    assert [(line["product_id"], line["requested"], line["sufficient"]) for line in told["items"]] == [
        ("P", 4, False),
        ("Q", 1, True),
    ]
    assert told["items"][0]["alternatives"] == [{"product_id": "Q", "name": "The Q", "available": 2}]


async def test_lists_go_page_by_page_and_lose_nothing(client: httpx.AsyncClient, warehouse: Warehouse) -> None:
    for number in range(5):
        await _make(client, f"P{number}", number, reorder_point=9)
        await warehouse.hear(warehouse.created(new(), (f"P{number}", 1), on_shortage="backorder"))
    lists = {"/products": 5, "/reservations": 5, "/ledger": 8, "/alerts/low-stock": 5}
    for path, total in lists.items():
        found: list[Any] = []
        cursor = ""
        while cursor is not None:
            page = (await client.get(f"{path}?limit=2&cursor={cursor}")).json()
            found += page["items"]
            cursor = page["next_cursor"]
        assert len(found) == len({str(item) for item in found}) == total, path
    assert [item["product_id"] for item in (await client.get("/products?q=p3")).json()["items"]] == ["P3"]
    assert (await client.get("/ledger?cursor=nonsense")).status_code == 400
    assert (await client.get("/reservations?status=nonsense")).status_code == 422
    assert (await client.get("/alerts/low-stock")).json()["items"][0]["kind"] == "stockout"


async def test_reconciliation_names_each_deviation_and_a_correction_applies_once(
    client: httpx.AsyncClient, warehouse: Warehouse
) -> None:
    await _make(client, "P", 10)
    await warehouse.hear(warehouse.created(new(), ("P", 2)))
    assert (await client.get("/reconcile")).json()["ok"] is True
    async with warehouse.database.transaction() as tx:
        await tx.execute("UPDATE stock SET current = 9, reserved = 3 WHERE item_id = 'P'")
    told = (await client.get("/reconcile")).json()
    assert {(one["check"], one["expected"], one["actual"]) for one in told["deviations"]} == {
        ("current_ledger", 10, 9),
        ("current_lots", 10, 9),
        ("reserved_holds", 2, 3),
    }
    for deviation in told["deviations"]:
        asked = {
            "item_id": "P",
            "check": deviation["check"],
            "quantity": deviation["proposal"]["quantity"],
            "reason": "by hand",
        }
        assert (await client.post("/reconcile/corrections", json=asked)).status_code == 201
        assert (await client.post("/reconcile/corrections", json=asked)).status_code == 409
    assert (await client.get("/reconcile")).json()["deviations"] == []
    assert await warehouse.levels("P") == (9, 2, 0, 0)
