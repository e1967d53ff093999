"""Waiting for an outcome that other services decide: one loop and one query for all requests that wait."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

import structlog
from prometheus_client import Gauge

V = TypeVar("V")

builtin_id = id

POLL_SECONDS: Final = 0.5
GAP_SECONDS: Final = 0.003
FIRST_VIEW_SECONDS: Final = 5.0

_waiting = Gauge("flacon_requests_waiting", "Requests that wait for an answer of the saga", ["name"])
_log = structlog.get_logger()


class Wakes(Protocol):
    """What `wakeups.Wakeups` offers."""

    async def wait(self, who: str, seconds: float) -> None: ...


@dataclass(slots=True, eq=False)
class _Waiter(Generic[V]):
    id: str
    done: Callable[[V], bool]
    result: "asyncio.Future[None]"
    seen: asyncio.Event = field(default_factory=asyncio.Event)
    view: V | None = None

    def look(self, view: V | None) -> None:
        """Takes a view; the waiting ends when it is the outcome."""
        self.view = view if view is not None else self.view
        self.seen.set()
        if view is not None and not self.result.done() and self.done(view):
            self.result.set_result(None)


class Waiting(Generic[V]):
    """Reads the ids that are waited for after each wake-up, and every 500 ms; idle while nobody waits."""

    def __init__(
        self,
        wakeups: Wakes,
        read: Callable[[Sequence[str]], Awaitable[Mapping[str, V]]],
        *,
        name: str = "waiting",
        largest: int = 10_000,
    ) -> None:
        self._wakeups = wakeups
        self._read = read
        self._name = name
        self._who = f"{name}-{builtin_id(self):x}"
        self._largest = largest
        self._waiters: dict[int, _Waiter[V]] = {}
        self._fresh = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    async def until(self, id: str, done: Callable[[V], bool], seconds: float) -> V | None:
        """The first view that is `done`, or the last one read within `seconds`; None if there was none.

        One view is read also with `seconds` 0. More than 10,000 at a time do not wait.
        """
        if len(self._waiters) >= self._largest:
            return (await self._read([id])).get(id)
        waiter: _Waiter[V] = _Waiter(id, done, asyncio.get_running_loop().create_future())
        self._waiters[builtin_id(waiter)] = waiter
        _waiting.labels(self._name).set(len(self._waiters))
        self._start()
        try:
            await self._await(waiter, seconds)
        finally:
            del self._waiters[builtin_id(waiter)]
            _waiting.labels(self._name).set(len(self._waiters))
        return waiter.view

    async def _await(self, waiter: _Waiter[V], seconds: float) -> None:
        # Not `asyncio.timeout`: it would cancel the result, and a waiter with a result is not read for any more.
        await asyncio.wait((waiter.result,), timeout=seconds)
        if not waiter.seen.is_set():
            await self._first_view(waiter)

    async def _first_view(self, waiter: _Waiter[V]) -> None:
        try:
            async with asyncio.timeout(FIRST_VIEW_SECONDS):
                await waiter.seen.wait()
        except TimeoutError:
            _log.warning("no view was read in time", waiting=self._name, id=waiter.id)

    def _start(self) -> None:
        self._fresh.set()
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._run(), name=f"waiting-{self._name}", context=Context())

    async def _run(self) -> None:
        while self._waiters:
            self._fresh.clear()
            await self._look()
            await asyncio.sleep(GAP_SECONDS)
            await self._woken()

    async def _look(self) -> None:
        waiters = [waiter for waiter in self._waiters.values() if not waiter.result.done()]
        if not waiters:
            return
        try:
            views = await self._read(sorted({waiter.id for waiter in waiters}))
        except Exception as error:
            _log.warning("waiting requests could not be read", waiting=self._name, error=repr(error))
            return
        for waiter in waiters:
            waiter.look(views.get(waiter.id))

    async def _woken(self) -> None:
        """Returns on a commit, on a new waiter, or after 500 ms."""
        commit = asyncio.create_task(self._wakeups.wait(self._who, POLL_SECONDS))
        fresh = asyncio.create_task(self._fresh.wait())
        try:
            await asyncio.wait((commit, fresh), return_when=asyncio.FIRST_COMPLETED)
        finally:
            commit.cancel()
            fresh.cancel()
