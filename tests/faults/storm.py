"""What goes wrong from outside, drawn from a seed: kills, standstills, cuts, slow lines, closed doors, poison."""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import asyncpg
import httpx
from aiokafka.errors import KafkaError

from deploy.local.credentials import SERVICES
from shared.contracts.catalog import EVENTS
from tests.faults.stage import Stage
from tests.shop import Shop

CUT_SESSIONS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE $1
"""
READ_ONLY_STATEMENT = "SELECT format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database())"
WRITABLE_STATEMENT = "SELECT format('ALTER DATABASE %I RESET default_transaction_read_only', current_database())"
POISON: tuple[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]], ...] = (
    (b"k", b"{no json", []),
    (b"k", b"\xff\xfe", [("odd", b"\xff")]),
    (b"k", None, [("ce_id", b"no id")]),
)
STILL_SECONDS = 3.0
ZOMBIE_SECONDS = 12.0
"""Longer than a group waits for a member that says nothing: others have its partitions when it wakes up."""


class Storm:
    """One fault after another; `happened` counts them by name."""

    def __init__(self, stage: Stage, shop: Shop, seed: int, *, some: bool = False) -> None:
        """`some`: of all faults only those that the seed draws; a fault alone goes further than among many."""
        self._stage = stage
        self._shop = shop
        self._draw = random.Random(seed)
        self._some = some
        self.happened: Counter[str] = Counter()

    async def run(self, stop: asyncio.Event, pause_seconds: float) -> None:
        """Until `stop`, each fault in turn before any comes again; the order is drawn anew each time."""
        faults: list[Callable[[], Awaitable[None]]] = [
            self._kill,
            self._stand_still,
            self._cut_lines,
            self._slow_lines,
            self._close_door,
            self._cut_relays,
            self._cut_everybody,
            self._read_only,
            self._second_instance,
            self._poison,
        ]
        if self._some:
            faults = self._draw.sample(faults, self._draw.randint(2, len(faults)))
        while not stop.is_set():
            for fault in self._draw.sample(faults, len(faults)):
                if stop.is_set():
                    return
                with suppress(OSError, asyncpg.PostgresError, httpx.HTTPError, KafkaError):
                    await fault()
                    self.happened[fault.__name__.strip("_")] += 1
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause_seconds)

    def _anyone(self) -> str:
        return f"{self._draw.choice(SERVICES)}-1"

    async def _kill(self) -> None:
        name = self._anyone()
        self._stage.faulty.kill_instance(name)
        self._stage.faulty.spawn(name)

    async def _stand_still(self) -> None:
        name = self._anyone()
        if self._stage.signal(name, signal.SIGSTOP):
            try:
                await asyncio.sleep(self._draw.choice((STILL_SECONDS, ZOMBIE_SECONDS)))
            finally:
                self._stage.signal(name, signal.SIGCONT)

    async def _cut_lines(self) -> None:
        self._stage.proxy.cut(0.5)

    async def _slow_lines(self) -> None:
        self._stage.proxy.delay_seconds_max = 0.05
        await asyncio.sleep(STILL_SECONDS)
        self._stage.proxy.delay_seconds_max = 0.0

    async def _close_door(self) -> None:
        """Postgres cannot be reached at all for a while."""
        self._stage.proxy.closed = True
        self._stage.proxy.cut(1.0)
        await asyncio.sleep(STILL_SECONDS)
        self._stage.proxy.closed = False

    async def _cut_relays(self) -> None:
        await self._execute(CUT_SESSIONS, "%relay%")

    async def _cut_everybody(self) -> None:
        """As a server that is killed: every session ends at once."""
        await self._execute(CUT_SESSIONS, "flacon-%")

    async def _read_only(self) -> None:
        await self._switch(READ_ONLY_STATEMENT)
        await asyncio.sleep(STILL_SECONDS)
        await self._switch(WRITABLE_STATEMENT)

    async def _switch(self, statement: str) -> None:
        """New sessions only know the new setting, so the old ones end, as in a failover."""
        connection = await asyncpg.connect(self._stage.stack.postgres["admin"])
        try:
            change = await connection.fetchval(statement)
            await connection.execute("SET default_transaction_read_only = off")
            await connection.execute(change)
            await connection.fetchval(CUT_SESSIONS, "flacon-%")
        finally:
            await connection.close()

    async def _execute(self, statement: str, *values: str) -> None:
        connection = await asyncpg.connect(self._stage.stack.postgres["admin"])
        try:
            await connection.fetchval(statement, *values)
        finally:
            await connection.close()

    async def _second_instance(self) -> None:
        """Joins its group if it is not there, leaves if it is: two relays, and partitions that move."""
        name = f"{self._draw.choice(SERVICES)}-2"
        if any(record.name == name for record in self._stage.faulty.running()):
            await self._stage.faulty.stop(name)
        else:
            self._stage.faulty.spawn(name)

    async def _poison(self) -> None:
        event = self._draw.choice([event for event in EVENTS if event.readers and not event.compacted])
        await self._shop.publish(event.name, list(POISON))
