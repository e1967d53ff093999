"""Reconciliation names each kind of deviation, is right while movements go on, and is corrected once."""

import asyncio
import random
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from prometheus_client import REGISTRY

from deploy.local.home import ROOT
from services.inventory.domain.deviations import Check
from services.inventory.jobs import jobs
from services.inventory.operations.auditing import ITEMS_AT_ONCE
from services.inventory.operations.reconciliation import Correction, correct
from services.inventory.settings import InventorySettings
from services.inventory.views import history
from shared.runtime.clock import new_id
from shared.runtime.jobs import Errand
from tests.component.inventory.warehouse import Warehouse, new

SECONDS = 60
SETTINGS = InventorySettings(postgres_dsn="postgresql://nobody@unused", kafka="unused", jwt_secret="unused" * 6)
OF_LOTS = ("current_lots", "held_lots")
"""A correction of these writes no ledger row."""
# By what statement, for which check: expected, actual, and the entry that is proposed.
WRONG: list[tuple[str, Check, int, int, str, int]] = [
    ("UPDATE stock SET current = 13", "current_ledger", 10, 13, "adjust", 3),
    ("UPDATE stock SET current = 6", "current_ledger", 10, 6, "adjust", -4),
    ("UPDATE stock SET reserved = 5", "reserved_holds", 2, 5, "release", -3),
    ("UPDATE stock SET reserved = 0", "reserved_holds", 2, 0, "reserve", 2),
    ("UPDATE reservations SET held = 1, cancelled = 1", "reserved_holds", 1, 2, "release", -1),
    ("UPDATE lots SET quantity = 7", "current_lots", 7, 10, "adjust", 3),
    ("UPDATE lots SET quantity = 14", "current_lots", 14, 10, "adjust", -4),
    ("UPDATE lots SET quantity = 0, pending = 0, spent = true", "current_lots", 0, 10, "adjust", 10),
    ("UPDATE stock SET held = 4", "held_ledger", 1, 4, "hold", 3),
    ("UPDATE stock SET held = 0", "held_ledger", 1, 0, "unhold", -1),
    ("UPDATE lots SET pending = 3", "held_lots", 3, 1, "unhold", -2),
    ("UPDATE lots SET pending = 0", "held_lots", 0, 1, "hold", 1),
]


async def _stocked(warehouse: Warehouse) -> None:
    """10 of P: 2 promised, 1 that could not be found waits for its count."""
    await warehouse.item("P", 10)
    one = new()
    await warehouse.hear(warehouse.created(one, ("P", 2), confirm=True))
    await warehouse.hear(warehouse.short(one, "P", 1))
    assert await warehouse.levels("P") == (10, 2, 1, 0)


async def _found(warehouse: Warehouse) -> list[dict[str, Any]]:
    async with warehouse.database.reading() as connection:
        told = await history.reconcile(connection)
    assert told["ok"] == (told["deviations"] == [])
    deviations: list[dict[str, Any]] = told["deviations"]
    return deviations


async def _correct(warehouse: Warehouse, check: Check, quantity: int) -> UUID | None:
    async with warehouse.database.transaction() as tx:
        return await correct(tx, Correction(new_id(), "P", check, quantity, "looked again", "ann"))


@pytest.mark.parametrize(("statement", "check", "expected", "actual", "type", "quantity"), WRONG)
async def test_a_deviation_is_named_and_its_correction_applies_once(
    warehouse: Warehouse, statement: str, check: Check, expected: int, actual: int, type: str, quantity: int
) -> None:
    await _stocked(warehouse)
    async with warehouse.database.transaction() as tx:
        await tx.execute(statement)
    [deviation, *more] = await _found(warehouse)
    also = {"current_ledger": ["current_lots"], "held_ledger": ["held_lots"]}.get(check, [])
    also = ["held_lots"] if statement.startswith("UPDATE lots SET quantity = 0") else also
    assert [other["check"] for other in more] == also
    proposal = deviation["proposal"]
    told = (deviation["check"], deviation["expected"], deviation["actual"], proposal["type"], proposal["quantity"])
    assert told == (check, expected, actual, type, quantity)
    entries = await warehouse.entries("P")
    assert await _correct(warehouse, check, quantity + 1) is None
    assert await warehouse.entries("P") == entries
    after = entries if check in OF_LOTS else [*entries, f"{type} {quantity:+}"]
    assert await _correct(warehouse, check, quantity) is not None
    assert await warehouse.entries("P") == after
    assert await _correct(warehouse, check, quantity) is None
    assert await warehouse.entries("P") == after
    for other in more:
        assert await _correct(warehouse, other["check"], other["proposal"]["quantity"]) is not None
    assert await _found(warehouse) == []


