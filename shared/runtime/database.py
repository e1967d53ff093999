"""One service's Postgres: its pool, its transactions, and which faults will pass by themselves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from shared.runtime.transaction import Transaction
from shared.runtime.wakeups import Wakeups

TRANSACTION_SECONDS_MAX: Final = 30
"""No transaction lives longer (Postgres ends it), so a number that is missing after twice that is never filled."""

BY_INDEX: Final = {"enable_seqscan": "off"}
"""For every session: a plan made while a table (or the next hour's partition) was empty would else read it from end to
end for ever, also inside the checks of foreign keys; batches are looked up by key."""

_SESSION: Final = {
    **BY_INDEX,
    "statement_timeout": "15s",
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": "15s",
    "transaction_timeout": f"{TRANSACTION_SECONDS_MAX}s",
    "timezone": "UTC",
}

_TRANSIENT_CLASSES: Final = ("08", "53", "57", "58")
_TRANSIENT_STATES: Final = frozenset(
    {
        "25006",  # read_only_sql_transaction: a failover, or an operator's hand
        "25P03",  # idle_in_transaction_session_timeout
        "25P04",  # transaction_timeout
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
        "55P03",  # lock_not_available
        "3D000",  # invalid_catalog_name: the server is being restored
    }
)


def is_transient(error: BaseException) -> bool:
    """True for a fault that time heals (connection, lock, resources, read-only), not for a wrong statement."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state[:2] in _TRANSIENT_CLASSES or state in _TRANSIENT_STATES
    if isinstance(error, asyncpg.InternalClientError):
        return True
    if isinstance(error, asyncpg.InterfaceError):
        return "closed" in str(error) or "released" in str(error) or "another operation" in str(error)
    return isinstance(error, OSError | asyncio.TimeoutError | EOFError)


async def open_pool(dsn: str, *, name: str, smallest: int = 1, largest: int = 10) -> asyncpg.Pool:
    """A pool whose sessions cannot hold a lock for ever; `name` is shown in `pg_stat_activity`.

    Raises:
        OSError, asyncpg.PostgresError: Postgres does not answer or refuses.
    """
    pool: asyncpg.Pool = await asyncpg.create_pool(
        dsn,
        min_size=smallest,
        max_size=largest,
        max_inactive_connection_lifetime=300,
        command_timeout=20,
        timeout=5,
        server_settings={"application_name": name, **_SESSION},
        reset=_leave_clean,
    )
    return pool


async def _leave_clean(connection: asyncpg.Connection) -> None:
    """Nothing of ours changes a session, so a full reset (a round trip per use) is not needed."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")


class Database:
    """A service's own schema; every change goes through `transaction`, every view through `reading`."""

    def __init__(
        self,
        service: str,
        dsn: str,
        *,
        wakeups: Wakeups | None = None,
        shards: int = 1,
        smallest: int = 1,
        largest: int = 10,
    ) -> None:
        self.service = service
        self.dsn = dsn
        self.wakeups = wakeups or Wakeups(service, dsn)
        self.shards = shards
        self._sizes = (smallest, largest)
        self._pool: asyncpg.Pool | None = None

    @property
    def pool(self) -> asyncpg.Pool:
        if self._pool is None:
            raise RuntimeError("the database is not open")
        return self._pool

    async def open(self) -> None:
        """Raises what `open_pool` raises."""
        smallest, largest = self._sizes
        self._pool = await open_pool(self.dsn, name=f"flacon-{self.service}", smallest=smallest, largest=largest)

    async def close(self) -> None:
        if self._pool is not None:
            await self._pool.close()
            self._pool = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One unit of work: what it did and what it publishes is committed together, or not at all."""
        async with self.pool.acquire() as connection:
            async with connection.transaction():
                transaction = Transaction(connection, self.service, self.shards)
                yield transaction
                await transaction.flush()
            if not transaction.quiet:
                self.wakeups.committed()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        """A connection for one view; it must not write."""
        async with self.pool.acquire() as connection:
            yield connection


async def fetch_planned(connection: Any, sql: str, *args: Any) -> list[asyncpg.Record]:
    """The rows of a statement that is planned for exactly these values.

    A statement with filters that may be absent would else, once it ran often, keep one plan that suits none of them.
    """
    statement = await connection.prepare(sql)
    rows: list[asyncpg.Record] = await statement.fetch(*args)
    return rows
