"""A queue of 100,000 lines on one product: filled by jobs in order, on two instances, and nobody overtakes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from services.inventory.operations.shelves import FILLED_LINES_MAX
from tests.component.inventory.warehouse import Warehouse, new

LINES = 100_000
RECEIPTS = (1, 700, 29_299, 70_000)

QUEUE_CLAIMS = """
INSERT INTO claims (id, kind, status, on_shortage, priority, protected, accepted_at, expires_at, asked, version)
SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(number), 12, '0'))::uuid, 'order', 'confirmed', 'backorder',
       number % 3, false, timestamptz '2026-01-01 00:00:00Z' + number % 1000 * interval '1 second',
       timestamptz '2036-01-01 00:00:00Z', 1, 1
FROM generate_series(1, $1::int) AS number
"""
QUEUE_LINES = """
INSERT INTO reservations (claim_id, item_id, want, held, backordered, deducted, cancelled, short, returned, cost, kept,
                          priority, protected, accepted_at)
SELECT id, 'P', 1, 0, 1, 0, 0, 0, 0, 0, false, priority, protected, accepted_at FROM claims
"""
QUEUE_LEVEL = "UPDATE stock SET queued = (SELECT count(*) FROM reservations) WHERE item_id = 'P'"
OVERTAKEN = """
SELECT count(*)
FROM (
    SELECT held, row_number() OVER (ORDER BY priority DESC, accepted_at, claim_id) AS place FROM reservations
) AS queue
WHERE held = 0 AND place <= (SELECT count(*) FROM reservations WHERE held = 1)
"""
FILLED = "SELECT count(*) FROM reservations WHERE item_id = 'P' AND held = 1"
TWICE = """
SELECT count(*)
FROM (SELECT FROM ledger WHERE type = 'reserve' GROUP BY reference_id HAVING count(*) > 1) AS again
"""


@pytest.fixture
async def queued(warehouse: Warehouse) -> AsyncIterator[tuple[Warehouse, Warehouse]]:
    """Two instances of a warehouse of which one product is waited for by 100,000 orders, of three priorities."""
    await warehouse.item("P")
    connection: Any = await asyncpg.connect(warehouse.dsn)  # without the bounds of the service's sessions
    try:
        await connection.execute(QUEUE_CLAIMS, LINES)
        for statement in (QUEUE_LINES, QUEUE_LEVEL, "ANALYZE"):
            await connection.execute(statement)
    finally:
        await connection.close()
    twin = Warehouse(warehouse.dsn)
    await twin.open()
    yield warehouse, twin
    await twin.close()


async def _value(warehouse: Warehouse, sql: str) -> int:
    connection: Any = await asyncpg.connect(warehouse.dsn)
    try:
        found: int = await connection.fetchval(sql)
        return found
    finally:
        await connection.close()


async def _go_on(instance: Warehouse) -> None:
    while await instance.go_on():
        pass


async def test_jobs_fill_a_long_queue_in_order_whatever_comes_in(queued: tuple[Warehouse, Warehouse]) -> None:
    one, two = queued
    filled = 0
    for quantity in RECEIPTS:
        await one.receive("P", quantity)
        assert await _value(one, FILLED) == filled + min(quantity, FILLED_LINES_MAX)
        await asyncio.gather(_go_on(one), _go_on(two))
        filled += quantity
        assert (await _value(one, FILLED), await _value(one, OVERTAKEN)) == (filled, 0)
        assert await one.levels("P") == (filled, filled, 0, LINES - filled)
    assert await _value(one, TWICE) == 0


async def test_nobody_takes_what_the_queue_is_still_to_get(queued: tuple[Warehouse, Warehouse]) -> None:
    one, two = queued
    await one.receive("P", 2 * FILLED_LINES_MAX)
    assert (await one.levels("P"))[:2] == (2 * FILLED_LINES_MAX, FILLED_LINES_MAX)
    patient, hasty = new(), new()
    await two.hear(two.created(hasty, ("P", 1)))
    assert await two.status(hasty) == "rejected"
    await two.hear(two.created(patient, ("P", 1), on_shortage="backorder"))
    assert await two.line(patient, "P") == (1, 0, 1, 0, 0)
    await asyncio.gather(_go_on(one), _go_on(two))
    assert await two.line(patient, "P") == (1, 0, 1, 0, 0)
    assert (await _value(one, FILLED), await _value(one, OVERTAKEN)) == (2 * FILLED_LINES_MAX, 0)
