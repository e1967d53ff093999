"""Orders and their lines: inserted, locked by id, saved as far as they changed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record

from services.order.domain.copies import made
from services.order.domain.intake import PricedLine
from services.order.domain.order import Line, Order
from services.order.domain.rejection import rejection_of, rejection_text
from shared.runtime.transaction import Transaction


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order that is not stored yet, with what no decision needs; `address` is JSON."""

    order: Order
    lines: tuple[PricedLine, ...]
    currency: str
    address: str
    email: str | None


INSERT_ORDERS = """
INSERT INTO orders (
    order_id, source, external_id, customer_id, priority, on_shortage, auto_confirm, protect_safety_stock,
    requested_delivery, accepted_at, updated_at, status, confirm, version, revision, stock_asked, rejection)
SELECT order_id, source, external_id, customer_id, priority, on_shortage, auto_confirm, protect_safety_stock,
    requested_delivery, accepted_at, accepted_at, status, confirm, version, 1, stock_asked, rejection::jsonb
FROM unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::bool[], $8::bool[],
    $9::date[], $10::timestamptz[], $11::text[], $12::bool[], $13::int[], $14::int[], $15::text[]
) AS new (order_id, source, external_id, customer_id, priority, on_shortage, auto_confirm, protect_safety_stock,
    requested_delivery, accepted_at, status, confirm, version, stock_asked, rejection)
ORDER BY source, external_id, order_id
ON CONFLICT DO NOTHING
RETURNING order_id
"""


async def insert_orders(tx: Transaction, orders: Sequence[NewOrder]) -> set[str]:
    """Stores the orders, sorted by identity so that nobody waits in a circle; returns the ids that are new.

    An id or an upstream identity that exists already is left as it is.
    """
    rows = [_new_row(new.order) for new in orders]
    inserted = {str(row["order_id"]) for row in await tx.fetch(INSERT_ORDERS, *_columns(rows, 15))}
    fresh = [new for new in orders if new.order.order_id in inserted]
    if fresh:
        await tx.execute(INSERT_PARTS, *_columns(_line_rows(fresh), 8), *_columns(_recipient_rows(fresh), 3))
    return inserted


def _new_row(order: Order) -> tuple[Any, ...]:
    return (
        order.order_id,
        order.source,
        order.external_id,
        order.customer_id,
        order.priority,
        order.on_shortage,
        order.auto_confirm,
        order.protect_safety_stock,
        order.requested_delivery,
        order.accepted_at,
        order.status,
        order.confirm,
        order.version,
        order.stock_asked,
        rejection_text(order.rejection),
    )


