"""How far the orders are that somebody waits for: one statement for all of them."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from services.order.domain.order import Line, Order
from services.order.domain.rejection import rejection_of

READ_OUTCOMES = """
SELECT order_id, customer_id, accepted_at, status, stock_status, stock_asked, stock_answered, fulfillment_answered,
    fulfillment_closed, cancel_version, rejection, estimated_delivery, estimated_delivery_basis,
    (SELECT coalesce(jsonb_agg(jsonb_build_array(
            line, product_id, name, quantity, held, backordered, shipped, cancelled) ORDER BY line), '[]')
     FROM order_lines WHERE order_lines.order_id = orders.order_id) AS lines
FROM orders
WHERE order_id = ANY($1::uuid[])
"""


async def read_outcomes(connection: asyncpg.Connection, order_ids: Sequence[str]) -> dict[str, Order]:
    """The orders as far as an answer needs them, by id."""
    rows = await connection.fetch(READ_OUTCOMES, [UUID(order_id) for order_id in order_ids])
    return {str(row["order_id"]): _outcome(row) for row in rows}


def _outcome(row: asyncpg.Record) -> Order:
    return Order(
        order_id=str(row["order_id"]),
        customer_id=row["customer_id"],
        accepted_at=row["accepted_at"],
        lines=tuple(_line(values) for values in json.loads(row["lines"])),
        status=row["status"],
        stock_status=row["stock_status"],
        stock_asked=row["stock_asked"],
        stock_answered=row["stock_answered"],
        fulfillment_answered=row["fulfillment_answered"],
        fulfillment_closed=row["fulfillment_closed"],
        cancel_version=row["cancel_version"],
        rejection=rejection_of(row["rejection"]),
        estimated_delivery=row["estimated_delivery"],
        estimated_delivery_basis=row["estimated_delivery_basis"],
    )


def _line(values: list[Any]) -> Line:
    number, product_id, name, quantity, held, backordered, shipped, cancelled = values
    return Line(
        line=number,
        product_id=product_id,
        name=name,
        quantity=quantity,
        held=held,
        backordered=backordered,
        shipped=shipped,
        cancelled=cancelled,
    )
