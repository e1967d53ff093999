"""Lots on a real Postgres: from the supplier's drum over the batch to the customer's parcel and back."""

from collections import Counter
from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from shared.contracts import fulfillment
from tests.component.inventory.test_api import client as client
from tests.component.inventory.warehouse import Warehouse, event, new

UNITS = """
SELECT lot_code, quantity FROM lots WHERE item_id = $1 ORDER BY made_at, lot_id
"""


async def _units(warehouse: Warehouse, item_id: str) -> list[tuple[str, int]]:
    """Code and units of each lot of an item, the oldest first."""
    async with warehouse.database.reading() as connection:
        return [(row["lot_code"], row["quantity"]) for row in await connection.fetch(UNITS, item_id)]


async def _lot_id(warehouse: Warehouse, code: str) -> UUID:
    async with warehouse.database.reading() as connection:
        found: UUID = await connection.fetchval("SELECT lot_id FROM lots WHERE lot_code = $1", code)
        return found


async def _bottled(warehouse: Warehouse, good: int = 8) -> str:
    """Oil of two drums and ten bottles become a lot; ten of oil go back."""
    await warehouse.item("P")
    await warehouse.item("OIL", kind="material")
    await warehouse.item("GLASS", kind="material")
    await warehouse.receive("OIL", 30, lot="DRUM-1", expires_on=date(2027, 1, 1))
    await warehouse.receive("OIL", 90, lot="DRUM-2")
    await warehouse.receive("GLASS", 10, lot="BOX-1")
    batch, needs = new(), [("OIL", 50, None), ("GLASS", 10, None)]
    used = [("OIL", 50, 40), ("GLASS", 10, 10)]
    await warehouse.hear(warehouse.batch("batch.planned", batch, *needs))
    await warehouse.hear(warehouse.batch("batch.start_requested", batch, *needs, version=2))
    await warehouse.hear(warehouse.batch("batch.consumed", batch, *used, version=3))
    await warehouse.hear(warehouse.batch("batch.completed", batch, *used, version=4, good=good))
    return batch


async def _shipped(warehouse: Warehouse, quantity: int, lots: Sequence[dict[str, Any]] = ()) -> tuple[str, str]:
    """Order and shipment of so many of P."""
    order_id, shipment_id = new(), new()
    await warehouse.hear(warehouse.created(order_id, ("P", quantity), confirm=True))
    fact = warehouse.shipped(order_id, ("P", quantity), shipment_id=shipment_id)
    told = fact.data.model_dump()
    told["shipped"] = [{"product_id": "P", "quantity": quantity, "lots": list(lots)}]
    data = fulfillment.FulfillmentShipped.model_validate(told)
    await warehouse.hear(event("fulfillment.shipped", order_id, 1, data))
    return order_id, shipment_id


async def test_a_receipt_is_a_lot_and_the_first_to_expire_leaves_first(warehouse: Warehouse) -> None:
    await warehouse.item("P")
    await warehouse.receive("P", 5, lot="LATE", expires_on=date(2028, 1, 1))
    await warehouse.receive("P", 5, lot="SOON", expires_on=date(2027, 1, 1))
    await _shipped(warehouse, 6)
    assert await _units(warehouse, "P") == [("LATE", 4), ("SOON", 0)]
    told = dict(await warehouse.told())["stock.deducted"]["deducted"]
    assert [(lot["lot_code"], lot["expires_on"], lot["quantity"]) for lot in told[0]["lots"]] == [
        ("SOON", "2027-01-01", 5),
        ("LATE", "2028-01-01", 1),
    ]
    await warehouse.is_true()


async def test_the_lot_that_was_seen_to_leave_leaves(warehouse: Warehouse) -> None:
    await warehouse.item("P")
    await warehouse.receive("P", 5, lot="FIRST")
    await warehouse.receive("P", 5, lot="SECOND")
    seen = {"lot_id": str(await _lot_id(warehouse, "SECOND")), "lot_code": "SECOND", "expires_on": None, "quantity": 3}
    await _shipped(warehouse, 3, [seen])
    assert await _units(warehouse, "P") == [("FIRST", 5), ("SECOND", 2)]
    await warehouse.is_true()


