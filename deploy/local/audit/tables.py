"""The audit's statements: each service's tables, read with that service's own rights in one snapshot of its schema."""

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from deploy.local.audit.books import (
    Batch,
    Books,
    Claim,
    Fulfillment,
    FulfillmentLine,
    Item,
    LedgerRow,
    Mail,
    Opening,
    Order,
    OrderLine,
    Received,
    Reservation,
    Sent,
    Shipment,
)
from deploy.local.failure import CannotRun
from deploy.local.stack import Stack

SINCE: Final = """
SELECT min(applied_at) AS since, clock_timestamp() AS now FROM schema_migrations
"""
SENT: Final = """
SELECT id, type, aggregateid, seq FROM outbox ORDER BY shard, seq
"""
HEARD: Final = """
SELECT id FROM inbox UNION ALL SELECT id FROM inbox_foreign
"""
DEAD: Final = """
SELECT topic, partition, "offset" FROM dead_letters
"""
ITEMS: Final = """
SELECT stock.item_id, items.kind, stock.current, stock.reserved, stock.held, stock.queued, stock.version,
       items.min_stock_level
FROM stock JOIN items ON items.id = stock.item_id
"""
LEDGER: Final = """
SELECT transaction_id::text AS transaction_id, item_id, version, type, quantity, previous_current, new_current,
       previous_reserved, new_reserved, previous_held, new_held, reference_id, at
FROM ledger ORDER BY item_id, version
"""
OPENINGS: Final = """
SELECT item_id, type, max(version) AS version, sum(current)::bigint AS current, sum(reserved)::bigint AS reserved,
       sum(held)::bigint AS held
FROM ledger_openings GROUP BY item_id, type ORDER BY item_id, type
"""
ARCHIVED: Final = """
SELECT (max(month) + interval '1 month') AT TIME ZONE 'UTC' AS until FROM ledger_archives
"""
CLAIMS: Final = """
SELECT id::text AS claim_id, kind, status, version FROM claims
"""
RESERVATIONS: Final = """
SELECT claim_id::text AS claim_id, item_id, want, held, backordered, deducted, cancelled, returned FROM reservations
"""
DEDUCTED_SHIPMENTS: Final = """
SELECT shipment_id::text AS shipment_id, order_id::text AS order_id FROM shipments_deducted
"""
BATCHES_RECEIVED: Final = """
SELECT batch_id::text AS key, item_id, quantity FROM batches_received
"""
RECEIPTS: Final = """
SELECT receipt_id::text AS key, item_id, quantity FROM receipts
"""
RECALLED: Final = """
WITH RECURSIVE reach (root, lot_id) AS (
    SELECT lot_id, lot_id FROM recalls WHERE cause_lot_id IS NULL
    UNION
    SELECT reach.root, made.lot_id
    FROM reach
    CROSS JOIN LATERAL (
        SELECT reference_id
        FROM lot_movements
        WHERE lot_id = reach.lot_id AND type IN ('material_issue', 'material_return')
        GROUP BY reference_id
        HAVING sum(quantity) < 0
    ) AS used
    JOIN lots AS made ON made.batch_id = used.reference_id::uuid
)
SELECT DISTINCT reach.root::text AS lot_id, sold.reference_id AS order_id
FROM reach
LEFT JOIN lot_movements AS sold ON sold.lot_id = reach.lot_id AND sold.type = 'sale'
"""
ORDERS: Final = """
SELECT order_id::text AS order_id, source, external_id, status, on_shortage, version, stock_status FROM orders
"""
ORDER_LINES: Final = """
SELECT order_id::text AS order_id, product_id, quantity, held, backordered, deducted, shipped, cancelled
FROM order_lines
"""
ORDER_SHIPMENTS: Final = """
SELECT shipment_id, order_id::text AS order_id FROM order_shipments
"""
FIRST_PROMISES: Final = """
SELECT order_id::text AS order_id, promised_on FROM order_promises WHERE number = 1
"""
ORDER_QUESTIONS: Final = """
SELECT order_id::text AS id, event FROM questions
"""
FULFILLMENTS: Final = """
SELECT order_id, status, closed, version FROM fulfillments
"""
FULFILLMENT_LINES: Final = """
SELECT order_id, product_id, target, picked, shipped, cancelled FROM lines
"""
SHIPMENTS: Final = """
SELECT shipment_id::text AS shipment_id, order_id, contents::text AS contents, delivered_at IS NOT NULL AS delivered
FROM shipments
"""
BATCHES: Final = """
SELECT batch_id::text AS batch_id, product_id, status, quantity_produced AS produced, quantity_defective AS defective,
       quantity_good AS good, version
FROM batches
"""
BATCH_QUESTIONS: Final = """
SELECT batch_id::text AS id, type AS event FROM questions
"""
COMMON: Final = (SINCE, SENT, HEARD, DEAD)
OWN: Final = {
    "inventory": (
        ITEMS,
        LEDGER,
        OPENINGS,
        ARCHIVED,
        CLAIMS,
        RESERVATIONS,
        DEDUCTED_SHIPMENTS,
        BATCHES_RECEIVED,
        RECEIPTS,
        RECALLED,
    ),
    "order": (ORDERS, ORDER_LINES, ORDER_SHIPMENTS, FIRST_PROMISES, ORDER_QUESTIONS),
    "fulfillment": (FULFILLMENTS, FULFILLMENT_LINES, SHIPMENTS),
    "bottling": (BATCHES, BATCH_QUESTIONS),
}
Rows = Sequence[Any]


