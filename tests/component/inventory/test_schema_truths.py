"""What the schema itself refuses, by plain SQL; and that hot statements find their rows by index."""

from typing import Any

import asyncpg
import pytest

from services.inventory.store import claims, levels
from tests.component.inventory.warehouse import Warehouse, new

ROW = """
INSERT INTO ledger (transaction_id, item_id, version, type, quantity, previous_current, new_current, previous_reserved,
                    new_reserved, previous_held, new_held, reference_type, reference_id, actor, at)
SELECT uuidv7(), 'P', 99, {}, 'test', 't', 'ann', clock_timestamp()
"""
COUNT = """
INSERT INTO counts (count_id, item_id, expected, counted, version, reason, actor, at, counted_at) SELECT uuidv7(),
"""
RECEIPT = """
INSERT INTO receipts (receipt_id, lot_id, item_id, quantity, supplier_lot, unit_cost, actor, at) SELECT uuidv7(),
"""
ALERT = """
INSERT INTO alerts (alert_id, kind, item_id, claim_id, status, raised_at, resolved_at, acknowledged_at) SELECT uuidv7(),
"""
BATCH = "INSERT INTO batches (batch_id, item_id, quantity, open, version) SELECT uuidv7(),"
MOVEMENT = """
INSERT INTO lot_movements (transaction_id, lot_id, item_id, quantity, type, reference_type, reference_id, at)
SELECT uuidv7(),
"""
NOW = "clock_timestamp()"
IMPOSSIBLE = {
    "UPDATE stock SET reserved = 11": "reserved_and_held_within_current",
    "UPDATE stock SET reserved = 5, held = 6": "reserved_and_held_within_current",
    "UPDATE stock SET current = -1, reserved = 0": "current_is_not_negative",
    "UPDATE stock SET reserved = -1": "reserved_is_not_negative",
    "UPDATE stock SET held = -1": "held_is_not_negative",
    "UPDATE stock SET queued = -1": "queued_is_not_negative",
    "UPDATE reservations SET held = held + 1": "each_wanted_unit_is_in_one_place",
    "UPDATE reservations SET held = -1, backordered = 3": "reserved_units_are_not_negative",
    "UPDATE reservations SET returned = 1": "only_issued_units_return",
    "UPDATE claims SET status = 'sold'": "claim_status_is_known",
    "UPDATE claims SET kind = 'wish'": "claim_is_of_an_order_or_a_batch",
    "UPDATE claims SET on_shortage = 'wait'": "claim_policy_is_known",
    "UPDATE claims SET expires_at = NULL": "only_active_claims_lapse",
    "UPDATE items SET kind = 'idea'": "item_is_a_product_or_a_material",
    "UPDATE items SET reorder_point = -1": "item_levels_are_not_negative",
    "UPDATE items SET reorder_quantity = 0": "item_reorder_quantity_is_positive",
    "UPDATE items SET lead_days = -1": "item_lead_days_are_not_negative",
    "UPDATE items SET min_life_days = -1": "min_life_is_not_negative",
    "UPDATE item_costs SET value = -1": "cost_is_of_units_received",
    ROW.format("'gift', 1, 10, 11, 2, 2, 0, 0"): "ledger_type_is_known",
    ROW.format("'receipt', 1, 10, 12, 2, 2, 0, 0"): "ledger_row_moves_what_its_type_says",
    ROW.format("'reserve', 1, 10, 11, 2, 2, 0, 0"): "ledger_row_moves_what_its_type_says",
    ROW.format("'hold', 1, 10, 11, 2, 2, 0, 0"): "ledger_row_moves_what_its_type_says",
    ROW.format("'sale', 2, 10, 8, 2, 0, 0, 0"): "ledger_row_moves_what_its_type_says",
    ROW.format("'count', 0, 10, 10, 2, 2, 0, 0"): "ledger_row_moves_something",
    ROW.format("'reserve', 9, 10, 10, 2, 11, 0, 0"): "ledger_reserved_and_held_within_current",
    ROW.format("'release', -3, 10, 10, 2, -1, 0, 0"): "ledger_levels_are_not_negative",
    "UPDATE lots SET kind = 'gift'": "lot_kind_is_known",
    "UPDATE lots SET kind = 'batch'": "a_batch_makes_its_lot",
    "UPDATE lots SET status = 'lost'": "lot_status_is_known",
    "UPDATE lots SET quantity = -1": "lot_units_are_not_negative",
    "UPDATE lots SET spent = true": "a_spent_lot_has_no_units",
    "UPDATE lots SET pending = -1": "pending_units_are_of_the_lot",
    "UPDATE lots SET pending = 11": "pending_units_are_of_the_lot",
    "UPDATE lots SET pinned = -1": "pinned_units_are_not_negative",
    "UPDATE lots SET total_cost = -1": "lot_cost_is_not_negative",
    f"{MOVEMENT} lot_id, item_id, 0, 'sale', 'order', 'o', {NOW} FROM lots": "a_movement_moves_units",
    f"{COUNT} 'P', 10, -1, 1, 'r', 'ann', {NOW}, NULL": "counted_is_not_negative",
    f"{COUNT} 'P', 10, 1, 1, 'r', 'ann', {NOW}, {NOW} + interval '1 hour'": "a_count_is_not_of_the_future",
    f"{RECEIPT} uuidv7(), 'P', 0, 'S', 1, 'ann', {NOW}": "receipt_brings_units",
    f"{BATCH} 'P', -1, true, 1": "batch_quantity_is_not_negative",
    f"{ALERT} 'gloom', 'P', NULL, 'raised', {NOW}, NULL, NULL": "alert_kind_is_known",
    f"{ALERT} 'critical', 'P', NULL, 'seen', {NOW}, NULL, NULL": "alert_status_is_known",
    f"{ALERT} 'critical', 'P', NULL, 'raised', {NOW}, {NOW}, NULL": "resolved_alert_tells_when",
    f"{ALERT} 'critical', 'P', NULL, 'acknowledged', {NOW}, NULL, {NOW}": "an_acknowledged_alert_tells_by_whom",
    f"{ALERT} 'hold_overdue', 'P', NULL, 'raised', {NOW}, NULL, NULL": "alert_is_of_an_item_or_of_a_hold",
}


