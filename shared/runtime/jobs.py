"""Timers: each tick is one transaction; a job that runs alone is held by one instance at a time."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from zlib import crc32

import structlog
from prometheus_client import Counter

from shared.runtime.database import Database, is_transient
from shared.runtime.transaction import Transaction

TRY_ALONE = "SELECT pg_try_advisory_xact_lock($1, $2)"
_LOCK_SPACE: Final = 0x10B5
_RETRY_SECONDS_MAX: Final = 30.0

_ticks = Counter("flacon_job_ticks_total", "Timer ticks by outcome", ["job", "outcome"])
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Job:
    """A timer; a tick returns how many things it did, and `batch` or more of them mean that it runs again at once."""

    name: str
    every_seconds: float
    tick: Callable[[Transaction], Awaitable[int]]
    batch: int = 1
    alone: bool = True


@dataclass(frozen=True, slots=True)
class Errand:
    """A timer whose work reaches outside: it opens transactions of its own and waits for nobody within one.

    `go` is given the event that ends it and returns how many things it did, as a tick does.
    """

    name: str
    every_seconds: float
    go: Callable[[Database, asyncio.Event], Awaitable[int]]
    batch: int = 1


async def run_jobs(database: Database, jobs: Sequence[Job | Errand], stop: asyncio.Event) -> None:
    """Runs every job until `stop`; a tick in hand is finished."""
    async with asyncio.TaskGroup() as tasks:
        for job in jobs:
            tasks.create_task(_run(database, job, stop), name=f"job-{job.name}")


async def _run(database: Database, job: Job | Errand, stop: asyncio.Event) -> None:
    failures = 0
    while not stop.is_set():
        try:
            done = await (tick_once(database, job) if isinstance(job, Job) else _go_once(database, job, stop))
            failures = 0
        except Exception as error:
            failures += 1
            done = 0
            _ticks.labels(job.name, "failed").inc()
            _log.log(
                30 if is_transient(error) else 40, "job failed", job=job.name, error=repr(error), failures=failures
            )
        if done < job.batch:
            await _pause(stop, _seconds(job, failures))


async def tick_once(database: Database, job: Job) -> int:
    """One tick in one transaction; 0 when another instance is at it.

    Raises whatever the tick raises; nothing is committed then.
    """
    async with database.transaction() as tx:
        done = 0
        if not job.alone or await tx.fetchval(TRY_ALONE, _LOCK_SPACE, _key(database.service, job.name)):
            done = await job.tick(tx)
        tx.quiet = done == 0 and tx.published == 0
    _ticks.labels(job.name, "done" if done else "idle").inc()
    return done


async def _go_once(database: Database, errand: Errand, stop: asyncio.Event) -> int:
    done = await errand.go(database, stop)
    _ticks.labels(errand.name, "done" if done else "idle").inc()
    return done


def _key(service: str, name: str) -> int:
    return crc32(f"{service}:{name}".encode()) - 2**31


def _seconds(job: Job | Errand, failures: int) -> float:
    if failures:
        return random.uniform(0.1, min(_RETRY_SECONDS_MAX, 0.5 * 2 ** min(failures, 6)))
    return job.every_seconds * random.uniform(0.9, 1.1)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
