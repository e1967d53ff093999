"""Orders as they are shown: whole, with their history, and the stuck ones."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from services.order.domain.order import Line, Order, Rejection
from services.order.domain.rejection import rejection_of
from shared.contracts.values import rfc3339

READ_ORDERS = """
SELECT order_id, customer_id, source, external_id, status, priority, on_shortage, auto_confirm, protect_safety_stock,
    stock_status, reservation_expires_at, requested_delivery, estimated_delivery, estimated_delivery_basis,
    shipping_address, email, rejection, revision, accepted_at, updated_at,
    EXISTS (SELECT FROM questions WHERE questions.order_id = orders.order_id AND attempts >= 2) AS stuck
FROM orders
JOIN order_recipients USING (order_id)
WHERE order_id = ANY($1::uuid[])
"""
READ_LINES = """
SELECT order_id, line, product_id, name, quantity, unit_price, currency, held, backordered, shipped, cancelled,
    expected_date
FROM order_lines
WHERE order_id = ANY($1::uuid[])
ORDER BY order_id, line
"""
READ_SHIPMENTS = """
SELECT order_id, shipment_id, carrier, tracking_number, shipped_at, delivered_at
FROM order_shipments
WHERE order_id = ANY($1::uuid[]) AND shipped_at IS NOT NULL
ORDER BY order_id, shipped_at, shipment_id
"""


READ_PROMISES = """
SELECT order_id, made_at, promised_on, basis, cause
FROM order_promises
WHERE order_id = ANY($1::uuid[])
ORDER BY order_id, number
"""


async def read_orders(connection: asyncpg.Connection, order_ids: Sequence[UUID]) -> dict[str, dict[str, Any]]:
    """The orders whole, by id."""
    if not order_ids:
        return {}
    rows = await connection.fetch(READ_ORDERS, order_ids)
    lines = _grouped(await connection.fetch(READ_LINES, order_ids))
    shipments = _grouped(await connection.fetch(READ_SHIPMENTS, order_ids))
    promises = _grouped(await connection.fetch(READ_PROMISES, order_ids))
    return {
        str(row["order_id"]): {
            **_body(row, lines.get(row["order_id"], []), shipments.get(row["order_id"], [])),
            "promises": [_promise(promise) for promise in promises.get(row["order_id"], [])],
        }
        for row in rows
    }


def _grouped(rows: Sequence[asyncpg.Record]) -> dict[UUID, list[asyncpg.Record]]:
    groups: dict[UUID, list[asyncpg.Record]] = {}
    for row in rows:
        groups.setdefault(row["order_id"], []).append(row)
    return groups


def _body(row: asyncpg.Record, lines: list[asyncpg.Record], shipments: list[asyncpg.Record]) -> dict[str, Any]:
    parts = [_line(line) for line in lines]
    order = _order(row, parts)
    return {
        "order_id": order.order_id,
        "customer_id": row["customer_id"],
        "source": row["source"],
        "external_id": row["external_id"],
        "status": row["status"],
        "priority": row["priority"],
        "on_shortage": row["on_shortage"],
        "auto_confirm": row["auto_confirm"],
        "protect_safety_stock": row["protect_safety_stock"],
        "stock_reserved": order.stock_reserved,
        "stock_confirmed": order.stock_confirmed,
        "reservation_expires_at": row["reservation_expires_at"],
        "requested_delivery": row["requested_delivery"],
        "estimated_delivery": row["estimated_delivery"],
        "estimated_delivery_basis": row["estimated_delivery_basis"],
        "shipping_address": json.loads(row["shipping_address"]),
        "email": row["email"],
        "items": [_item(line, part) for line, part in zip(lines, parts, strict=True)],
        "shipments": [_shipment(shipment) for shipment in shipments],
        "rejection": rejection_body(order.rejection),
        "stuck": row["stuck"],
        "version": row["revision"],
        "created_at": row["accepted_at"],
        "updated_at": row["updated_at"],
    }


def _order(row: asyncpg.Record, lines: Sequence[Line]) -> Order:
    return Order(
        order_id=str(row["order_id"]),
        customer_id=row["customer_id"],
        accepted_at=row["accepted_at"],
        lines=tuple(lines),
        status=row["status"],
        stock_status=row["stock_status"],
        rejection=rejection_of(row["rejection"]),
    )


def _line(row: asyncpg.Record) -> Line:
    return Line(
        line=row["line"],
        product_id=row["product_id"],
        name=row["name"],
        quantity=row["quantity"],
        held=row["held"],
        backordered=row["backordered"],
        shipped=row["shipped"],
        cancelled=row["cancelled"],
        expected_date=row["expected_date"],
    )


def _item(row: asyncpg.Record, line: Line) -> dict[str, Any]:
    price = row["unit_price"]
    return {
        "line": line.line,
        "product_id": line.product_id,
        "name": line.name,
        "quantity": line.quantity,
        "unit_price": None if price is None else {"amount": price, "currency": row["currency"]},
        "held": line.held_still,
        "backordered": line.backordered,
        "shipped": line.shipped,
        "cancelled": line.given_up,
        "expected_date": line.expected_date,
    }


def _shipment(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "shipment_id": row["shipment_id"],
        "carrier": row["carrier"],
        "tracking_number": row["tracking_number"],
        "shipped_at": row["shipped_at"],
        "delivered_at": row["delivered_at"],
    }


def _promise(row: asyncpg.Record) -> dict[str, Any]:
    return {"promised_on": row["promised_on"], "basis": row["basis"], "cause": row["cause"], "at": row["made_at"]}


def rejection_body(rejection: Rejection | None) -> dict[str, Any] | None:
    """Why an order was refused, as it is shown."""
    if rejection is None:
        return None
    return {
        "reason": rejection.reason,
        "detail": rejection.detail,
        "lines": short_lines(rejection),
        "errors": [{"detail": error.detail, "pointer": error.pointer} for error in rejection.errors],
    }


def short_lines(rejection: Rejection | None) -> list[dict[str, Any]]:
    """The short lines of a refused order."""
    return [
        {
            "product_id": line.product_id,
            "name": line.name,
            "available": line.available,
            "requested": line.requested,
            "alternatives": [dict(alternative) for alternative in line.alternatives],
            "earliest_date": line.earliest_date,
            "earliest_basis": line.earliest_basis,
        }
        for line in (rejection.lines if rejection else ())
    ]


CUSTOMER_OF = """
SELECT customer_id FROM orders WHERE order_id = $1
"""
READ_HISTORY = """
SELECT at, service, event, event_id, causation_id, from_status, to_status, detail
FROM order_history
WHERE order_id = $1
ORDER BY step
"""


async def customer_of(connection: asyncpg.Connection, order_id: UUID) -> str | None:
    """Whose order it is; None if there is none."""
    found: str | None = await connection.fetchval(CUSTOMER_OF, order_id)
    return found


async def read_history(connection: asyncpg.Connection, order_id: UUID) -> list[dict[str, Any]]:
    """Every step of an order's saga, oldest first."""
    return [dict(row) for row in await connection.fetch(READ_HISTORY, order_id)]


LIST_STUCK = """
SELECT order_id, neighbour, event AS step, asked_at AS since, attempts, next_attempt_at
FROM questions
WHERE attempts >= 2 AND ($1::uuid IS NULL OR (order_id, neighbour) < ($1, $2::text))
ORDER BY order_id DESC, neighbour DESC
LIMIT $3
"""


async def list_stuck(
    connection: asyncpg.Connection, before: tuple[UUID, str] | None, limit: int
) -> list[dict[str, Any]]:
    """Questions that were asked again twice or more and have no answer, the newest order first."""
    order_id, neighbour = before or (None, None)
    rows = await connection.fetch(LIST_STUCK, order_id, neighbour, limit)
    return [
        {
            "order_id": str(row["order_id"]),
            "neighbour": row["neighbour"],
            "step": row["step"],
            "since": rfc3339(row["since"]),
            "attempts": row["attempts"],
            "next_attempt_at": rfc3339(row["next_attempt_at"]),
            "last_error": f"no answer from {row['neighbour']}",
        }
        for row in rows
    ]
