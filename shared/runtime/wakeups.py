"""Wake-ups: hints that something was committed, never part of a business transaction, never needed for correctness."""

import asyncio
from contextlib import suppress
from typing import Any, Final

import asyncpg

NOTIFY = "SELECT pg_notify($1, '')"
QUIET_SECONDS: Final = 0.005
RECONNECT_SECONDS: Final = 1.0


class Wakeups:
    """Tells who waits in this process at once, and other instances by a NOTIFY at most every 5 ms."""

    def __init__(self, service: str, dsn: str) -> None:
        self._channel = f"flacon_{service}"
        self._dsn = dsn
        self._waiters: dict[str, asyncio.Event] = {}
        self._dirty = asyncio.Event()

    def committed(self) -> None:
        """Something was committed here."""
        self._dirty.set()
        self._wake()

    async def wait(self, who: str, seconds: float) -> None:
        """Returns after a commit anywhere since this waiter's last return, or after `seconds`."""
        event = self._waiters.setdefault(who, asyncio.Event())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()
        event.clear()

    async def run(self, stop: asyncio.Event) -> None:
        """Speaks and listens on a connection of its own until `stop`; a lost connection only makes waiters slower."""
        while not stop.is_set():
            with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
                await self._converse(stop)
            with suppress(TimeoutError):
                async with asyncio.timeout(RECONNECT_SECONDS):
                    await stop.wait()

    async def _converse(self, stop: asyncio.Event) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=5, command_timeout=5)
        try:
            await connection.add_listener(self._channel, self._heard)
            while not stop.is_set() and not connection.is_closed():
                await self._speak(connection, stop)
        finally:
            await connection.close(timeout=2)

    async def _speak(self, connection: Any, stop: asyncio.Event) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                await self._dirty.wait()
        if self._dirty.is_set() and not stop.is_set():
            self._dirty.clear()
            await connection.execute(NOTIFY, self._channel)
            await asyncio.sleep(QUIET_SECONDS)

    def _heard(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        if pid != connection.get_server_pid():
            self._wake()

    def _wake(self) -> None:
        for event in self._waiters.values():
            event.set()
