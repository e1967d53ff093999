"""The ledger at a million rows: every query reads about the pages of its answer, whatever else the table holds."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from services.inventory.store import ledger
from services.inventory.views import history
from tests.component.inventory.test_api import client as client
from tests.component.inventory.warehouse import Warehouse, new
from tests.plans import Explained

ROWS, ITEMS, MONTHS = 1_000_000, 1_000, 3
PAGES_MAX = 400
"""Of the table's thirty thousand: fifty rows of one item stand on as many pages, and each month's index is entered."""

FILL = """
INSERT INTO ledger (transaction_id, item_id, version, type, quantity, previous_current, new_current, previous_reserved,
                    new_reserved, previous_held, new_held, reference_type, reference_id, actor, at)
SELECT uuidv7($1::timestamptz - now() + number * interval '7 seconds'), 'I-' || number % $3, number / $3, 'receipt', 1,
       number / $3, number / $3 + 1, 0, 0, 0, 0, 'receipt', 'R-' || number / 5, 'ann',
       $1::timestamptz + number * interval '7 seconds'
FROM generate_series(0, $2::int - 1) AS number
"""


def _month(moment: datetime) -> datetime:
    return moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
async def full(warehouse: Warehouse) -> AsyncIterator[tuple[Warehouse, datetime]]:
    """A ledger of a million rows over three months; and the time of the first."""
    start = _month(datetime.now(UTC))
    connection: Any = await asyncpg.connect(warehouse.dsn)  # without the bounds of the service's sessions
    try:
        for _ in range(MONTHS):
            end, start = start, _month(start - timedelta(days=1))
            bounds = (f"ledger_{start:%Y%m}", start.isoformat(), end.isoformat())
            await connection.execute("SELECT make_partition('ledger', $1, $2, $3)", *bounds)
        await connection.execute(FILL, start, ROWS, ITEMS)
        await connection.execute("ANALYZE ledger")
    finally:
        await connection.close()
    yield warehouse, start


async def test_every_query_reads_the_pages_of_its_answer(full: tuple[Warehouse, datetime]) -> None:
    warehouse, start = full
    middle = start + timedelta(days=40)
    place, week = (middle, history.LAST_ID), history.Entries(since=middle, until=middle + timedelta(days=7))
    every, of_item, of_reference = history.Entries(), history.Entries("I-7"), history.Entries(reference="R-77777")
    both, item_in_a_week = history.Entries("I-887", "R-77777"), replace(week, item_id="I-7")
    queries: dict[str, tuple[Callable[[Any], Awaitable[Any]], int]] = {
        "the newest": (lambda on: history.ledger_by_time(on, every, None, 51), 51),
        "a later page": (lambda on: history.ledger_by_time(on, every, place, 51), 51),
        "a week": (lambda on: history.ledger_by_time(on, week, None, 51), 51),
        "an item": (lambda on: history.ledger_of_item(on, of_item, None, 51), 51),
        "a later page of an item": (lambda on: history.ledger_of_item(on, of_item, 300, 51), 51),
        "an item in a week": (lambda on: history.ledger_of_item(on, item_in_a_week, None, 51), 51),
        "a reference": (lambda on: history.ledger_by_time(on, of_reference, None, 51), 5),
        "a reference and an item": (lambda on: history.ledger_by_time(on, both, None, 51), 1),
        "an item at a version": (lambda on: ledger.read_at_version(on, "I-7", 990), 1),
        "what is known": (lambda on: ledger.known_references(on, ["R-1", "R-199999"]), 2),
    }
    found: dict[str, Explained] = {}
    async with warehouse.database.reading() as connection:
        for name, (query, _) in queries.items():
            found[name] = Explained(connection)
            await query(found[name])
    assert {name: one.rows for name, one in found.items()} == {name: rows for name, (_, rows) in queries.items()}
    assert {name: one.pages for name, one in found.items() if one.pages > PAGES_MAX} == {}


async def test_an_item_is_read_page_by_page_by_time_and_by_reference(
    warehouse: Warehouse, client: httpx.AsyncClient
) -> None:
    order_id = new()
    await warehouse.item("P", 10)
    await warehouse.item("Q", 10)
    await warehouse.hear(warehouse.created(order_id, ("P", 2), ("Q", 1), confirm=True))
    await warehouse.hear(warehouse.shipped(order_id, ("P", 2), ("Q", 1)))
    await warehouse.receive("Q", 1)

    async def read(query: str) -> list[str]:
        found: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            answer = (await client.get(f"/ledger?limit=1&cursor={cursor}&{query}")).json()
            found += [f"{row['item_id']} {row['type']} {row['quantity']:+}" for row in answer["items"]]
            cursor = answer["next_cursor"]
        return found

    of_p = ["P sale -2", "P reserve +2", "P receipt +10"]
    assert await read("item_id=P") == of_p
    assert await read(f"item_id=P&reference={order_id}") == of_p[:2]
    assert sorted(await read(f"reference={order_id}")) == ["P reserve +2", "P sale -2", "Q reserve +1", "Q sale -1"]
    assert len(await read("")) == 7
    now = datetime.now(UTC).isoformat().replace("+", "%2B")
    assert await read(f"item_id=P&from={now}") == []
    assert await read(f"item_id=P&to={now}") == of_p
    wrong = await client.get("/ledger?item_id=P&cursor=WyJ4Il0")
    assert (wrong.status_code, wrong.json()["type"]) == (400, "urn:flacon:problem:malformed-request")
