"""Batches on a real Postgres: materials claimed, issued at their cost, settled; good units received once."""

from datetime import timedelta

from tests.component.inventory.warehouse import START, Warehouse, new, only


async def _stocked(warehouse: Warehouse, oil: int = 100) -> None:
    await warehouse.item("P")
    await warehouse.item("OIL", kind="material")
    await warehouse.item("GLASS", kind="material")
    if oil:
        await warehouse.receive("OIL", oil, "0.5")
    await warehouse.receive("GLASS", 10, "1.25")


async def test_materials_are_held_issued_settled_at_their_cost(warehouse: Warehouse) -> None:
    await _stocked(warehouse)
    await warehouse.receive("OIL", 100, "1.5")
    batch = new()
    needs = [("OIL", 50, None), ("GLASS", 10, None)]
    await warehouse.hear(warehouse.batch("batch.planned", batch, *needs))
    await warehouse.hear(warehouse.batch("batch.start_requested", batch, *needs, version=2))
    issued = dict(await warehouse.told())["materials.issued"]
    assert {line["material_id"]: line["cost"]["amount"] for line in issued["materials"]} == {
        "GLASS": "12.5000",
        "OIL": "25.0000",
    }
    lots = {
        line["material_id"]: [(lot["supplier_lot"], lot["quantity"], lot["cost"]["amount"]) for lot in line["lots"]]
        for line in issued["materials"]
    }
    assert lots == {"OIL": [("S-1", 50, "25.0000")], "GLASS": [("S-1", 10, "12.5000")]}
    assert await warehouse.levels("OIL") == (150, 0, 0, 0)
    used = [("OIL", 50, 40), ("GLASS", 10, 12)]
    await warehouse.receive("GLASS", 2, "1.25")
    await warehouse.hear(warehouse.batch("batch.consumed", batch, *used, version=3))
    await warehouse.hear(warehouse.batch("batch.consumed", batch, *used, version=3))
    told = await warehouse.told()
    assert [type for type, _ in told] == ["materials.settled", "materials.settled"]
    lines = {line["material_id"]: line for line in told[-1][1]["materials"]}
    assert (lines["OIL"]["returned"], lines["OIL"]["cost"]["amount"]) == (10, "20.0000")
    assert (lines["GLASS"]["issued"], lines["GLASS"]["cost"]["amount"]) == (12, "15.0000")
    assert await warehouse.levels("OIL") == (160, 0, 0, 0)
    assert await warehouse.levels("GLASS") == (0, 0, 0, 0)
    await warehouse.is_true()


async def test_a_short_batch_queues_and_is_told_when_the_material_comes(warehouse: Warehouse) -> None:
    await _stocked(warehouse, oil=0)
    batch = new()
    needs = [("OIL", 50, None), ("GLASS", 10, None)]
    await warehouse.hear(warehouse.batch("batch.planned", batch, *needs))
    await warehouse.hear(warehouse.batch("batch.start_requested", batch, *needs, version=2))
    assert await warehouse.levels("GLASS") == (10, 10, 0, 0)
    await warehouse.receive("OIL", 50)
    assert await warehouse.types() == ["materials.short short", "materials.short short", "materials.reserved reserved"]
    await warehouse.is_true()


async def test_a_cancelled_batch_releases_and_leaves_a_closed_row(warehouse: Warehouse) -> None:
    await _stocked(warehouse)
    one, two = new(), new()
    need = ("OIL", 50, None)
    await warehouse.hear(warehouse.batch("batch.planned", one, need))
    await warehouse.hear(warehouse.batch("batch.cancelled", one, need, version=2, status="cancelled"))
    await warehouse.hear(warehouse.batch("batch.cancelled", two, need, version=2, status="cancelled"))
    await warehouse.hear(warehouse.batch("batch.planned", two, need))
    assert await warehouse.types() == [
        "materials.reserved reserved",
        "materials.released released",
        "materials.released released",
    ]
    assert await warehouse.levels("OIL") == (100, 0, 0, 0)
    await warehouse.is_true()


async def test_a_failed_batch_writes_off_what_was_used_and_returns_the_rest(warehouse: Warehouse) -> None:
    await _stocked(warehouse)
    batch = new()
    await warehouse.hear(warehouse.batch("batch.planned", batch, ("OIL", 50, None)))
    await warehouse.hear(warehouse.batch("batch.start_requested", batch, ("OIL", 50, None), version=2))
    await warehouse.hear(warehouse.batch("batch.failed", batch, ("OIL", 50, 20), version=3, status="failed"))
    assert await warehouse.levels("OIL") == (80, 0, 0, 0)
    assert (await warehouse.types())[-1] == "materials.settled settled"
    await warehouse.is_true()


async def test_actual_consumption_beyond_the_books_takes_back_and_finds(warehouse: Warehouse) -> None:
    await _stocked(warehouse)
    one, two = new(), new()
    await warehouse.hear(warehouse.batch("batch.planned", one, ("OIL", 60, None)))
    await warehouse.hear(warehouse.batch("batch.start_requested", one, ("OIL", 60, None), version=2))
    await warehouse.hear(warehouse.batch("batch.planned", two, ("OIL", 40, None)))
    await warehouse.told()
    await warehouse.hear(warehouse.batch("batch.consumed", one, ("OIL", 60, 110), version=3))
    assert sorted(await warehouse.types()) == ["materials.settled settled", "materials.short short"]
    assert await warehouse.levels("OIL") == (0, 0, 0, 40)
    assert (await warehouse.entries("OIL"))[-3:] == ["take_back -40", "found +10", "material_issue -50"]
    await warehouse.is_true()


async def test_good_units_enter_stock_once_and_go_to_those_that_wait(warehouse: Warehouse) -> None:
    await _stocked(warehouse)
    batch, one = new(), new()
    due = START + timedelta(days=400_000 // 1000)
    await warehouse.hear(warehouse.batch("batch.planned", batch, ("OIL", 5, None)))
    await warehouse.hear(warehouse.batch("batch.started", batch, version=2, status="in_progress", expected=due))
    await warehouse.hear(warehouse.created(one, ("P", 8), on_shortage="backorder"))
    shortage = (await warehouse.told())[-1][1]["lines"][0]["shortage"]
    assert (shortage["expected_basis"], shortage["expected_date"]) == ("batch", due.date().isoformat())
    done = warehouse.batch("batch.completed", batch, version=3, status="completed", good=9)
    await warehouse.hear(done)
    await warehouse.hear(done, warehouse.batch("batch.completed", batch, version=3, status="completed", good=9))
    assert await warehouse.levels("P") == (9, 8, 0, 0)
    assert only(await warehouse.told())["reason"] == "backorder_filled"
    await warehouse.is_true()