async def test_the_schema_refuses_what_cannot_be_true(warehouse: Warehouse) -> None:
    await warehouse.item("P", 10)
    await warehouse.hear(warehouse.created(new(), ("P", 2)))
    for statement, truth in IMPOSSIBLE.items():
        with pytest.raises(asyncpg.CheckViolationError, match=truth):
            async with warehouse.database.transaction() as tx:
                await tx.execute(statement)
    assert await warehouse.levels("P") == (10, 2, 0, 0)
    assert await warehouse.entries("P") == ["receipt +10", "reserve +2"]


async def test_every_check_of_the_schema_was_tried(warehouse: Warehouse) -> None:
    """Those on tables of the runtime are the runtime's, whose tests try them."""
    sql = """
    SELECT conname FROM pg_constraint
    WHERE contype = 'c' AND conparentid = 0 AND coninhcount = 0
      AND conrelid = ANY(ARRAY['items', 'stock', 'item_costs', 'claims', 'reservations', 'ledger', 'receipts', 'counts',
                               'batches', 'alerts', 'lots', 'lot_movements']::regclass[])
    """
    async with warehouse.database.reading() as connection:
        checks = {row["conname"] for row in await connection.fetch(sql)}
    assert checks == set(IMPOSSIBLE.values())


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO shipments_deducted SELECT * FROM shipments_deducted",
        "INSERT INTO receipts SELECT * FROM receipts",
        "INSERT INTO stock (item_id) SELECT item_id FROM stock",
        "INSERT INTO reservations SELECT * FROM reservations",
        "INSERT INTO lots SELECT * FROM lots",
        "INSERT INTO lot_movements SELECT * FROM lot_movements",
    ],
)
async def test_nothing_counts_twice(warehouse: Warehouse, statement: str) -> None:
    order_id = new()
    await warehouse.item("P", 10)
    await warehouse.hear(warehouse.created(order_id, ("P", 2), confirm=True))
    await warehouse.hear(warehouse.shipped(order_id, ("P", 1)))
    with pytest.raises(asyncpg.UniqueViolationError):
        async with warehouse.database.transaction() as tx:
            await tx.execute(statement)


async def test_available_units_are_computed_and_cannot_be_written(warehouse: Warehouse) -> None:
    await warehouse.item("P", 10)
    for statement in ("UPDATE stock SET available = 10", "INSERT INTO stock (item_id, available) VALUES ('Q', 1)"):
        with pytest.raises(asyncpg.GeneratedAlwaysError):
            async with warehouse.database.transaction() as tx:
                await tx.execute(statement)
    async with warehouse.database.transaction() as tx:
        await tx.execute("UPDATE stock SET reserved = 3, held = 2")
    assert (await warehouse.level("P"))["available"] == 5


@pytest.mark.parametrize("statement", ["UPDATE ledger SET quantity = 1", "DELETE FROM ledger", "TRUNCATE ledger"])
async def test_the_ledger_is_append_only(warehouse: Warehouse, statement: str) -> None:
    await warehouse.item("P", 10)
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        async with warehouse.database.transaction() as tx:
            await tx.execute(statement)
    assert await warehouse.entries("P") == ["receipt +10"]


@pytest.mark.parametrize(
    ("sql", "args", "index"),
    [
        (levels.LOCK_STOCK, (["P"],), "stock_pkey"),
        (claims.READ_LINES, (["01a1fd3b-fb82-7597-8b2e-cbe99a064581"],), "reservations_pkey"),
        (claims.READ_QUEUES, (["P"], [True], 500), "reservations_in_queue"),
        (claims.READ_HOLDERS, (["P"], [5]), "reservations_taken_back_first"),
        (claims.FIND_ANY_LAPSED, (500,), "claims_that_lapse"),
        (claims.FIND_LAPSED, (["P"], [], 500), "claims_that_lapse"),
    ],
)
async def test_a_hot_statement_finds_its_rows_by_index(
    warehouse: Warehouse, sql: str, args: tuple[Any, ...], index: str
) -> None:
    async with warehouse.database.transaction() as tx:
        await tx.execute("SET LOCAL enable_seqscan = off")
        plan = "\n".join(row[0] for row in await tx.fetch("EXPLAIN " + sql, *args))
    assert index in plan, plan
    assert "Seq Scan" not in plan, plan