async def test_of_two_operators_at_once_one_corrects(warehouse: Warehouse) -> None:
    await _stocked(warehouse)
    for _ in range(10):
        async with warehouse.database.transaction() as tx:
            await tx.execute("UPDATE stock SET current = current + 1")
        async with asyncio.timeout(SECONDS):
            both = await asyncio.gather(*(_correct(warehouse, "current_ledger", 1) for _ in range(2)))
        assert sorted(one is None for one in both) == [False, True]
    assert (await warehouse.entries("P")).count("adjust +1") == 10
    assert await _correct(warehouse, "current_lots", 10) is not None
    assert await _found(warehouse) == []


async def test_nothing_deviates_while_movements_go_on(warehouse: Warehouse) -> None:
    for item_id in ("P", "Q"):
        await warehouse.item(item_id, 50)
    moving = asyncio.Event()
    looked = 0

    async def move(dice: random.Random) -> None:
        for _ in range(60):
            one, item_id = new(), dice.choice("PQ")
            await warehouse.hear(warehouse.created(one, (item_id, dice.randint(1, 3)), confirm=True))
            await warehouse.receive(item_id, 2)
            await warehouse.hear(warehouse.shipped(one, (item_id, 1)))

    async def look() -> None:
        nonlocal looked
        while not moving.is_set():
            assert await _found(warehouse) == []
            looked += 1

    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as tasks:
        tasks.create_task(look())
        await asyncio.gather(*(move(random.Random(seed)) for seed in range(3)))
        moving.set()
    assert looked > 1


async def test_the_role_of_the_service_cannot_rewrite_what_was_written(warehouse: Warehouse) -> None:
    """Plain SQL as that role, on the table and on each of its partitions."""
    await warehouse.item("P", 10)
    connection: Any = await asyncpg.connect(warehouse.dsn)
    try:
        assert await connection.fetchval("SELECT current_user") == "inventory_service"
        partitions = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'ledger'::regclass"
        tables = ["ledger", *(row[0] for row in await connection.fetch(partitions))]
        assert len(tables) >= 4
        for table in (*tables, "ledger_archives", "ledger_openings"):
            with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
                await connection.execute(f"TRUNCATE {table} CASCADE")
        for table in ("ledger", await connection.fetchval("SELECT tableoid::regclass::text FROM ledger")):
            for change in (f"DELETE FROM {table}", f"UPDATE {table} SET note = 'x'"):
                with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
                    await connection.execute(change)
    finally:
        await connection.close()
    assert await warehouse.entries("P") == ["receipt +10"]


async def test_partitions_that_were_there_before_are_guarded_by_the_migration(warehouse: Warehouse) -> None:
    migration = ROOT / "services/inventory/migrations/0005_old_months_are_archived.sql"
    partitions = "SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'ledger'::regclass"
    async with warehouse.database.transaction() as tx:
        names = [row["name"] for row in await tx.fetch(partitions)]
        for name in names:
            await tx.execute(f"DROP TRIGGER ledger_is_not_truncated ON {name}")
        await tx.execute("DROP TABLE ledger_openings, ledger_archives")
        await tx.execute(migration.read_text(encoding="utf-8"))
    for name in names:
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            async with warehouse.database.transaction() as tx:
                await tx.execute(f"TRUNCATE {name}")


async def test_the_books_are_audited_by_a_timer_and_deviations_are_a_metric(warehouse: Warehouse) -> None:
    await _stocked(warehouse)
    for number in range(ITEMS_AT_ONCE):
        await warehouse.item(f"A-{number:03}", 1)
    [errand] = [job for job in jobs(warehouse.house, SETTINGS) if job.name == "audit_books"]
    assert isinstance(errand, Errand)
    await _audited(warehouse, errand)
    assert _shown("current_lots") == 0
    async with warehouse.database.transaction() as tx:
        await tx.execute("UPDATE lots SET quantity = 7")
    await _audited(warehouse, errand)
    assert (_shown("current_lots"), _shown("reserved_holds")) == (1 + ITEMS_AT_ONCE, 0)


async def _audited(warehouse: Warehouse, errand: Errand) -> None:
    """One round, as its timer goes: full ones follow each other at once."""
    while await errand.go(warehouse.database, asyncio.Event()) == errand.batch:
        pass


def _shown(check: str) -> float | None:
    return REGISTRY.get_sample_value("flacon_audit_deviations", {"service": "inventory", "check": check})