async def test_materials_leave_by_lots_and_what_was_not_used_goes_back_to_them(warehouse: Warehouse) -> None:
    await _bottled(warehouse)
    assert await _units(warehouse, "OIL") == [("DRUM-1", 0), ("DRUM-2", 80)]
    assert await _units(warehouse, "GLASS") == [("BOX-1", 0)]
    assert await _units(warehouse, "P") == [("L-1", 8)]
    await warehouse.is_true()


async def test_what_is_counted_adjusted_or_found_moves_lots_too(warehouse: Warehouse) -> None:
    await warehouse.item("P")
    await warehouse.receive("P", 5, lot="OLD")
    await warehouse.receive("P", 5, lot="NEW")
    await warehouse.count("P", 4)
    assert await _units(warehouse, "P") == [("OLD", 0), ("NEW", 4)]
    await warehouse.adjust("P", 3)
    assert await _units(warehouse, "P") == [("OLD", 0), ("NEW", 7)]
    await warehouse.hear(warehouse.shipped(new(), ("P", 9)))
    assert await _units(warehouse, "P") == [("OLD", 0), ("NEW", 0)]
    await warehouse.is_true()


async def test_a_trace_goes_back_to_the_drums_and_on_to_the_customers(
    warehouse: Warehouse, client: httpx.AsyncClient
) -> None:
    batch = await _bottled(warehouse)
    parcels = [await _shipped(warehouse, quantity) for quantity in (3, 2)]
    bottles = str(await _lot_id(warehouse, "L-1"))
    told = (await client.get(f"/lots/{bottles}/trace")).json()
    assert told["lot"] == (await client.get(f"/lots/{bottles}")).json()
    assert {(row["item_id"], row["supplier_lot"], row["batch_id"], row["quantity"]) for row in told["backward"]} == {
        ("OIL", "DRUM-1", batch, 30),
        ("OIL", "DRUM-2", batch, 10),
        ("GLASS", "BOX-1", batch, 10),
    }
    sold = {(row["order_id"], row["shipment_id"], row["customer_id"], row["quantity"]) for row in told["forward"]}
    assert sold == {(*parcels[0], "c-1", 3), (*parcels[1], "c-1", 2)}
    drum = (await client.get(f"/lots/{await _lot_id(warehouse, 'DRUM-1')}/trace")).json()
    assert drum["backward"] == []
    assert Counter((row["batch_id"], row["order_id"], row["quantity"]) for row in drum["forward"]) == Counter(
        [(batch, None, 30), *((None, order_id, units) for (order_id, _), units in zip(parcels, (3, 2), strict=True))]
    )


async def test_a_batch_that_gave_everything_back_is_in_no_trace(
    warehouse: Warehouse, client: httpx.AsyncClient
) -> None:
    await warehouse.item("OIL", kind="material")
    await warehouse.receive("OIL", 30, lot="DRUM-1")
    batch = new()
    await warehouse.hear(warehouse.batch("batch.planned", batch, ("OIL", 20, None)))
    await warehouse.hear(warehouse.batch("batch.start_requested", batch, ("OIL", 20, None), version=2))
    await warehouse.hear(warehouse.batch("batch.failed", batch, ("OIL", 20, 0), version=3))
    assert await _units(warehouse, "OIL") == [("DRUM-1", 30)]
    assert (await client.get(f"/lots/{await _lot_id(warehouse, 'DRUM-1')}/trace")).json()["forward"] == []
    await warehouse.is_true()


async def _made(warehouse: Warehouse, product: str, material: str, need: int, used: int) -> str:
    """Eight of a product, of a material of which some may come back."""
    batch, asked, done = new(), (material, need, None), (material, need, used)
    await warehouse.hear(warehouse.batch("batch.planned", batch, asked, product=product))
    await warehouse.hear(warehouse.batch("batch.start_requested", batch, asked, version=2, product=product))
    await warehouse.hear(warehouse.batch("batch.consumed", batch, done, version=3, product=product))
    await warehouse.hear(warehouse.batch("batch.completed", batch, done, version=4, product=product, good=8))
    return batch


