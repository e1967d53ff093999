"""A past for an installation: its finished orders and their ledger rows copied by SQL under older ids."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg

from deploy.local.stack import Stack

SAMPLE_MAX: Final = 20_000
LEDGER_ROWS_PER_ORDER: Final = 6
"""Three lines are reserved, and sold."""

# An id that is older by so many hours, and not to be mistaken for another: the time of a UUIDv7 is its first 48 bits.
MAKE_OLDER: Final = """
CREATE FUNCTION older(id uuid, hours int) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT (lpad(to_hex(('x' || substr(hex, 1, 12))::bit(48)::bigint - hours * 3600000::bigint), 12, '0')
            || substr(hex, 13))::uuid
    FROM (SELECT replace(id::text, '-', '') AS hex) AS one
$$
"""
COPY_ORDERS: Final = """
INSERT INTO orders SELECT copy.* FROM sample JOIN orders ON order_id = sample.id
CROSS JOIN json_populate_record(orders, json_build_object(
    'order_id', older(orders.order_id, $1), 'external_id', orders.external_id || ' ' || $1::int,
    'accepted_at', accepted_at - $1 * interval '1 hour')) AS copy
"""
COPY_ORDER_LINES: Final = """
INSERT INTO order_lines SELECT copy.* FROM sample JOIN order_lines ON order_id = sample.id
CROSS JOIN json_populate_record(order_lines, json_build_object('order_id', older(order_lines.order_id, $1))) AS copy
"""
TOUCH_ORDERS: Final = """
INSERT INTO orders_touched (order_ids)
SELECT array_agg(older(id, $1))
FROM (SELECT id, row_number() OVER (ORDER BY id) / 250 AS part FROM sample) AS parts
GROUP BY part
"""
COPY_CLAIMS: Final = """
INSERT INTO claims SELECT copy.* FROM sample JOIN claims USING (id)
CROSS JOIN json_populate_record(claims, json_build_object('id', older(claims.id, $1))) AS copy
"""
COPY_RESERVATIONS: Final = """
INSERT INTO reservations SELECT copy.* FROM sample JOIN reservations ON claim_id = sample.id
CROSS JOIN json_populate_record(reservations, json_build_object('claim_id', older(claim_id, $1))) AS copy
"""
COPY_SHIPMENTS: Final = """
INSERT INTO shipments_deducted (shipment_id, order_id, at)
SELECT older(shipment_id, $1), older(order_id, $1), at - $1 * interval '1 hour'
FROM sample JOIN shipments_deducted ON order_id = sample.id
"""
COPY_LEDGER: Final = """
INSERT INTO ledger (transaction_id, item_id, version, lot_id, type, quantity, previous_current, new_current,
                    previous_reserved, new_reserved, previous_held, new_held, reference_type, reference_id, actor,
                    note, at)
SELECT older(transaction_id, $1), item_id, version, lot_id, type, quantity, previous_current, new_current,
       previous_reserved, new_reserved, previous_held, new_held, reference_type, older(sample.id, $1)::text, actor,
       note, at - $1 * interval '1 hour'
FROM sample JOIN ledger ON reference_id = sample.id::text
WHERE at >= $2
"""
COPY_FULFILLMENTS: Final = """
INSERT INTO fulfillments SELECT copy.* FROM sample JOIN fulfillments ON order_id = sample.id::text
CROSS JOIN json_populate_record(fulfillments, json_build_object(
    'order_id', older(sample.id, $1), 'fulfillment_id', older(fulfillment_id, $1))) AS copy
"""
COPY_LINES: Final = """
INSERT INTO lines SELECT copy.* FROM sample JOIN lines ON order_id = sample.id::text
CROSS JOIN json_populate_record(lines, json_build_object('order_id', older(sample.id, $1))) AS copy
"""
BY_SERVICE: Final = {
    "order": (COPY_ORDERS, COPY_ORDER_LINES, TOUCH_ORDERS),
    "inventory": (COPY_CLAIMS, COPY_RESERVATIONS, COPY_SHIPMENTS),
    "fulfillment": (COPY_FULFILLMENTS, COPY_LINES),
}
MAKE_SAMPLE: Final = "CREATE TABLE sample (id uuid PRIMARY KEY)"
READ_SAMPLE: Final = "SELECT order_id AS id FROM orders WHERE status = 'fulfilled' ORDER BY order_id LIMIT $1"
FILL_SAMPLE: Final = "INSERT INTO sample SELECT unnest($1::uuid[])"
FIRST_TIME: Final = "SELECT min(at) FROM ledger JOIN sample ON reference_id = sample.id::text"
MAKE_MONTH: Final = "SELECT make_partition('ledger', $1, $2, $3)"
FORGET: Final = ("DROP TABLE sample", "DROP FUNCTION older")
Say = Callable[[str], None]


async def give_a_past(stack: Stack, orders: int, ledger_rows: int, say: Say) -> tuple[int, int]:
    """Copies finished orders until there are so many past ones, and ledger rows; returns how many there are of each."""
    sample = await _sample(stack)
    copies = -(-orders // len(sample))
    for service, statements in BY_SERVICE.items():
        async with _Copying(stack.postgres[service], sample) as copying:
            for number in range(1, copies + 1):
                for statement in statements:
                    await copying.execute(statement, number)
                if number % 10 == 0 or number == copies:
                    say(f"  {service}: {number * len(sample):,} past orders")
    return copies * len(sample), await _ledger(stack, sample, ledger_rows, say)


async def _sample(stack: Stack) -> list[Any]:
    connection: Any = await asyncpg.connect(stack.postgres["order"])
    try:
        return [row["id"] for row in await connection.fetch(READ_SAMPLE, SAMPLE_MAX)]
    finally:
        await connection.close()


class _Copying:
    """A connection of one service that knows the sample, and forgets it at the end."""

    def __init__(self, dsn: str, sample: list[Any]) -> None:
        self._dsn = dsn
        self._sample = sample

    async def __aenter__(self) -> Any:
        self._connection: Any = await asyncpg.connect(self._dsn)
        await self._connection.execute(MAKE_OLDER)
        await self._connection.execute(MAKE_SAMPLE)
        await self._connection.execute(FILL_SAMPLE, self._sample)
        return self._connection

    async def __aexit__(self, *error: object) -> None:
        for statement in FORGET:
            await self._connection.execute(statement)
        await self._connection.close()


async def _ledger(stack: Stack, sample: list[Any], rows: int, say: Say) -> int:
    """Ledger rows of the sample, hour after hour back into months that are made for them."""
    copies, written = -(-rows // (len(sample) * LEDGER_ROWS_PER_ORDER)), 0
    async with _Copying(stack.postgres["inventory"], sample) as copying:
        first = await copying.fetchval(FIRST_TIME)
        for month in _months(first - timedelta(hours=copies), first):
            end = (month + timedelta(days=32)).replace(day=1)
            await copying.execute(MAKE_MONTH, f"ledger_{month:%Y%m}", month.isoformat(), end.isoformat())
        for number in range(1, copies + 1):
            done = await copying.execute(COPY_LEDGER, number, first)
            written += int(done.split()[-1])
            if number % 10 == 0 or number == copies:
                say(f"  inventory: {written:,} past ledger rows")
    return written


def _months(start: datetime, end: datetime) -> list[datetime]:
    month, found = datetime(start.year, start.month, 1, tzinfo=UTC), []
    while month <= end:
        found.append(month)
        month = (month + timedelta(days=32)).replace(day=1)
    return found
