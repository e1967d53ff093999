"""Lists of reservations, and the search for lapsed holds, read little more than they find."""

from functools import partial
from typing import Any
from uuid import UUID

from services.inventory.store.claims import find_any_lapsed, find_lapsed
from services.inventory.views.reservations import Wanted, reservations_page
from tests.component.inventory.warehouse import Warehouse
from tests.plans import rows_read

CLAIMS, ITEMS, OPEN_EVERY = 50_000, 100, 500
READ_MAX = 1_000
"""Of 200,000 claims and reservations: those of a page, or all 300 that are open."""

FILL = """
WITH items AS (
    INSERT INTO items (id, kind, name, unit, created_at, updated_at)
    SELECT 'I-' || number, 'product', 'I', 'pcs', now(), now() FROM generate_series(0, $2::int - 1) AS number
), placed AS (
    INSERT INTO claims (id, kind, status, on_shortage, priority, protected, accepted_at, asked, version)
    SELECT uuidv7(number * interval '1 minute' - interval '50 days'),
           CASE number % $3 WHEN 1 THEN 'batch' ELSE 'order' END, 'confirmed', 'backorder', 0, false, now(), 1, 1
    FROM generate_series(0, $1::int - 1) AS number
    RETURNING id
), numbered AS (
    SELECT id, row_number() OVER (ORDER BY id) AS number FROM placed
)
INSERT INTO reservations (claim_id, item_id, want, held, backordered, deducted, cancelled, short, returned, cost,
                          priority, protected, kept, accepted_at)
SELECT id, 'I-' || (number + line) % $2, 1, (number % $3 = 0)::int, 0, (number % $3 <> 0)::int, 0, 0, 0, 0, 0, false,
       false, now()
FROM numbered, generate_series(0, 2) AS line
"""


async def test_every_list_of_reservations_reads_little_more_than_it_shows(warehouse: Warehouse) -> None:
    async with warehouse.database.transaction() as tx:
        await tx.execute(FILL, CLAIMS, ITEMS, OPEN_EVERY)
    lists = {
        "all": (Wanted(), 51),
        "an item": (Wanted(item_id="I-7"), 51),
        "what is open": (Wanted(status="confirmed"), 51),
        "what is open of an item": (Wanted(status="confirmed", item_id="I-0"), 51),
        "what none is": (Wanted(status="active"), 0),
        "most": (Wanted(status="fulfilled"), 51),
    }
    async with warehouse.database.reading() as connection:
        await connection.execute("ANALYZE claims, reservations")
        order = await _claim(connection, "order")
        lists["an order"] = (Wanted(order_id=order), 3)
        lists["no batch"] = (Wanted(batch_id=order), 0)
        lists["a batch"] = (Wanted(batch_id=await _claim(connection, "batch")), 3)
        for name, (wanted, rows) in lists.items():
            assert len(await reservations_page(connection, wanted, None, 51)) == rows, name
        read = {
            (name, after is None): await rows_read(
                connection, partial(reservations_page, connection, wanted, after, 51)
            )
            for _ in range(8)  # after five Postgres would think of a plan for any values
            for after in (None, (order, "I-5"))
            for name, (wanted, _) in lists.items()
        }
    assert {name: rows for name, rows in read.items() if rows > READ_MAX} == {}


async def _claim(connection: Any, kind: str) -> UUID:
    """One in the middle of all."""
    found: UUID = await connection.fetchval("SELECT id FROM claims WHERE kind = $1 ORDER BY id OFFSET 50 LIMIT 1", kind)
    return found


UNCONFIRMED = """
UPDATE claims
SET status = 'active',
    expires_at = clock_timestamp() + CASE WHEN id = ANY($1::uuid[]) THEN -1 ELSE 1 END * interval '1 hour'
WHERE kind = 'order'
"""


async def test_lapsed_holds_are_found_among_any_number_that_are_not(warehouse: Warehouse) -> None:
    async with warehouse.database.transaction() as tx:
        await tx.execute(FILL, CLAIMS, ITEMS, OPEN_EVERY)
        lapsed = await _claim(tx.connection, "order")
        await tx.execute(UNCONFIRMED, [lapsed])
    async with warehouse.database.transaction() as tx:
        await tx.execute("ANALYZE claims, reservations")
        items = [f"I-{number}" for number in range(ITEMS)]
        for find in (partial(find_lapsed, tx, items, [], 500), partial(find_any_lapsed, tx, 500)):
            assert list(await find()) == [str(lapsed)]
            for _ in range(8):
                assert await rows_read(tx.connection, find) <= 20