async def read_tables(stack: Stack) -> Books:
    """All four services' books.

    Raises:
        CannotRun: if Postgres does not answer, or a schema is not there.
    """
    try:
        tables = dict(
            zip(OWN, await asyncio.gather(*(_read(stack.postgres[name], OWN[name]) for name in OWN)), strict=True)
        )
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        raise CannotRun(f"the tables cannot be read: {error}; see `python -m deploy.local status`") from error
    return _books(tables)


async def _read(dsn: str, statements: tuple[str, ...]) -> dict[str, Rows]:
    connection = await asyncpg.connect(dsn, timeout=10)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return {statement: await connection.fetch(statement) for statement in COMMON + statements}
    finally:
        await connection.close()


def _books(tables: dict[str, dict[str, Rows]]) -> Books:
    inventory, order, fulfillment, bottling = (tables[name] for name in OWN)
    since, now = _age(tables)
    return Books(
        since=since,
        now=now,
        items={row["item_id"]: Item(**row) for row in inventory[ITEMS]},
        ledger=tuple(LedgerRow(**row) for row in inventory[LEDGER]),
        openings=tuple(Opening(**row) for row in inventory[OPENINGS]),
        archived_until=inventory[ARCHIVED][0]["until"],
        claims={row["claim_id"]: Claim(**row) for row in inventory[CLAIMS]},
        reservations=tuple(Reservation(**row) for row in inventory[RESERVATIONS]),
        deducted_shipments={row["shipment_id"]: row["order_id"] for row in inventory[DEDUCTED_SHIPMENTS]},
        batches_received=tuple(Received(**row) for row in inventory[BATCHES_RECEIVED]),
        receipts=tuple(Received(**row) for row in inventory[RECEIPTS]),
        recalled=_recalled(inventory[RECALLED]),
        orders={row["order_id"]: Order(**row) for row in order[ORDERS]},
        order_lines=tuple(OrderLine(**row) for row in order[ORDER_LINES]),
        order_shipments={row["shipment_id"]: row["order_id"] for row in order[ORDER_SHIPMENTS]},
        unanswered=tuple((row["id"], row["event"]) for row in [*order[ORDER_QUESTIONS], *bottling[BATCH_QUESTIONS]]),
        fulfillments={row["order_id"]: Fulfillment(**row) for row in fulfillment[FULFILLMENTS]},
        fulfillment_lines=tuple(FulfillmentLine(**row) for row in fulfillment[FULFILLMENT_LINES]),
        shipments={row["shipment_id"]: _shipment(row) for row in fulfillment[SHIPMENTS]},
        batches={row["batch_id"]: Batch(**row) for row in bottling[BATCHES]},
        first_promises={row["order_id"]: row["promised_on"] for row in order[FIRST_PROMISES]},
        mail={name: _mail(rows) for name, rows in tables.items()},
    )


def _age(tables: dict[str, dict[str, Rows]]) -> tuple[datetime, datetime]:
    rows = [read[SINCE][0] for read in tables.values()]
    return min(row["since"] for row in rows), max(row["now"] for row in rows)


def _recalled(rows: Rows) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["lot_id"], set()).update(filter(None, [row["order_id"]]))
    return {lot_id: frozenset(orders) for lot_id, orders in found.items()}


def _shipment(row: Any) -> Shipment:
    return Shipment(row["shipment_id"], row["order_id"], json.loads(row["contents"]), row["delivered"])


def _mail(rows: dict[str, Rows]) -> Mail:
    return Mail(
        sent=tuple(Sent(row["id"], row["type"], row["aggregateid"], row["seq"]) for row in rows[SENT]),
        heard=frozenset(row["id"] for row in rows[HEARD]),
        dead=frozenset((row["topic"], row["partition"], row["offset"]) for row in rows[DEAD]),
    )
