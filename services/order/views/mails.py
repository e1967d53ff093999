"""Mails as operators see them: which are due, how many wait or are dead, and the list of them."""

from typing import Any

import asyncpg

from services.order.domain.mails import State

IS_ANY_DUE = """
SELECT EXISTS (
    SELECT FROM mails
    WHERE state = 'waiting' AND next_attempt_at <= statement_timestamp() AND mail_id = (
        SELECT min(mail_id) FROM mails AS first WHERE first.order_id = mails.order_id AND first.state = 'waiting'))
"""


async def is_any_due(connection: asyncpg.Connection) -> bool:
    """Whether a mail could be sent now."""
    found: bool = await connection.fetchval(IS_ANY_DUE)
    return found


COUNT_MAILS = """
SELECT count(*) AS waiting, (SELECT count(*) FROM mails WHERE state = 'dead') AS dead,
    coalesce(extract(epoch FROM clock_timestamp() - min(made_at)), 0)::float8 AS oldest
FROM mails
WHERE state = 'waiting'
"""


async def count_mails(connection: asyncpg.Connection) -> tuple[int, int, float]:
    """How many wait and how many are dead, and the age of the oldest that waits, in seconds."""
    row = await connection.fetchrow(COUNT_MAILS)
    assert row is not None
    return row["waiting"], row["dead"], row["oldest"]


LIST_MAILS = """
SELECT order_id, kind, n, state, attempts, refusals, made_at, next_attempt_at, ended_at, last_error
FROM mails
WHERE state = $1 AND ($2::uuid IS NULL OR order_id = $2)
ORDER BY mail_id DESC
LIMIT $3
"""


async def list_mails(
    connection: asyncpg.Connection, state: State, order_id: str | None, limit: int
) -> list[dict[str, Any]]:
    """Mails in a state, of one order or of all, the newest first."""
    rows = await connection.fetch(LIST_MAILS, state, order_id, limit)
    return [{"mail": f"{row['order_id']}.{row['kind']}.{row['n']}", **dict(row)} for row in rows]
