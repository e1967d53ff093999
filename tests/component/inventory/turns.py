"""Two instances whose transactions go on one statement at a time, in the order that a schedule says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import chain, repeat
from typing import Any

from shared.runtime.database import Database
from tests.component.inventory.warehouse import Warehouse

SECONDS = 20.0
LOOK_SECONDS = 0.002
IS_BLOCKED = "SELECT cardinality(pg_blocking_pids($1)) > 0"

Work = Callable[[Warehouse], Awaitable[Any]]


class Player:
    """One instance: it asks for its turn before each statement, and the table gives it."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = Warehouse(warehouse.dsn)
        self.warehouse.house = warehouse.house
        self.warehouse.database = _InTurns(warehouse.database, self)
        self.backend = 0
        self.commits = 0
        self.over = False
        self.idle = asyncio.Event()
        self._go = asyncio.Event()

    async def turn(self) -> None:
        self.idle.set()
        await self._go.wait()
        self._go.clear()

    def go_on(self) -> None:
        self.idle.clear()
        self._go.set()

    async def play(self, works: Iterable[Work]) -> None:
        try:
            for work in works:
                await work(self.warehouse)
        finally:
            self.over = True
            self.idle.set()


class _InTurns(Database):
    """The service's own database, behind connections that wait for their turn."""

    def __init__(self, real: Database, player: Player) -> None:
        super().__init__(real.service, real.dsn)
        self._in_turns = _Pool(real.pool, player)

    @property
    def pool(self) -> Any:
        return self._in_turns


class _Pool:
    def __init__(self, real: Any, player: Player) -> None:
        self._real, self._player = real, player

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Any]:
        async with self._real.acquire() as connection:
            self._player.backend = connection.get_server_pid()
            yield _Connection(connection, self._player)


class _Connection:
    def __init__(self, real: Any, player: Player) -> None:
        self._real, self._player = real, player

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        await self._player.turn()
        async with self._real.transaction():
            yield
            await self._player.turn()
        self._player.commits += 1

    async def fetch(self, sql: str, *args: Any) -> Any:
        await self._player.turn()
        return await self._real.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: Any) -> Any:
        await self._player.turn()
        return await self._real.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        await self._player.turn()
        return await self._real.fetchval(sql, *args)

    async def execute(self, sql: str, *args: Any) -> Any:
        await self._player.turn()
        return await self._real.execute(sql, *args)


class Table:
    """Where the instances take turns."""

    def __init__(self, warehouse: Warehouse, after_each_commit: Callable[[], Awaitable[None]]) -> None:
        self.players = [Player(warehouse), Player(warehouse)]
        self._warehouse, self._check = warehouse, after_each_commit

    async def play(self, works: Sequence[Sequence[Work]], schedule: Iterable[bool]) -> None:
        """Plays what each instance has to do; `True` in the schedule is a turn of the second one, if it can go on.

        Raises what a transaction raises: a deadlock too.
        """
        async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as tasks:
            for player, work in zip(self.players, works, strict=True):
                tasks.create_task(player.play(work))
                await player.idle.wait()
            await self._take_turns(chain(schedule, repeat(False)))

    async def _take_turns(self, schedule: Iterable[bool]) -> None:
        turns = iter(schedule)
        while not all(player.over for player in self.players):
            able = [player for player in self.players if player.idle.is_set() and not player.over]
            if not able:
                await asyncio.wait(
                    [asyncio.ensure_future(player.idle.wait()) for player in self.players if not player.over],
                    return_when=asyncio.FIRST_COMPLETED,
                )
                continue
            player = able[-1] if next(turns) else able[0]
            commits = player.commits
            player.go_on()
            await self._settle()
            if player.commits > commits:
                await self._check()

    async def _settle(self) -> None:
        """Until each either waits for its turn or for a lock of the other."""
        for player in self.players:
            while not player.idle.is_set():
                try:
                    await asyncio.wait_for(player.idle.wait(), LOOK_SECONDS)
                except TimeoutError:
                    async with self._warehouse.database.reading() as connection:
                        if await connection.fetchval(IS_BLOCKED, player.backend) and not player.idle.is_set():
                            break
