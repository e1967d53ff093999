"""One reader of the history for all clients of the stream: bounded work whatever the rate of events."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextvars import Context
from dataclasses import dataclass, field
from typing import Final

import structlog

from services.order.views.steps import Interest, Step, last_step, numbers_since, steps_between, steps_since
from shared.runtime.database import TRANSACTION_SECONDS_MAX, Database

POLL_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 0.02
STEPS_MAX: Final = 500
PART_MAX: Final = 1_000
"""Numbers that one statement looks through for a client that resumes, however few of them interest it."""
BEHIND_MAX: Final = 2_000
CLIENTS_MAX: Final = 500
GAPS_MAX: Final = 10_000
GAP_SECONDS: Final = 2.0 * TRANSACTION_SECONDS_MAX
"""A missing number belongs to a transaction under way, or to one that was rolled back when it is older than this."""

_log = structlog.get_logger()
News = tuple[Step, int]
"""A step, and the number from which a client that has seen it resumes."""


@dataclass(slots=True, eq=False)
class _Client:
    """Somebody who listens; one that falls too far behind is cut off and resumes where it was."""

    interest: Interest
    queue: deque[News] = field(default_factory=deque)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    def tell(self, news: News) -> None:
        if self.ended or not self.interest.includes(news[0]):
            return
        if len(self.queue) >= BEHIND_MAX:
            self.end()
        else:
            self.queue.append(news)
            self.wake.set()

    def end(self) -> None:
        self.ended = True
        self.wake.set()


class Feed:
    """Reads what was added to the history while anybody listens.

    Steps are numbered before they are committed, so a later number may be seen first. The missing ones are remembered
    until they come or cannot come any more; what a client resumes from is never behind a missing one.
    """

    def __init__(self, database: Database, stopping: asyncio.Event) -> None:
        self._database = database
        self._stopping = stopping
        self._clients: set[_Client] = set()
        self._through = 0
        self._gaps: dict[int, float] = {}
        self._reading: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()

    @property
    def is_full(self) -> bool:
        """As many clients listen as one process serves."""
        return len(self._clients) >= CLIENTS_MAX

    async def listen(
        self, interest: Interest, since: int | None, comment_seconds: float
    ) -> AsyncGenerator[News | None, None]:
        """What happens from now on, or after the number `since`; None after each such time of silence.

        Ends when the service stops or the client is too slow. After a resumption a step may come twice.
        """
        if self.is_full:
            return
        client = _Client(interest)
        self._clients.add(client)
        try:
            self._start()
            await self._begun.wait()
            if since is not None:
                async for news in self._missed(interest, since):
                    yield news
            while not client.ended:
                async for one in _next(client, comment_seconds):
                    yield one
        finally:
            self._clients.discard(client)

    def _start(self) -> None:
        if self._reading is None or self._reading.done():
            self._begun.clear()
            self._reading = asyncio.create_task(self._read(), name="stream-of-orders", context=Context())

    async def _missed(self, interest: Interest, since: int) -> AsyncIterator[News]:
        """Everything up to where the reader stands now; what comes later waits in the client's queue."""
        through, frontier = self._through, self._frontier
        while since < through:
            part = min(through, since + PART_MAX)
            async with self._database.reading() as connection:
                steps = await steps_between(connection, since, part, interest)
            for step in steps:
                yield step, min(step.number, frontier)
            since = part

    @property
    def _frontier(self) -> int:
        return min(self._gaps, default=self._through + 1) - 1

    async def _read(self) -> None:
        """Until nobody listens or the service stops."""
        try:
            await self._begin()
            while self._clients and not self._stopping.is_set():
                more = await self._look()
                await asyncio.sleep(PAUSE_SECONDS)
                if not more:
                    await self._woken()
        except Exception as error:
            _log.warning("the stream of orders is interrupted", reason=f"{type(error).__name__}: {error}")
        finally:
            self._begun.set()
            for client in self._clients:
                client.end()

    async def _begin(self) -> None:
        """What was numbered lately may belong to transactions under way: their numbers are missing from the start."""
        async with self._database.reading() as connection:
            last = await last_step(connection)
            numbers = await numbers_since(connection, max(0, last - GAPS_MAX))
        self._through, self._gaps = max(0, last - GAPS_MAX), {}
        self._advance(set(numbers), time.monotonic())
        self._begun.set()

    async def _look(self) -> bool:
        """Hands on what is new; True if there may be more."""
        async with self._database.reading() as connection:
            steps = await steps_since(connection, self._through, [*self._gaps], STEPS_MAX)
        self._advance({step.number for step in steps}, time.monotonic())
        for step in steps:
            news = (step, min(step.number, self._frontier))
            for client in self._clients:
                client.tell(news)
        return len(steps) >= STEPS_MAX

    def _advance(self, seen: set[int], now: float) -> None:
        top = max(seen, default=self._through)
        missing = (number for number in range(max(self._through + 1, top - GAPS_MAX), top) if number not in seen)
        waiting = {number: since for number, since in self._gaps.items() if number not in seen}
        known = {**waiting, **dict.fromkeys(missing, now)}
        self._gaps = {number: since for number, since in known.items() if now - since < GAP_SECONDS}
        self._through = max(self._through, top)

    async def _woken(self) -> None:
        wakeup = asyncio.create_task(self._database.wakeups.wait("stream-of-orders", POLL_SECONDS))
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((wakeup, stop), return_when=asyncio.FIRST_COMPLETED)
        finally:
            wakeup.cancel()
            stop.cancel()


async def _next(client: _Client, comment_seconds: float) -> AsyncIterator[News | None]:
    """What is in the client's queue, once there is something; None if there is nothing for so long."""
    try:
        async with asyncio.timeout(comment_seconds):
            await client.wake.wait()
    except TimeoutError:
        yield None
    client.wake.clear()
    while client.queue:
        yield client.queue.popleft()
