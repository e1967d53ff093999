"""Steps of all orders' sagas in the order in which they were written, for the stream."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to an order; `number` counts the steps of all orders, `version` is the order's newest."""

    number: int
    order_id: str
    customer_id: str
    at: datetime
    event: str
    from_status: str | None
    to_status: str
    version: int


@dataclass(frozen=True, slots=True)
class Interest:
    """Which steps somebody wants to hear of; None = all."""

    order_id: str | None = None
    status: str | None = None
    customer_id: str | None = None

    def includes(self, step: Step) -> bool:
        """Whether the step is of interest."""
        return (
            self.order_id in (None, step.order_id)
            and self.status in (None, step.to_status)
            and self.customer_id in (None, step.customer_id)
        )


LAST_STEP = """
SELECT coalesce(max(step), 0) FROM order_history
"""


async def last_step(connection: asyncpg.Connection) -> int:
    """The number of the newest step that can be seen, 0 if there is none."""
    found: int = await connection.fetchval(LAST_STEP)
    return found


NUMBERS_SINCE = """
SELECT step FROM order_history WHERE step > $1
"""


async def numbers_since(connection: asyncpg.Connection, step: int) -> list[int]:
    """The numbers after one, of the steps that can be seen."""
    return [row["step"] for row in await connection.fetch(NUMBERS_SINCE, step)]


STEPS_SINCE = """
SELECT step, order_id, customer_id, at, event, from_status, to_status, revision
FROM (
    (SELECT step, order_id, at, event, from_status, to_status
     FROM order_history WHERE step > $1 ORDER BY step LIMIT $3)
    UNION ALL
    SELECT step, order_id, at, event, from_status, to_status
    FROM order_history WHERE step = ANY($2::bigint[])
) AS news
JOIN orders USING (order_id)
ORDER BY step
"""


async def steps_since(connection: asyncpg.Connection, step: int, gaps: Sequence[int], limit: int) -> list[Step]:
    """The first steps after a number, and those of the missing numbers that have come."""
    return [_step(row) for row in await connection.fetch(STEPS_SINCE, step, list(gaps), limit)]


STEPS_BETWEEN = """
SELECT step, order_id, customer_id, at, event, from_status, to_status, revision
FROM order_history
JOIN orders USING (order_id)
WHERE step > $1 AND step <= $2
  AND ($3::uuid IS NULL OR order_id = $3)
  AND ($4::text IS NULL OR to_status = $4)
  AND ($5::text IS NULL OR customer_id = $5)
ORDER BY step
"""


async def steps_between(connection: asyncpg.Connection, after: int, through: int, interest: Interest) -> list[Step]:
    """The steps of interest after one number and up to another."""
    rows = await connection.fetch(
        STEPS_BETWEEN, after, through, interest.order_id, interest.status, interest.customer_id
    )
    return [_step(row) for row in rows]


def _step(row: Any) -> Step:
    return Step(
        number=row["step"],
        order_id=str(row["order_id"]),
        customer_id=row["customer_id"],
        at=row["at"],
        event=row["event"],
        from_status=row["from_status"],
        to_status=row["to_status"],
        version=row["revision"],
    )
