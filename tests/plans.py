"""How many rows and pages a query reads."""

import json
from collections.abc import Awaitable, Callable
from typing import Any


class Explained:
    """A connection that explains each query instead of answering it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.rows, self.pages = 0, 0

    async def fetch(self, sql: str, *args: Any) -> list[Any]:
        [[plan]] = await self._connection.fetch("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + sql, *args)
        assert "Seq Scan" not in plan, plan
        top = json.loads(plan)[0]["Plan"]
        self.rows, self.pages = top["Actual Rows"], top["Shared Hit Blocks"] + top["Shared Read Blocks"]
        return []

    async def fetchrow(self, sql: str, *args: Any) -> None:
        await self.fetch(sql, *args)


ROWS_READ = """
SELECT coalesce(sum(seq_tup_read + coalesce(idx_tup_fetch, 0)), 0)::bigint FROM pg_stat_xact_user_tables
"""


async def rows_read(connection: Any, query: Callable[[], Awaitable[Any]]) -> int:
    """How many rows of tables a query reads on this connection."""
    async with connection.transaction():
        before = await connection.fetchval(ROWS_READ)
        await query()
        return int(await connection.fetchval(ROWS_READ)) - int(before)
