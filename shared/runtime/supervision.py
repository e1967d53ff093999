"""Background tasks that must not die unnoticed: logged, shown in `/readyz`, and started again."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog
from prometheus_client import Counter

RESTART_SECONDS: Final = 0.2
RESTART_SECONDS_MAX: Final = 30.0
HEALTHY_SECONDS: Final = 60.0

_restarts = Counter("flacon_task_restarts_total", "Background tasks that ended unexpectedly", ["task"])
_log = structlog.get_logger()


class Supervised:
    """Runs `run(stop)` until it is told to stop; whenever it ends before, it is started again, later each time."""

    def __init__(
        self, name: str, run: Callable[[asyncio.Event], Awaitable[None]], broken: dict[str, str] | None = None
    ) -> None:
        self.name = name
        self._run = run
        self._broken = {} if broken is None else broken
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._supervise(), name=self.name)

    async def stop(self, seconds: float) -> None:
        """Asks it to end, and cancels it when it has not within `seconds`."""
        self._stop.set()
        if self._task is None:
            return
        done, _ = await asyncio.wait((self._task,), timeout=seconds)
        if not done:
            _log.error("background task did not stop in time", task=self.name, seconds=seconds)
            self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _supervise(self) -> None:
        failures = 0
        loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            started = loop.time()
            why = await self._run_once()
            if self._stop.is_set():
                return
            failures = 1 if loop.time() - started > HEALTHY_SECONDS else failures + 1
            self._broken[self.name] = f"ended unexpectedly: {why}"
            _restarts.labels(self.name).inc()
            await self._pause(failures)
            self._broken.pop(self.name, None)

    async def _run_once(self) -> str:
        try:
            await self._run(self._stop)
        except Exception as error:
            _log.exception("background task failed", task=self.name)
            return f"{type(error).__name__}: {error}"
        if not self._stop.is_set():
            _log.error("background task ended", task=self.name)
        return "no error"

    async def _pause(self, failures: int) -> None:
        bound = min(RESTART_SECONDS_MAX, RESTART_SECONDS * 2 ** min(failures, 10))
        with suppress(TimeoutError):
            async with asyncio.timeout(random.uniform(bound / 2, bound)):
                await self._stop.wait()