def _columns(rows: Sequence[tuple[Any, ...]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


INSERT_PARTS = """
WITH lines AS (
    INSERT INTO order_lines (order_id, line, product_id, name, quantity, unit_price, currency, lead_days)
    SELECT order_id, line, product_id, name, quantity, unit_price, currency, lead_days
    FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::int[], $6::numeric[], $7::text[], $8::int[])
        AS new (order_id, line, product_id, name, quantity, unit_price, currency, lead_days)
)
INSERT INTO order_recipients (order_id, shipping_address, email)
SELECT order_id, shipping_address::jsonb, email
FROM unnest($9::uuid[], $10::text[], $11::text[]) AS new (order_id, shipping_address, email)
"""


def _line_rows(orders: Sequence[NewOrder]) -> list[tuple[Any, ...]]:
    return [
        (
            new.order.order_id,
            priced.line.line,
            priced.line.product_id,
            priced.line.name,
            priced.line.quantity,
            priced.price,
            None if priced.price is None else new.currency,
            priced.line.lead_days,
        )
        for new in orders
        for priced in new.lines
    ]


def _recipient_rows(orders: Sequence[NewOrder]) -> list[tuple[Any, ...]]:
    return [(new.order.order_id, new.address, new.email) for new in orders]


LOCK_ORDERS = """
SELECT order_id, source, external_id, customer_id, priority, on_shortage, auto_confirm, protect_safety_stock,
    requested_delivery, accepted_at, status, confirm, version, stock_status, stock_version, stock_asked, stock_answered,
    reservation_expires_at, expired_at, expiry_told, confirmation_told, fulfillment_version, fulfillment_answered,
    fulfillment_closed, ready_version, cancel_version, cancel_whole, cancel_reason, cancel_actor, closed_version,
    rejection, estimated_delivery, estimated_delivery_basis
FROM orders
WHERE order_id = ANY($1::uuid[])
ORDER BY order_id
FOR NO KEY UPDATE
"""
LOAD_LINES = """
SELECT order_id, line, product_id, name, quantity, lead_days, held, backordered, deducted, short, shipped, cancelled,
    cancelled_known, cancel_asked, target, target_short, expected_date, expected_basis, lots, clock_timestamp() AS now
FROM order_lines
WHERE order_id = ANY($1::uuid[])
ORDER BY order_id, line
"""


async def lock_orders(tx: Transaction, order_ids: Sequence[str]) -> tuple[dict[str, Order], datetime]:
    """The orders that exist of these, locked in order of their ids, with their lines; and the time after that."""
    ids = [UUID(order_id) for order_id in sorted(set(order_ids))]
    rows = await tx.fetch(LOCK_ORDERS, ids)
    lines: dict[UUID, list[Line]] = {row["order_id"]: [] for row in rows}
    found = await tx.fetch(LOAD_LINES, list(lines)) if lines else []
    for row in found:
        lines[row["order_id"]].append(_line_of(row))
    orders = {str(row["order_id"]): _order_of(row, tuple(lines[row["order_id"]])) for row in rows}
    return orders, found[0]["now"] if found else await tx.clock()


def _line_of(row: Record) -> Line:
    """The columns of LOAD_LINES between the order's id and the time are the fields of a line."""
    fields = dict(row)
    del fields["order_id"], fields["now"]
    fields["lots"] = () if fields["lots"] == "[]" else tuple(json.loads(fields["lots"]))
    return made(Line, fields)


def _order_of(row: Record, lines: tuple[Line, ...]) -> Order:
    """The columns of LOCK_ORDERS are the fields of an order but its lines."""
    fields = dict(row)
    fields.update(order_id=str(row["order_id"]), lines=lines, rejection=rejection_of(row["rejection"]))
    return made(Order, fields)


LOAD_RECIPIENTS = """
SELECT order_id, shipping_address, email FROM order_recipients WHERE order_id = ANY($1::uuid[])
"""


async def load_recipients(tx: Transaction, order_ids: Sequence[str]) -> dict[str, tuple[dict[str, Any], str | None]]:
    """Address and e-mail of each order."""
    rows = await tx.fetch(LOAD_RECIPIENTS, [UUID(order_id) for order_id in order_ids])
    return {str(row["order_id"]): (json.loads(row["shipping_address"]), row["email"]) for row in rows}


SAVE_ORDERS = """
UPDATE orders
SET status = new.status, confirm = new.confirm, version = new.version, revision = revision + 1,
    stock_status = new.stock_status, stock_version = new.stock_version, stock_asked = new.stock_asked,
    stock_answered = new.stock_answered, reservation_expires_at = new.reservation_expires_at,
    expired_at = new.expired_at, expiry_told = new.expiry_told, confirmation_told = new.confirmation_told,
    fulfillment_version = new.fulfillment_version, fulfillment_answered = new.fulfillment_answered,
    fulfillment_closed = new.fulfillment_closed, ready_version = new.ready_version,
    cancel_version = new.cancel_version, cancel_whole = new.cancel_whole, cancel_reason = new.cancel_reason,
    cancel_actor = new.cancel_actor, closed_version = new.closed_version, rejection = new.rejection::jsonb,
    estimated_delivery = new.estimated_delivery, estimated_delivery_basis = new.estimated_delivery_basis,
    updated_at = $25
FROM unnest(
    $1::uuid[], $2::text[], $3::bool[], $4::int[], $5::text[], $6::bigint[], $7::int[], $8::int[], $9::timestamptz[],
    $10::timestamptz[], $11::bool[], $12::bool[], $13::bigint[], $14::int[], $15::bool[], $16::int[], $17::int[],
    $18::bool[], $19::text[], $20::text[], $21::int[], $22::text[], $23::date[], $24::text[]
) AS new (order_id, status, confirm, version, stock_status, stock_version, stock_asked, stock_answered,
    reservation_expires_at, expired_at, expiry_told, confirmation_told, fulfillment_version, fulfillment_answered,
    fulfillment_closed, ready_version, cancel_version, cancel_whole, cancel_reason, cancel_actor, closed_version,
    rejection, estimated_delivery, estimated_delivery_basis)
WHERE orders.order_id = new.order_id
"""
_SAVED = (
    "order_id",
    "status",
    "confirm",
    "version",
    "stock_status",
    "stock_version",
    "stock_asked",
    "stock_answered",
    "reservation_expires_at",
    "expired_at",
    "expiry_told",
    "confirmation_told",
    "fulfillment_version",
    "fulfillment_answered",
    "fulfillment_closed",
    "ready_version",
    "cancel_version",
    "cancel_whole",
    "cancel_reason",
    "cancel_actor",
    "closed_version",
    "rejection",
    "estimated_delivery",
    "estimated_delivery_basis",
)


async def save_orders(tx: Transaction, changed: Sequence[tuple[Order, Order]], now: datetime) -> None:
    """Writes each (before, after) pair: the order, and the lines that differ."""
    rows = [tuple(_saved(after, name) for name in _SAVED) for _, after in changed]
    if rows:
        await tx.execute(SAVE_ORDERS, *_columns(rows, len(_SAVED)), now)
    lines = [
        (after.order_id, *_line_row(line))
        for before, after in changed
        for old, line in zip(before.lines, after.lines, strict=True)
        if old != line
    ]
    if lines:
        await tx.execute(SAVE_LINES, *_columns(lines, 15))


def _saved(order: Order, name: str) -> Any:
    return rejection_text(order.rejection) if name == "rejection" else getattr(order, name)


SAVE_LINES = """
UPDATE order_lines
SET held = new.held, backordered = new.backordered, deducted = new.deducted, short = new.short, shipped = new.shipped,
    cancelled = new.cancelled, cancelled_known = new.cancelled_known, cancel_asked = new.cancel_asked,
    target = new.target, target_short = new.target_short, expected_date = new.expected_date,
    expected_basis = new.expected_basis, lots = new.lots::jsonb
FROM unnest(
    $1::uuid[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[],
    $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::date[], $14::text[], $15::text[]
) AS new (order_id, line, held, backordered, deducted, short, shipped, cancelled, cancelled_known, cancel_asked, target,
    target_short, expected_date, expected_basis, lots)
WHERE order_lines.order_id = new.order_id AND order_lines.line = new.line
"""
_SAVED_OF_LINES = (
    "line",
    "held",
    "backordered",
    "deducted",
    "short",
    "shipped",
    "cancelled",
    "cancelled_known",
    "cancel_asked",
    "target",
    "target_short",
    "expected_date",
    "expected_basis",
)


def _line_row(line: Line) -> tuple[Any, ...]:
    lots = json.dumps(line.lots) if line.lots else "[]"
    return (*(getattr(line, name) for name in _SAVED_OF_LINES), lots)
