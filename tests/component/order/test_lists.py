"""Lists of orders: whatever they are narrowed by, they show each order once and read little more than they show."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import Any
from uuid import UUID

from services.order.views.lists import Filters, count_open, list_orders
from tests.component.order.conftest import Shop
from tests.plans import rows_read

START = datetime(2026, 1, 1, tzinfo=UTC)
READ_MAX = 1_000
"""Of 600,000 orders and lines: those of a page with their parts, or 200 stuck questions."""

FILL = """
WITH numbers AS (
    SELECT number, $1::timestamptz + number * interval '1 minute' AS at FROM generate_series(0, $2::int - 1) AS number
), placed AS (
    INSERT INTO orders (order_id, source, external_id, customer_id, priority, on_shortage, auto_confirm,
                        protect_safety_stock, accepted_at, updated_at, status, confirm, version, revision)
    SELECT uuidv7(at - clock_timestamp()), 'shop-' || number % $3, number, 'c-' || number % ($3 * 5), 0, 'reject',
           true, false, at, at,
           CASE number % ($3 * 10) WHEN 0 THEN 'created' WHEN 1 THEN 'rejected' ELSE 'fulfilled' END, true, 1, 1
    FROM numbers
    RETURNING order_id, external_id::bigint AS number
), addressed AS (
    INSERT INTO order_recipients (order_id, shipping_address)
    SELECT order_id, '{}' FROM placed
), asked AS (
    INSERT INTO questions (order_id, neighbour, event, version, payload, asked_at, attempts, next_attempt_at)
    SELECT order_id, neighbour, 'order.created', 1, '{}', now(), number % ($3 * 20) / $3, now()
    FROM placed, unnest(ARRAY['inventory', 'fulfillment']) AS neighbour
    WHERE number % ($3 * 10) = 0
)
INSERT INTO order_lines (order_id, line, product_id, name, quantity, lead_days)
SELECT order_id, line, 'p-' || (number + line) % ($3 * 3), 'P', 1, 14 FROM placed, generate_series(1, 2) AS line
"""


async def _fill(shop: Shop, orders: int, sources: int) -> None:
    async with shop.database.transaction() as tx:
        await tx.execute("SET LOCAL statement_timeout = '60s'")
        await tx.execute(FILL, START, orders, sources)


async def test_every_list_reads_little_more_than_it_shows(shop: Shop) -> None:
    await _fill(shop, 200_000, 100)
    middle = START + timedelta(days=60)
    lists = {
        "all": (Filters(), 51),
        "an upstream's order": (Filters(source="shop-7", external_id="100007"), 1),
        "an upstream's number": (Filters(external_id="100007"), 1),
        "an upstream": (Filters(source="shop-7"), 51),
        "a customer": (Filters(customer_id="c-7"), 51),
        "a product": (Filters(product_id="p-7"), 51),
        "a status": (Filters(status="created"), 51),
        "a status that no order has": (Filters(status="backordered"), 0),
        "most orders": (Filters(status="fulfilled"), 51),
        "a day": (Filters(created_from=middle, created_to=middle + timedelta(days=1)), 51),
        "until a day": (Filters(created_to=middle), 51),
        "after the newest": (Filters(created_from=middle + timedelta(days=365)), 0),
        "a customer until a day": (Filters(customer_id="c-7", created_to=middle), 51),
        "stuck": (Filters(stuck=True), 51),
        "stuck and refused": (Filters(stuck=True, status="rejected"), 0),
    }
    async with shop.database.reading() as connection:
        await connection.execute("ANALYZE orders, order_lines, questions")
        last = await connection.fetchval("SELECT order_id FROM orders WHERE external_id = '100000'")
        for name, (filters, rows) in lists.items():
            assert len(await list_orders(connection, filters, None, 51)) == rows, name
        read = {
            (name, before): await rows_read(connection, partial(list_orders, connection, filters, before, 51))
            for _ in range(8)  # after five Postgres would think of a plan for any values
            for before in (None, last)
            for name, (filters, _) in lists.items()
        }
    assert {name: rows for name, rows in read.items() if rows > READ_MAX} == {}


async def test_open_orders_are_counted_by_status_without_reading_the_others(shop: Shop) -> None:
    await _fill(shop, 200_000, 100)
    async with shop.database.reading() as connection:
        await connection.execute("ANALYZE orders")
        read = await rows_read(connection, partial(count_open, connection))
    expected = dict.fromkeys(
        ("created", "backordered", "confirmed", "processing", "cancelling", "partially_fulfilled"), 0
    )

    statuses = (await shop.get("/stages"))["statuses"]

    assert {one["status"]: one["orders"] for one in statuses} == {**expected, "created": 200}
    assert read <= READ_MAX
    assert (await shop.customer.get("/api/orders/stages")).status_code == 403


READ_ALL = """
SELECT order_id, status, customer_id, source, external_id, accepted_at,
       (SELECT array_agg(product_id) FROM order_lines WHERE order_lines.order_id = orders.order_id) AS products,
       EXISTS (SELECT FROM questions WHERE questions.order_id = orders.order_id AND attempts >= 2) AS stuck
FROM orders
ORDER BY order_id DESC
"""
CHOICES: dict[str, tuple[Any, ...]] = {
    "status": (None, "created", "fulfilled"),
    "customer_id": (None, "c-1"),
    "product_id": (None, "p-2"),
    "source": (None, "shop-1"),
    "external_id": (None, "21"),
    "created_from": (None, START + timedelta(minutes=21)),
    "created_to": (None, START + timedelta(minutes=41)),
    "stuck": (None, True, False),
}


async def test_any_filters_together_give_the_orders_that_pass_each_page_by_page(shop: Shop) -> None:
    await _fill(shop, 60, 2)
    async with shop.database.reading() as connection:
        orders = await connection.fetch(READ_ALL)
        for filters in _all_filters():
            expected = [str(order["order_id"]) for order in orders if _passes(order, filters)]
            assert await _pages(connection, filters) == expected, filters


def _all_filters() -> Iterator[Filters]:
    for values in product(*CHOICES.values()):
        yield Filters(**dict(zip(CHOICES, values, strict=True)))


def _passes(order: Any, filters: Filters) -> bool:
    asked = {name: value for name, value in asdict(filters).items() if value is not None}
    since, until = asked.pop("created_from", START), asked.pop("created_to", datetime.max.replace(tzinfo=UTC))
    has_product = asked.pop("product_id", order["products"][0]) in order["products"]
    return (
        has_product
        and since <= order["accepted_at"] < until
        and all(order[name] == value for name, value in asked.items())
    )


async def _pages(connection: Any, filters: Filters) -> list[str]:
    found: list[str] = []
    while page := await list_orders(connection, filters, UUID(found[-1]) if found else None, 13):
        found += [order["order_id"] for order in page]
    return found
