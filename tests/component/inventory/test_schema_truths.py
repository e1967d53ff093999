"""What the schema itself refuses, by plain SQL; and that hot statements find their rows by index."""

from typing import Any

import asyncpg
import pytest

from services.inventory.store import claims, levels
from tests.component.inventory.warehouse import Warehouse, new


@pytest.mark.parametrize(
    ("statement", "truth"),
    [
        ("UPDATE stock SET reserved = 11", "reserved_and_held_within_current"),
        ("UPDATE stock SET reserved = 5, held = 6", "reserved_and_held_within_current"),
        ("UPDATE stock SET current = -1, reserved = 0", "current_is_not_negative"),
        ("UPDATE stock SET held = -1", "held_is_not_negative"),
        ("UPDATE reservations SET held = held + 1", "each_wanted_unit_is_in_one_place"),
        ("UPDATE reservations SET held = -1, backordered = 3", "reserved_units_are_not_negative"),
        ("UPDATE claims SET status = 'sold'", "claim_status_is_known"),
    ],
)
async def test_the_schema_refuses_what_cannot_be_true(warehouse: Warehouse, statement: str, truth: str) -> None:
    await warehouse.item("P", 10)
    await warehouse.hear(warehouse.created(new(), ("P", 2)))
    with pytest.raises(asyncpg.CheckViolationError, match=truth):
        async with warehouse.database.transaction() as tx:
            await tx.execute(statement)
    assert await warehouse.levels("P") == (10, 2, 0, 0)


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