async def test_a_drum_of_which_all_came_back_is_traced_to_no_customer(
    warehouse: Warehouse, client: httpx.AsyncClient
) -> None:
    await warehouse.item("OIL", kind="material")
    await warehouse.item("P")
    await warehouse.receive("OIL", 30, lot="DRUM-1", expires_on=date(2027, 1, 1))
    await warehouse.receive("OIL", 90, lot="DRUM-2")
    batch = await _made(warehouse, "P", "OIL", 40, 30)
    order_id, _ = await _shipped(warehouse, 3)
    assert await _units(warehouse, "OIL") == [("DRUM-1", 0), ("DRUM-2", 90)]
    unused = (await client.get(f"/lots/{await _lot_id(warehouse, 'DRUM-2')}/trace")).json()
    assert unused["forward"] == []
    used = (await client.get(f"/lots/{await _lot_id(warehouse, 'DRUM-1')}/trace")).json()
    assert Counter((row["batch_id"], row["order_id"], row["quantity"]) for row in used["forward"]) == Counter(
        [(batch, None, 30), (None, order_id, 3)]
    )


async def test_what_a_lot_that_all_came_back_was_made_of_is_no_origin(
    warehouse: Warehouse, client: httpx.AsyncClient
) -> None:
    await warehouse.item("BASE", kind="material")
    await warehouse.item("OIL", kind="material")
    await warehouse.item("P")
    await warehouse.receive("OIL", 5, lot="DRUM-1", expires_on=date(2027, 1, 1))
    await warehouse.receive("BASE", 20, lot="BASE-1")
    await _made(warehouse, "OIL", "BASE", 20, 20)
    batch = await _made(warehouse, "P", "OIL", 8, 5)
    assert await _units(warehouse, "OIL") == [("DRUM-1", 0), ("L-1", 8)]
    [bottles] = (await client.get("/lots", params={"item_id": "P"})).json()["items"]
    told = (await client.get(f"/lots/{bottles['lot_id']}/trace")).json()
    assert [(row["supplier_lot"], row["batch_id"], row["quantity"]) for row in told["backward"]] == [
        ("DRUM-1", batch, 5)
    ]


async def test_lots_are_listed_by_item_and_status_page_by_page(warehouse: Warehouse, client: httpx.AsyncClient) -> None:
    await _bottled(warehouse)
    found, cursor = [], ""
    while cursor is not None:
        answer = (await client.get(f"/lots?limit=1&cursor={cursor}" if cursor else "/lots?limit=1")).json()
        found += [lot["lot_code"] for lot in answer["items"]]
        cursor = answer["next_cursor"]
    assert found == ["L-1", "BOX-1", "DRUM-2", "DRUM-1"]
    for query, codes in {
        "item_id=OIL": ["DRUM-2", "DRUM-1"],
        "status=recalled": [],
        "item_id=P&status=available": ["L-1"],
    }.items():
        listed = (await client.get(f"/lots?{query}")).json()["items"]
        assert [lot["lot_code"] for lot in listed] == codes, query
    [lot] = (await client.get("/lots?item_id=P")).json()["items"]
    assert (lot["kind"], lot["quantity"], lot["produced_on"]) == ("batch", 8, "2026-01-31")
    assert (lot["total_cost"]["amount"], lot["unit_cost"]["amount"]) == ("40.0000", "5.0000")
    for path, status in {"status=lost": 422, "cursor=x": 400}.items():
        assert (await client.get(f"/lots?{path}")).status_code == status
    for path in (f"/lots/{new()}", f"/lots/{new()}/trace", "/lots/none"):
        assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    "statement", ["UPDATE lot_movements SET quantity = 1", "DELETE FROM lot_movements", "TRUNCATE lot_movements"]
)
async def test_movements_of_lots_are_never_rewritten(warehouse: Warehouse, statement: str) -> None:
    await warehouse.item("P", 5)
    with pytest.raises(asyncpg.RestrictViolationError):
        async with warehouse.database.transaction() as tx:
            await tx.execute(statement)
    await warehouse.is_true()
